/** The examples of the client's documents, run as they stand against a member of their own. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requirePeer, useMembers } from '../harness/etcd.js';
import { runnableBlocks } from './doc-blocks.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const blocks = await runnableBlocks();

describe.each(['quorate', 'etcd'] as const)('the examples, with %s', (program) => {
  if (!requirePeer(program, 'quorate')) return;
  const cluster = useMembers(program, 1);
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-examples-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const runnable = blocks.filter(({ needsGrants }) => program === 'quorate' || !needsGrants);

  it.each(runnable)('$name', async ({ name, code }) => {
    const client = JSON.stringify(join(root, 'client/dist/index.js'));
    const [endpoint = ''] = cluster().endpoints;
    const text = code.replaceAll("'@quorate/client'", client).replaceAll('127.0.0.1:2379', endpoint);
    const file = join(folder, `${name.replaceAll(/\W/g, '-')}.mts`);
    await writeFile(file, text);
    const tsx = join(root, 'node_modules/tsx/dist/loader.mjs');
    const { stderr } = await run(process.execPath, ['--import', tsx, file], { cwd: folder, timeout: 60_000 });
    expect(stderr).toBe('');
  });
});
