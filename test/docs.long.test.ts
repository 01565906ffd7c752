/**
 * The commands in the documents are what a newcomer types, so they are typed here: in a fresh clone, in order, with
 * nothing installed by hand. A comment before each shell block says what is done with it:
 *
 *   docs: serves     starts in the background and must come to serve; it runs until the next one, or the end
 *   docs: runs       every line must succeed, one after the other, in one shell
 *   docs: mentions   is run elsewhere (this test would start itself)
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requirePeer } from './harness/etcd.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const documents = ['README.md', 'CONTRIBUTING.md'];
const serveTimeoutMs = 180_000;

interface Block {
  readonly document: string;
  readonly kind: string;
  readonly script: string;
}

async function blocksOf(document: string): Promise<readonly Block[]> {
  const text = await readFile(join(root, document), 'utf8');
  const found = [...text.matchAll(/(?:<!-- docs: (\w+) -->\n)?```sh\n([\s\S]*?)```/g)];
  return found.map(([, kind = 'unmarked', script = '']) => ({ document, kind, script }));
}

/** Ends a server with everything it has started: it was made the leader of a process group. */
async function end(server: ChildProcess | undefined): Promise<void> {
  if (server?.pid === undefined || server.exitCode !== null) return;
  const closed = once(server, 'close');
  process.kill(-server.pid, 'SIGINT');
  await closed;
}

async function serve(script: string, cwd: string): Promise<ChildProcess> {
  const server = spawn('bash', ['-c', script], { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`does not serve: ${script}\n${output}`)), serveTimeoutMs);
    const look = (chunk: Buffer): void => {
      output += chunk.toString();
      if (!output.includes('leader known')) return;
      clearTimeout(timer);
      resolve();
    };
    server.stdout.on('data', look);
    server.stderr.on('data', look);
    server.once('exit', () => reject(new Error(`ended: ${script}\n${output}`)));
  });
  return server;
}

describe.skipIf(!requirePeer('etcdctl'))('the commands of the documents', () => {
  let clone = '';
  let server: ChildProcess | undefined;

  beforeAll(async () => {
    clone = await mkdtemp(join(tmpdir(), 'quorate-docs-'));
    await run('git', ['clone', '--quiet', root, clone]);
  });

  afterAll(async () => {
    await end(server);
    await rm(clone, { recursive: true, force: true });
  });

  it('say of every shell block what is to be done with it', async () => {
    const blocks = (await Promise.all(documents.map(blocksOf))).flat();
    expect(blocks.length).toBeGreaterThanOrEqual(6);
    expect(blocks.filter(({ kind }) => !['serves', 'runs', 'mentions'].includes(kind))).toEqual([]);
  });

  it('work when typed one after the other in a fresh clone', { timeout: 600_000 }, async () => {
    for (const { kind, script } of (await Promise.all(documents.map(blocksOf))).flat()) {
      if (kind === 'serves') {
        await end(server);
        server = await serve(script, clone);
      } else if (kind === 'runs') {
        const { stderr, stdout } = await run('bash', ['-euc', script], { cwd: clone });
        expect(`${stdout}${stderr}`).not.toBe('');
      }
    }
  });

  it('leave nothing behind that git would take for a change', async () => {
    const { stdout } = await run('git', ['status', '--porcelain'], { cwd: clone });
    expect(stdout).toBe('');
  });
});
