/**
 * Events carry a field that etcd does not have: why a key was deleted. etcd's own clients must not notice it. etcdctl and
 * the etcd3 package from npm show the same of Quorate's deletions as of etcd's, live and in history.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Etcd3 } from 'etcd3';
import { describe, expect, it } from 'vitest';
import { Cluster, until } from '../harness/cluster.js';
import { type Program, requirePeer } from '../harness/etcd.js';
import { etcdctl } from './etcdctl.js';

const waitMs = 20_000;
const deleted = ['c/deleted', 'c/txn', 'c/revoked', 'c/expired'];

/** What one client has shown so far. */
interface Watch {
  shown(): string;
  end(): void;
}

function etcdctlWatch(endpoint: string, args: readonly string[]): Watch {
  const all = ['--endpoints', endpoint, 'watch', 'c/', '--prefix', '--prev-kv', '--rev', '1', ...args];
  const child: ChildProcess = spawn('etcdctl', all, { env: { PATH: process.env['PATH'], ETCDCTL_API: '3' } });
  let shown = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    shown += bytes.toString();
  });
  return { shown: () => shown, end: () => child.kill('SIGKILL') };
}

/** How events are cut into messages is open, and so are the ids in headers and of leases. */
function jsonWatch(endpoint: string): Watch {
  const watch = etcdctlWatch(endpoint, ['-w', 'json']);
  const events = (): readonly unknown[] => {
    const lines = watch.shown().split('\n').slice(0, -1);
    return lines.flatMap((line) => (JSON.parse(line) as { readonly Events: readonly unknown[] }).Events);
  };
  return { ...watch, shown: () => JSON.stringify(events()).replaceAll(/"lease":\d+/g, '"lease":1') };
}

async function npmWatch(client: Etcd3): Promise<Watch> {
  const watcher = await client.watch().prefix('c/').startRevision('1').withPreviousKV().create();
  const lines: string[] = [];
  watcher.on('put', ({ key, value }) => lines.push(`put ${key.toString()} ${value.toString()}`));
  watcher.on('delete', ({ key, ...rest }, before) => {
    lines.push(`delete ${key.toString()} ${JSON.stringify(rest)} was ${before?.value.toString()}`);
  });
  return { shown: () => lines.join('\n'), end: () => void watcher.cancel() };
}

async function deleteInEveryWay(endpoint: string): Promise<void> {
  const run = async (args: readonly string[], stdin = ''): Promise<string> => {
    const { exitCode, stdout, stderr } = await etcdctl([endpoint], args, stdin);
    if (exitCode !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const grant = async (ttl: number): Promise<string> => (await run(['lease', 'grant', `${ttl}`])).split(' ')[1] ?? '';
  const [short, long] = [await grant(1), await grant(1_000)];
  for (const key of ['c/deleted', 'c/txn']) await run(['put', key, 'v']);
  await run(['put', 'c/revoked', 'v', '--lease', long]);
  await run(['put', 'c/expired', 'v', '--lease', short]);
  await run(['del', 'c/deleted']);
  await run(['txn'], '\ndel c/txn\n\n\n');
  await run(['lease', 'revoke', long]);
}

async function shownOf(program: Program): Promise<Readonly<Record<string, string>>> {
  const cluster = await Cluster.start({ program, size: 1 });
  const endpoint = cluster.members[0]?.spec.endpoint ?? '';
  const client = new Etcd3({ hosts: `http://${endpoint}` });
  const watches = new Map<string, Watch>();
  const watchAll = async (when: string): Promise<void> => {
    watches.set(`etcdctl ${when}`, etcdctlWatch(endpoint, []));
    watches.set(`etcdctl -w json ${when}`, jsonWatch(endpoint));
    watches.set(`etcd3 ${when}`, await npmWatch(client));
  };
  // The last deletion names its key for the second time; JSON has keys in base64.
  const isComplete = (watch: Watch): boolean =>
    ['c/expired', Buffer.from('c/expired').toString('base64')].some((name) => watch.shown().split(name).length > 2);
  const allTold = (): Promise<true> =>
    until('every watch to tell all', waitMs, async () => [...watches.values()].every(isComplete) || undefined);
  try {
    await watchAll('live');
    await deleteInEveryWay(endpoint);
    await allTold();
    await watchAll('from history');
    await allTold();
    return Object.fromEntries([...watches].map(([name, watch]) => [name, watch.shown()]));
  } finally {
    for (const watch of watches.values()) watch.end();
    client.close();
    await cluster.end();
  }
}

describe.skipIf(!requirePeer('etcd', 'quorate', 'etcdctl'))('why a key was deleted', () => {
  it("is skipped by etcd's clients", { timeout: 120_000 }, async () => {
    const [theirs, ours] = [await shownOf('etcd'), await shownOf('quorate')];
    expect(ours).toEqual(theirs);
    expect(Object.keys(ours)).toHaveLength(6);
    for (const key of deleted) expect(ours['etcdctl live']).toContain(`DELETE\n${key}\nv\n${key}\n`);
  });
});
