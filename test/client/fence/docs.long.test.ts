/** The examples of the document on fencing: compiled, and run as they stand against a member and the databases. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requirePeer, useMembers } from '../../harness/etcd.js';
import { runnableBlocks } from '../doc-blocks.js';
import { requireDatabase, useDatabase } from './databases.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../../..');
const blocks = await runnableBlocks('databases');
const fileOf = (name: string): string => `${name.replaceAll(/\W/g, '-')}.mts`;

describe.skipIf(!requirePeer('quorate') || !requireDatabase('postgres', 'mariadb', 'redis'))('the examples', () => {
  const cluster = useMembers('quorate', 1);
  const postgres = useDatabase('postgres');
  const mariadb = useDatabase('mariadb');
  const redis = useDatabase('redis');
  let folder = '';

  beforeAll(async () => {
    const connection = await createConnection({ host: '127.0.0.1', port: mariadb(), user: 'root' });
    await connection.query('CREATE DATABASE shop');
    await connection.end();
    folder = await mkdtemp(join(tmpdir(), 'quorate-examples-'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    for (const { name, code } of blocks) {
      const text = code
        .replaceAll('127.0.0.1:2379', cluster().endpoints[0] ?? '')
        .replaceAll('127.0.0.1:5432', `127.0.0.1:${postgres()}`)
        .replaceAll('127.0.0.1:3306', `127.0.0.1:${mariadb()}`)
        .replaceAll('127.0.0.1:6379', `127.0.0.1:${redis()}`);
      await writeFile(join(folder, fileOf(name)), text);
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('are there', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(4);
  });

  it('compile', async () => {
    const compilerOptions = {
      ...{ module: 'nodenext', target: 'es2023', lib: ['es2023'], types: ['node'], noEmit: true },
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: true },
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }));
    const tsc = join(root, 'node_modules/.bin/tsc');
    const { stdout } = await run(tsc, ['-p', '.', '--pretty', 'false'], { cwd: folder }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  });

  it.each(blocks)('$name', async ({ name }) => {
    const tsx = join(root, 'node_modules/tsx/dist/loader.mjs');
    const args = ['--import', tsx, fileOf(name)];
    const { stderr } = await run(process.execPath, args, { cwd: folder, timeout: 120_000 });
    expect(stderr).toBe('');
  });
});
