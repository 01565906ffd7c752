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
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8'),
  ) as { dependencies?: Record<string, string>; optionalDependencies?: Record<string, string> };
  for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) {
    await dependenciesOf(dependency, seen);
  }
  return seen;
}

/** What of a package is native, or builds what is. Its own dependencies are other packages' business. */
async function nativePartsOf(packageName: string): Promise<readonly string[]> {
  const place = join(root, 'node_modules', packageName);
  const { scripts = {}, gypfile = false } = JSON.parse(await readFile(join(place, 'package.json'), 'utf8')) as {
    scripts?: Record<string, string>;
    gypfile?: boolean;
  };
  const files = await readdir(place, { recursive: true });
  return [
    ...(gypfile ? ['gypfile'] : []),
    ...['preinstall', 'install', 'postinstall'].filter((name) => /gyp|prebuild|napi|cmake/.test(scripts[name] ?? '')),
    ...files.filter((file) => !/(^|\/)node_modules\//.test(file) && /\.node$|\.wasm$|(^|\/)binding\.gyp$/.test(file)),
  ];
}

/** What must be refused under the strictest settings: the compiler complains of each of these lines that it lets pass. */
const refused = `
  import { type Client, connect, put, type Revision } from '@quorate/client';
  declare const client: Client;
  // @ts-expect-error An option is left out, not undefined.
  void client.watch('k', { initial: undefined });
  // @ts-expect-error A key is text or bytes.
  void client.kv.get(1);
  // @ts-expect-error Not any number is a revision.
  const at: Revision = 1;
  // @ts-expect-error It may not be there.
  void client.kv.get('k').then((kv) => kv.text());
  // @ts-expect-error The result of the put is no key and value.
  void client.txn().then(put('k', 'v')).commit().then((done) => done.ok && done.results[0].text());
  // @ts-expect-error There is no such option.
  void connect('a:1', { retries: 3 });
  export { at };
`;

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

  it('would not pass for them if something of it led nowhere', async () => {
    const broken = join(folder, 'broken');
    await mkdir(broken);
    const manifest = { name: 'broken', version: '0.1.0', type: 'module', license: 'Apache-2.0' };
    const exports = { '.': { types: './index.d.ts', default: './index.js' }, './other': './nothing.js' };
    await writeFile(join(broken, 'package.json'), JSON.stringify({ ...manifest, exports }));
    await writeFile(join(broken, 'index.js'), 'export const one = 1;\n');
    await writeFile(join(broken, 'index.d.ts'), "export { one } from './nothing.js';\n");
    await run('npm', ['pack', '--pack-destination', broken], { cwd: broken });
    const archive = join(broken, 'broken-0.1.0.tgz');
    await expect(run(bin('publint'), ['run', archive, '--strict'])).rejects.toMatchObject({ code: 1 });
    await expect(run(bin('attw'), [archive, '--profile', 'esm-only'])).rejects.toMatchObject({ code: 1 });
  });

  it('has nothing in its tree that must be built', async () => {
    const names = await dependenciesOf('@quorate/client');
    expect(names.size).toBeGreaterThan(5);
    for (const name of names) expect(await nativePartsOf(name), name).toEqual([]);
    // As the engines of members have.
    for (const name of ['rocksdb', 'classic-level']) expect(await nativePartsOf(name), name).not.toEqual([]);
  });

  it('depends on gRPC and our protocols alone', async () => {
    const { dependencies } = JSON.parse(await readFile(join(root, 'client/package.json'), 'utf8'));
    expect(Object.keys(dependencies)).toEqual(['@grpc/grpc-js', '@quorate/proto']);
  });

  it('runs', async () => {
    const program = `
      import { connect, isQuorateError } from '@quorate/client';
      import { fencedRedis } from '@quorate/client/fence';
      const error = await connect('127.0.0.1:1', { connectTimeout: 200 }).catch((reason) => reason);
      const unnamed = { name: '', grant: { token: 1, assertHeld() {} } };
      const refusal = await fencedRedis({}, unnamed, []).catch((reason) => reason);
      console.log(isQuorateError(error, 'UNAVAILABLE'), isQuorateError(refusal, 'INVALID_ARGUMENT'));`;
    await writeFile(join(folder, 'runs.mjs'), program);
    expect((await run(process.execPath, ['runs.mjs'], { cwd: folder })).stdout).toBe('true true\n');
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
      await writeFile(join(project, 'refused.ts'), refused);
      // Its examples need drivers, which it must do without.
      await writeFile(join(project, 'fence.ts'), "export * from '@quorate/client/fence';\n");
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
        (error: { code: unknown; stdout: string }) => {
          // It complains with an exit code; a compiler that is not there has another one.
          if (typeof error.code !== 'number') throw error;
          return error;
        },
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
