/**
 * The package as users get it: packed, unpacked beside what it depends on, and compiled against under the strictest
 * settings that a project may have.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runnableBlocks } from './doc-blocks.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const bin = (name: string): string => join(root, 'node_modules/.bin', name);
const compilers = [
  { name: 'TypeScript 7', tsc: bin('tsc') },
  { name: 'TypeScript 6', tsc: join(root, 'scripts/api-docs/node_modules/.bin/tsc') },
];
const resolutions = [
  { name: 'NodeNext', options: { module: 'nodenext', moduleResolution: 'nodenext' } },
  { name: 'Bundler', options: { module: 'esnext', moduleResolution: 'bundler' } },
];

/** What a program of ours may need at run time, package by package. */
async function dependenciesOf(name: string, seen = new Set<string>()): Promise<ReadonlySet<string>> {
  if (seen.has(name)) return seen;
  seen.add(name);
  const { dependencies = {} } = JSON.parse(
    await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8'),
  ) as {
    dependencies?: Record<string, string>;
  };
  for (const dependency of Object.keys(dependencies)) await dependenciesOf(dependency, seen);
  return seen;
}

describe('the package of the client', () => {
  let folder = '';
  let tarball = '';

  beforeAll(async () => {
    await run(bin('tsc'), ['-b', 'proto', 'client'], { cwd: root });
    folder = await mkdtemp(join(tmpdir(), 'quorate-package-'));
    const args = ['pack', '--workspace', 'client', '--workspace', 'proto', '--pack-destination', folder];
    await run('npm', args, { cwd: root });
    tarball = join(folder, 'quorate-client-0.1.0.tgz');
    for (const name of ['client', 'proto']) {
      const target = join(folder, 'node_modules/@quorate', name);
      await mkdir(target, { recursive: true });
      const archive = join(folder, `quorate-${name}-0.1.0.tgz`);
      await run('tar', ['-xzf', archive, '-C', target, '--strip-components=1']);
    }
    const others = new Set([...(await dependenciesOf('@quorate/client')), '@types/node', 'undici-types']);
    for (const name of others) {
      if (name.startsWith('@quorate/')) continue;
      const target = join(folder, 'node_modules', name);
      await mkdir(dirname(target), { recursive: true });
      await symlink(join(root, 'node_modules', name), target);
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is well-formed for publint and attw', async () => {
    expect((await run(bin('publint'), ['run', tarball, '--strict'])).stdout).toContain('All good!');
    await run(bin('attw'), [tarball, '--profile', 'esm-only']);
  });

  it('has nothing in its tree that must be built', async () => {
    const names = await dependenciesOf('@quorate/client');
    expect(names.size).toBeGreaterThan(5);
    for (const name of names) {
      const place = join(root, 'node_modules', name);
      const files = await readdir(place);
      expect(
        files.filter((file) => file.endsWith('.node') || file === 'binding.gyp'),
        name,
      ).toEqual([]);
      expect(files.includes('prebuilds'), name).toBe(false);
    }
  });

  it('depends on gRPC and our protocols alone', async () => {
    const { dependencies } = JSON.parse(await readFile(join(root, 'client/package.json'), 'utf8'));
    expect(Object.keys(dependencies)).toEqual(['@grpc/grpc-js', '@quorate/proto']);
  });

  it('runs', async () => {
    const program = `
      import { connect, isQuorateError } from '@quorate/client';
      const error = await connect('127.0.0.1:1', { connectTimeout: 200 }).catch((reason) => reason);
      console.log(isQuorateError(error, 'UNAVAILABLE'));`;
    await writeFile(join(folder, 'runs.mjs'), program);
    expect((await run(process.execPath, ['runs.mjs'], { cwd: folder })).stdout).toBe('true\n');
  });

  describe.each(compilers)('under $name', ({ tsc }) => {
    it.each(resolutions)('compiles as $name, with every example of the documents', async ({ name, options }) => {
      const project = join(folder, name);
      await mkdir(project, { recursive: true });
      const blocks = await runnableBlocks();
      expect(blocks.length).toBeGreaterThan(5);
      for (const [place, { code }] of blocks.entries()) {
        // A document needs no second name for what it imports.
        await writeFile(join(project, `block-${place}.ts`), `${code}\nexport {};\n`);
      }
      const config = {
        compilerOptions: {
          ...options,
          target: 'es2023',
          lib: ['es2023', 'esnext.disposable'],
          types: ['node'],
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          isolatedModules: true,
          skipLibCheck: false,
          noEmit: true,
        },
        include: ['*.ts'],
      };
      await writeFile(join(project, 'package.json'), '{ "type": "module" }');
      await writeFile(join(project, 'tsconfig.json'), JSON.stringify(config));
      const { stdout } = await run(tsc, ['-p', '.', '--pretty', 'false'], { cwd: project }).catch(
        (error: { stdout: string }) => error,
      );
      // The types of Node.js themselves do not hold under these settings.
      const complaints = stdout.split('\n').filter((line) => line.includes('error') && !line.includes('/@types/node/'));
      expect(complaints).toEqual([]);
    });
  });

  it('can be read by typedoc, every word of its promise', async () => {
    const typedoc = join(root, 'scripts/api-docs/node_modules/.bin/typedoc');
    const out = join(folder, 'api');
    await run(typedoc, ['--options', 'typedoc.json', '--out', out], { cwd: join(root, 'scripts/api-docs') });
    expect(await readdir(out)).toContain('index.html');
  });
});
