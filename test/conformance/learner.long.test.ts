/**
 * What a learner refuses: every call of the API, bare, to a learner of real etcd and to one of ours, which both must
 * refuse or serve, in the same words. The code is that of etcd 3.5 and later, which is 9 where 3.4 has 14. Left out is what
 * no member of ours serves yet.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { ClusterDefinition } from '@quorate/proto/etcd/cluster.js';
import { ElectionDefinition } from '@quorate/proto/etcd/election.js';
import { KVDefinition, RangeRequest } from '@quorate/proto/etcd/kv.js';
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import { LockDefinition } from '@quorate/proto/etcd/lock.js';
import { MaintenanceDefinition } from '@quorate/proto/etcd/maintenance.js';
import { WatchDefinition } from '@quorate/proto/etcd/watch.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { planMembers, requirePeer, startMember, untilServing } from '../harness/etcd.js';
import { until } from '../harness/cluster.js';
import { OpenStream } from '../rpc/call-on.js';
import { serveMember } from '../rpc/served-member.js';
import { etcdctl } from './etcdctl.js';

const services = [
  KVDefinition,
  WatchDefinition,
  LeaseDefinition,
  LockDefinition,
  ElectionDefinition,
  ClusterDefinition,
  MaintenanceDefinition,
];
const refusal = 'etcdserver: rpc not supported for learner';
const nothing = Buffer.alloc(0);
const aKey = Buffer.from('k');
const serializable = RangeRequest.encode(RangeRequest.fromPartial({ key: aKey, serializable: true })).finish();
const linearizable = RangeRequest.encode(RangeRequest.fromPartial({ key: aKey })).finish();

interface Asked {
  readonly path: string;
  readonly kind: { readonly requestStream: boolean; readonly responseStream: boolean };
  readonly request: Buffer;
}

const calls: readonly Asked[] = [
  ...services.flatMap(({ fullName, methods }) =>
    Object.values(methods).map((kind) => ({ path: `/${fullName}/${kind.name}`, kind, request: nothing })),
  ),
  ...[serializable, linearizable].map((bytes) => ({
    path: '/etcdserverpb.KV/Range',
    kind: { requestStream: false, responseStream: false },
    request: Buffer.from(bytes),
  })),
];

/** The outcome of each call, in words. */
async function ask(endpoint: string): Promise<readonly string[]> {
  const client = new Client(endpoint, credentials.createInsecure());
  const told: string[] = [];
  for (const { path, kind, request } of calls) {
    const { code, text } = await OpenStream.ofKind(kind, client, path, request).ended;
    const outcome = code === 0 ? 'served' : `${text === refusal ? 9 : code} ${text}`;
    told.push(`${path} ${request.toString('hex')}: ${outcome}`);
  }
  client.close();
  return told;
}

async function startEtcdLearner(root: string): Promise<string> {
  const [first, second] = await planMembers(2, root);
  if (first === undefined || second === undefined) throw new Error('two members are needed');
  const founder = await startMember('etcd', { ...first, initialCluster: `${first.name}=${first.peerUrl}` });
  onTestFinished(async () => void (await founder.stop()));
  await untilServing(founder, first.endpoint);
  const added = await etcdctl(
    [first.endpoint],
    ['member', 'add', second.name, '--learner', `--peer-urls=${second.peerUrl}`],
  );
  expect(added.exitCode, added.stderr).toBe(0);
  const learner = await startMember('etcd', second, ['--initial-cluster-state', 'existing']);
  onTestFinished(async () => void (await learner.stop()));
  const args = ['get', 'k', '--consistency=s'];
  await until('the learner', 30_000, async () => (await etcdctl([second.endpoint], args)).exitCode === 0 || undefined);
  return second.endpoint;
}

describe.skipIf(!requirePeer('etcd', 'etcdctl'))('a learner of Quorate and one of etcd', () => {
  it('refuse the same calls in the same words', { timeout: 80_000 }, async () => {
    const root = await mkdtemp(join(tmpdir(), 'quorate-learner-'));
    const ours = await serveMember({ voters: 2, isLearner: true });
    onTestFinished(async () => {
      await ours.close();
      await rm(root, { recursive: true, force: true });
    });
    const expected = await ask(await startEtcdLearner(root));
    const actual = await ask(`127.0.0.1:${ours.port}`);
    const isServed = (line: string): boolean => !line.includes(': 12 quorate: not implemented');
    const compared = actual.map((line, at) => [expected[at], line] as const).filter(([, line]) => isServed(line));
    expect(compared.length).toBeGreaterThan(20);
    expect(compared.map(([, line]) => line)).toEqual(compared.map(([line]) => line));
    expect(compared.filter(([line]) => line?.includes(refusal))).toHaveLength(compared.length - 2);
  });
});
