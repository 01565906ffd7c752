/**
 * The same requests on a watch stream of Quorate and of a real etcd, after the same writes: both must say the same to
 * every watcher. Left out is what etcd leaves open (how events are cut into messages, what comes first on different
 * watchers) and where we say less on purpose: the header of a watcher that still catches up.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { CompactionRequest, DeleteRangeRequest, PutRequest, TxnRequest } from '@quorate/proto/etcd/kv.js';
import { Event_DeleteCause } from '@quorate/proto/etcd/mvcc.js';
import { LeaseGrantRequest, LeaseRevokeRequest } from '@quorate/proto/etcd/lease.js';
import { describe, expect, it } from 'vitest';
import { Cluster } from '../harness/cluster.js';
import { requirePeer } from '../harness/etcd.js';
import { RawClient } from '../harness/raw-client.js';
import { inWords, WatchClient } from '../rpc/watch-client.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const quietMs = 400;

class Subject {
  readonly #raw: RawClient;
  readonly #client: Client;
  readonly #streams: WatchClient[] = [];

  constructor(endpoint: string) {
    this.#raw = new RawClient(endpoint);
    this.#client = new Client(endpoint, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  }

  async open(): Promise<WatchClient> {
    const stream = new WatchClient(this.#client);
    this.#streams.push(stream);
    return stream;
  }

  put(key: string, value: string, lease = 0n): Promise<void> {
    return this.#call(
      'KV/Put',
      PutRequest.encode(PutRequest.fromPartial({ key: bytes(key), value: bytes(value), lease })).finish(),
    );
  }

  grant(ID: bigint, TTL: bigint): Promise<void> {
    return this.#call('Lease/LeaseGrant', LeaseGrantRequest.encode({ ID, TTL }).finish());
  }

  revoke(ID: bigint): Promise<void> {
    return this.#call('Lease/LeaseRevoke', LeaseRevokeRequest.encode({ ID }).finish());
  }

  del(key: string, rangeEnd = ''): Promise<void> {
    const request = DeleteRangeRequest.fromPartial({ key: bytes(key), rangeEnd: bytes(rangeEnd) });
    return this.#call('KV/DeleteRange', DeleteRangeRequest.encode(request).finish());
  }

  /** Puts of several keys, then a delete of another, at once. */
  txn(puts: readonly string[], gone: string): Promise<void> {
    const success = [
      ...puts.map((key) => ({
        request: { $case: 'requestPut' as const, value: { key: bytes(key), value: bytes('t') } },
      })),
      { request: { $case: 'requestDeleteRange' as const, value: { key: bytes(gone) } } },
    ];
    return this.#call('KV/Txn', TxnRequest.encode(TxnRequest.fromPartial({ success })).finish());
  }

  compact(revision: number): Promise<void> {
    const request = CompactionRequest.fromPartial({ revision: BigInt(revision), physical: true });
    return this.#call('KV/Compact', CompactionRequest.encode(request).finish());
  }

  /** What each watcher of each stream was told, once nothing more comes. */
  async told(): Promise<unknown> {
    const count = (): number => this.#streams.reduce((sum, { responses }) => sum + responses.length, 0);
    for (let before = -1; before !== count(); ) {
      before = count();
      await delay(quietMs);
    }
    return this.#streams.map(comparable);
  }

  close(): void {
    for (const { call } of this.#streams) call.cancel();
    this.#raw.close();
    this.#client.close();
  }

  async #call(method: string, message: Uint8Array): Promise<void> {
    const answer = await this.#raw.call(`/etcdserverpb.${method}`, message);
    if (!answer.ok) throw new Error(answer.text);
  }
}

/** Answers in their order; events by watcher, without `deleteCause`, which etcd does not have. */
function comparable({ responses }: WatchClient): unknown {
  const answers: string[] = [];
  const events: Record<string, string[]> = {};
  for (const response of responses) {
    const isAnswer = response.created || response.canceled || response.events.length === 0;
    if (isAnswer) answers.push(response.created ? inWords(response).replace(/@\d+/, '@') : inWords(response));
    for (const each of response.events) {
      const event = { ...each, deleteCause: Event_DeleteCause.UNSPECIFIED };
      (events[String(response.watchId)] ??= []).push(inWords({ ...response, events: [event], header: undefined }));
    }
  }
  return { answers, events };
}

const scenes: Readonly<Record<string, (subject: Subject) => Promise<void>>> = {
  'what happens from now on': async (subject) => {
    await subject.put('a', '1');
    const watch = await subject.open();
    watch.create('a', { prevKv: true });
    watch.create('a', { rangeEnd: 'c' });
    watch.create('b', { rangeEnd: '\0', prevKv: true });
    watch.create('', { rangeEnd: '\0' });
    await watch.told(4);
    await subject.put('a', '2');
    await subject.txn(['b', 'bb', 'c'], 'a');
    await subject.put('a', '3');
    await subject.del('b', 'c');
    await subject.del('nothing');
  },
  'all of the past, with what was before': async (subject) => {
    for (let round = 0; round < 30; round += 1) await subject.put(`p${round % 4}`, String(round));
    await subject.txn(['p1', 'p9'], 'p2');
    await subject.del('p', 'q');
    const watch = await subject.open();
    watch.create('p', { rangeEnd: 'q', startRevision: 1n, prevKv: true });
    watch.create('p1', { startRevision: 12n, prevKv: true });
    watch.create('p', { rangeEnd: 'q', startRevision: 20n, filters: [0] });
    watch.create('p', { rangeEnd: 'q', startRevision: 20n, filters: [1] });
    watch.create('p', { rangeEnd: 'q', startRevision: 1n, filters: [0, 1] });
    await watch.told(5);
    await subject.put('p0', 'last');
  },
  'the future': async (subject) => {
    const watch = await subject.open();
    watch.create('f', { startRevision: 60n });
    await watch.told(1);
    for (let round = 0; round < 60; round += 1) await subject.put('f', String(round));
  },
  'creations that fail, ids, cancellations': async (subject) => {
    const watch = await subject.open();
    watch.create('a', { watchId: 7n });
    watch.create('a', { watchId: 7n });
    watch.create('a');
    watch.create('b', { rangeEnd: 'a' });
    watch.create('b', { rangeEnd: 'b' });
    watch.create('b', { watchId: 1n });
    watch.create('b');
    watch.create('b', { watchId: -9n });
    watch.cancel(7n);
    watch.cancel(7n);
    watch.cancel(1_234n);
    watch.create('b', { watchId: 7n });
    watch.send(undefined);
    await watch.told(9);
    await subject.put('a', 'x');
    await subject.put('b', 'x');
  },
  'progress of a stream': async (subject) => {
    const watch = await subject.open();
    watch.create('a');
    await watch.told(1);
    await subject.put('a', 'x');
    await watch.told(2);
    await delay(quietMs);
    watch.progress();
  },
  'the end of leases': async (subject) => {
    await subject.grant(1n, 600n);
    await subject.grant(2n, 2n);
    for (const key of ['m', 'c', '\xff', 'a', 'b']) await subject.put(key, 'revoked', 1n);
    for (const key of ['z', 'y', 'x']) await subject.put(key, 'expired', 2n);
    // Both of these have moved away before the end.
    await subject.put('b', 'kept');
    await subject.put('y', 'moved', 1n);
    const watch = await subject.open();
    watch.create('', { rangeEnd: '\0', prevKv: true });
    watch.create('c');
    await watch.told(2);
    await subject.revoke(1n);
    await watch.until(() => watch.responses.flatMap(({ events }) => events).length >= 8);
    const late = await subject.open();
    late.create('', { rangeEnd: '\0', prevKv: true, startRevision: 11n });
    await late.told(2);
  },
  'compacted history': async (subject) => {
    for (let round = 0; round < 10; round += 1) await subject.put('z', String(round));
    await subject.del('z');
    const revision = await revisionOf(subject);
    await subject.put('y', 'x');
    await subject.compact(revision);
    const watch = await subject.open();
    watch.create('z', { startRevision: BigInt(revision - 1) });
    await watch.told(2);
    watch.create('z', { startRevision: BigInt(revision + 1) });
    watch.create('y', { startRevision: BigInt(revision + 1), prevKv: true });
    await watch.told(4);
  },
  'large batches in fragments': async (subject) => {
    for (let round = 0; round < 20; round += 1) await subject.put(`l${round}`, 'x'.repeat(280_000));
    const revision = await revisionOf(subject);
    await subject.del('l', 'm');
    const watch = await subject.open();
    watch.create('l', { rangeEnd: 'm', startRevision: BigInt(revision + 1), prevKv: true, fragment: true });
    await watch.told(2);
  },
};

/** The revision of the last write, from the creation of a watcher. */
async function revisionOf(subject: Subject): Promise<number> {
  const stream = await subject.open();
  stream.create('nobody');
  await stream.told(1);
  return Number(stream.responses[0]?.header?.revision);
}

describe.skipIf(!requirePeer('etcd', 'quorate'))('watches of Quorate and of etcd', () => {
  it.each(Object.entries(scenes))('%s', { timeout: 120_000 }, async (_, scene) => {
    const told = await Promise.all(
      (['etcd', 'quorate'] as const).map(async (program) => {
        const cluster = await Cluster.start({ program, size: 1 });
        const subject = new Subject(cluster.members[0]?.spec.endpoint ?? '');
        try {
          await scene(subject);
          return await subject.told();
        } finally {
          subject.close();
          await cluster.end();
        }
      }),
    );
    expect(told[1]).toEqual(told[0]);
  });
});
