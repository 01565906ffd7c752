/**
 * A member stops while calls are open that nobody can finish: whoever waits for a lock, leads, observes, keeps a lease
 * alive or watches is refused at once, and the stop does not wait for any of them.
 */
import type { Client } from '@grpc/grpc-js';
import { ElectionDefinition, LeaderRequest } from '@quorate/proto/etcd/election.js';
import { LeaseDefinition, LeaseKeepAliveRequest } from '@quorate/proto/etcd/lease.js';
import { LockDefinition } from '@quorate/proto/etcd/lock.js';
import { WatchRequest } from '@quorate/proto/etcd/watch.js';
import { CoordinationDefinition } from '@quorate/proto/quorate/v1/coordination.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeMessage } from '../../server/rpc/codec.js';
import { keyQuery } from '../../server/state/key-query.js';
import { callOn, OpenStream } from './call-on.js';
import { refusalOf } from './door.js';
import { serveMember, type ServedMember } from './served-member.js';

const graceMs = 10_000;
/** A machine that is busy, and no more: it must not be the grace period that ends it. */
const promptMs = 3_000;
const stopped = { code: 14, text: 'etcdserver: server stopped', quorateCode: 'STOPPED' };
const name = Buffer.from('n');

let member: ServedMember;
let client: Client;
beforeEach(async () => {
  member = await serveMember();
  client = member.connect();
  for (const id of [1n, 2n]) {
    await callOn(client, LeaseDefinition, LeaseDefinition.methods.leaseGrant, { ID: id, TTL: 60n });
  }
});
afterEach(() => member.close());

const keys = async (): Promise<readonly string[]> => {
  const range = { ...keyQuery('\0'), rangeEnd: '\0', serializable: true, keysOnly: true };
  return (await member.kv.range(range)).kvs.map(({ key }) => key);
};

const lock = (lease: bigint) => callOn(client, LockDefinition, LockDefinition.methods.lock, { name, lease }, 60_000);
const campaign = (lease: bigint) => {
  const request = { name, lease, value: Buffer.from('v') };
  return callOn(client, ElectionDefinition, ElectionDefinition.methods.campaign, request, 60_000);
};

async function stopPromptly(): Promise<void> {
  const from = performance.now();
  await member.server.stop(graceMs);
  expect(performance.now() - from).toBeLessThan(promptMs);
}

describe('a member that stops', () => {
  it.each([
    ['a lock', lock],
    ['an election', campaign],
  ])('refuses who waits for %s, and gives the place back', async (_, enter) => {
    await enter(1n);
    const waiter = refusalOf(enter(2n));
    await expect.poll(keys).toEqual(['n/1', 'n/2']);
    await stopPromptly();
    expect(await waiter).toMatchObject(stopped);
    await expect.poll(keys).toEqual(['n/1']);
  });

  it('takes back the lease of its own that a waiter has', async () => {
    await lock(1n);
    const waiter = refusalOf(lock(0n));
    await expect.poll(async () => (await keys()).length).toBe(2);
    await stopPromptly();
    expect(await waiter).toMatchObject(stopped);
    await expect.poll(() => [...member.node.machine.leases.all()].map(({ id }) => id)).toEqual([1n, 2n]);
  });

  it.each([
    [
      'observes',
      () =>
        OpenStream.server(
          client,
          `/${ElectionDefinition.fullName}/${ElectionDefinition.methods.observe.name}`,
          encodeMessage(LeaderRequest, { name }),
        ),
    ],
    [
      'keeps a lease alive',
      () =>
        OpenStream.bidi(client, '/etcdserverpb.Lease/LeaseKeepAlive', [
          encodeMessage(LeaseKeepAliveRequest, { ID: 1n }),
        ]),
    ],
    [
      'watches',
      () => {
        const request = WatchRequest.fromPartial({
          requestUnion: { $case: 'createRequest', value: { key: Buffer.from('k') } },
        });
        return OpenStream.bidi(client, '/etcdserverpb.Watch/Watch', [encodeMessage(WatchRequest, request)]);
      },
    ],
  ])('refuses who %s, with the stream open', async (_, open) => {
    await campaign(1n);
    const stream = open();
    await expect.poll(() => stream.told).toBe(1);
    await stopPromptly();
    expect(await stream.ended).toEqual(stopped);
  });

  it('refuses who has opened a stream and not said yet what it observes', async () => {
    const { observe } = CoordinationDefinition.methods;
    const stream = OpenStream.bidi(client, `/${CoordinationDefinition.fullName}/${observe.name}`, []);
    // One call after it on the same connection: then the member has it.
    await callOn(client, LeaseDefinition, LeaseDefinition.methods.leaseGrant, { ID: 3n, TTL: 60n });
    await stopPromptly();
    expect(await stream.ended).toEqual(stopped);
  });
});
