/**
 * A member is asked to leave while clients wait at it: for a lock and an election, as observers, with a lease that they
 * keep alive, with a watch. Nobody's wait holds it up, and each is told why it ended.
 */
import { Client, credentials } from '@grpc/grpc-js';
import { CampaignRequest, LeaderRequest } from '@quorate/proto/etcd/election.js';
import { RangeRequest, RangeResponse } from '@quorate/proto/etcd/kv.js';
import { LeaseGrantRequest, LeaseKeepAliveRequest } from '@quorate/proto/etcd/lease.js';
import { LockRequest } from '@quorate/proto/etcd/lock.js';
import { WatchRequest } from '@quorate/proto/etcd/watch.js';
import { describe, expect, it } from 'vitest';
import { until, withCluster } from '../harness/cluster.js';
import { RawClient } from '../harness/raw-client.js';
import { OpenStream } from '../rpc/call-on.js';
import { hasSubject, subject } from './subject.js';

const stopLimitMs = 5_000;
const timeoutMs = 60_000;
const name = Buffer.from('n');
const stopped = { code: 14, text: 'etcdserver: server stopped', quorateCode: 'STOPPED' };

const lockOf = (lease: bigint) => Buffer.from(LockRequest.encode({ name, lease }).finish());
const campaignOf = (lease: bigint) =>
  Buffer.from(CampaignRequest.encode({ name: Buffer.from('e'), lease, value: name }).finish());

async function ask(client: RawClient, method: string, request: Uint8Array): Promise<Buffer> {
  const answer = await client.call(method, request);
  if (!answer.ok) throw new Error(`${method}: ${answer.text}`);
  return answer.bytes;
}

/** Locks and leads under lease 1 by `holder`; lease 2 is there for whoever waits. */
async function occupy(holder: RawClient): Promise<void> {
  for (const ID of [1n, 2n]) {
    await ask(holder, '/etcdserverpb.Lease/LeaseGrant', LeaseGrantRequest.encode({ ID, TTL: 600n }).finish());
  }
  await ask(holder, '/v3lockpb.Lock/Lock', lockOf(1n));
  await ask(holder, '/v3electionpb.Election/Campaign', campaignOf(1n));
}

async function keysOf(client: RawClient): Promise<readonly string[]> {
  const everything = RangeRequest.fromPartial({ key: Buffer.from('\0'), rangeEnd: Buffer.from('\0'), keysOnly: true });
  const bytes = await ask(client, '/etcdserverpb.KV/Range', RangeRequest.encode(everything).finish());
  return RangeResponse.decode(bytes).kvs.map(({ key }) => key.toString());
}

function waitAt(client: Client): readonly OpenStream[] {
  const create = { $case: 'createRequest' as const, value: { key: Buffer.from('k') } };
  const watch = WatchRequest.encode(WatchRequest.fromPartial({ requestUnion: create })).finish();
  const keepAlive = LeaseKeepAliveRequest.encode({ ID: 1n }).finish();
  const observe = LeaderRequest.encode({ name: Buffer.from('e') }).finish();
  return [
    OpenStream.ofKind({}, client, '/v3lockpb.Lock/Lock', lockOf(2n)),
    OpenStream.ofKind({}, client, '/v3electionpb.Election/Campaign', campaignOf(2n)),
    OpenStream.server(client, '/v3electionpb.Election/Observe', Buffer.from(observe)),
    OpenStream.bidi(client, '/etcdserverpb.Lease/LeaseKeepAlive', [Buffer.from(keepAlive)]),
    OpenStream.bidi(client, '/etcdserverpb.Watch/Watch', [Buffer.from(watch)]),
  ];
}

describe.runIf(subject === 'quorate' && hasSubject())('quorate: a member leaves while clients wait at it', () => {
  it.each(['the leader', 'a follower'])('%s', { timeout: timeoutMs }, async (which) => {
    await withCluster({ program: subject }, async (cluster) => {
      const { leader, followers } = await cluster.untilSettled();
      const [follower, other] = followers;
      if (follower === undefined || other === undefined) throw new Error('three members are needed');
      const leaving = which === 'the leader' ? leader : follower;
      const holder = new RawClient(other.spec.endpoint);
      await occupy(holder);
      const client = new Client(leaving.spec.endpoint, credentials.createInsecure());
      const calls = waitAt(client);
      const isAtWork = async (): Promise<true | undefined> =>
        (calls.slice(2).every(({ told }) => told > 0) && (await keysOf(holder)).length === 4) || undefined;
      await until('everybody to wait', 20_000, isAtWork);

      const signalMs = performance.now();
      const exit = await leaving.stop();
      const exitMs = performance.now() - signalMs;
      console.log(`${which} left in ${exitMs.toFixed(0)} ms`);
      expect(exit).toEqual({ code: 0, signal: null });
      expect(exitMs).toBeLessThan(stopLimitMs);
      expect(await Promise.all(calls.map(({ ended }) => ended))).toEqual(calls.map(() => stopped));
      // Nobody waits in line any more.
      await until('the places to be given back', 20_000, async () => (await keysOf(holder)).length === 2 || undefined);
      client.close();
      holder.close();
    });
  });
});
