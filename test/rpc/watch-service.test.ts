import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { compact, del, put, txn } from '../node/requests.js';
import type { Member } from '../../server/node/member.js';
import { serveMember, type ServedMember, type ServedOptions } from './served-member.js';
import { inWords, WatchClient } from './watch-client.js';

let served: ServedMember | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

async function start(options: ServedOptions = {}): Promise<Pick<ServedMember, 'kv' | 'leases'> & { client: Client }> {
  served = await serveMember(options);
  return { kv: served.kv, leases: served.leases, client: served.connect() };
}

describe('a watch stream', () => {
  it('answers a creation with the revision it begins after, then tells what happens', async () => {
    const { kv, client } = await start();
    await kv.put(put('a', '1'));
    const watch = new WatchClient(client);
    watch.create('a', { prevKv: true });
    await watch.told(1);
    await kv.put(put('a', '2'));
    await kv.put(put('b', '2'));
    await kv.deleteRange(del('a'));
    expect(await watch.told(3)).toEqual(['created 0 @2', '0 @3 put a=2@3 was 1', '0 @5 delete a@5 by delete was 2']);
    const { header, events } = watch.responses[2] ?? {};
    expect(header).toMatchObject({ clusterId: 0xc1n, memberId: 1n, raftTerm: BigInt(served?.node.term ?? 0) });
    expect(events?.[0]?.kv).toMatchObject({ createRevision: 0n, version: 0n, lease: 0n });
  });

  it('answers requests in their order, and refuses a creation without ending', async () => {
    const { client } = await start();
    const watch = new WatchClient(client);
    watch.create('a', { watchId: 7n });
    watch.create('a', { watchId: 7n });
    watch.create('b', { rangeEnd: 'b' });
    watch.create('b', { startRevision: -1n });
    watch.create('b', { watchId: -3n });
    watch.create('', { rangeEnd: '\0' });
    watch.cancel(7n);
    watch.cancel(99n);
    watch.send(undefined);
    watch.progress();
    expect(await watch.told(8)).toEqual([
      'created 7 @1',
      'created canceled -1 @1 (mvcc: duplicate watch ID provided on the WatchStream)',
      'created canceled -1 @1 (mvcc: watcher range is empty)',
      'created canceled -1 @1 (etcdserver: mvcc: required revision has been compacted)',
      'created -3 @1',
      'created 0 @1',
      'canceled 7 @1',
      'progress -1 @1',
    ]);
  });

  it('tells history, a transaction at a time, filtered as asked', async () => {
    const { kv, client } = await start();
    await kv.put(put('a', '1'));
    await kv.txn(txn({ success: [put('c', '1'), put('b', '1'), del('a')] }));
    const watch = new WatchClient(client);
    watch.create('a', { rangeEnd: '\0', startRevision: 1n });
    watch.create('a', { rangeEnd: '\0', startRevision: 3n, filters: [0] });
    watch.create('a', { rangeEnd: '\0', startRevision: 3n, filters: [1] });
    watch.create('a', { rangeEnd: '\0', startRevision: 3n, filters: [0, 1] });
    watch.create('a', { rangeEnd: '\0', startRevision: 5n });
    await watch.told(8);
    await kv.put(put('x', '4'));
    await kv.put(put('x', '5'));
    await watch.until(() => watch.responses.some(({ watchId, events }) => watchId === 4n && events.length > 0));
    const of = (id: bigint): readonly string[] => watch.responses.filter(({ watchId }) => watchId === id).map(String);
    expect(of(3n).length).toBe(1);
    expect((await watch.told(0)).filter((line) => !line.startsWith('created')).sort()).toEqual([
      '0 @3 put a=1@2 put c=1@3 put b=1@3 delete a@3 by txn',
      '0 @4 put x=4@4',
      '0 @5 put x=5@5',
      '1 @3 delete a@3 by txn',
      '2 @3 put c=1@3 put b=1@3',
      '2 @4 put x=4@4',
      '2 @5 put x=5@5',
      '4 @5 put x=5@5',
    ]);
  });

  it('tells why a key was deleted, live and from history, in every form of the event', async () => {
    const { kv, leases, client } = await start();
    const forms = [{}, { prevKv: true }, { fragment: true }, { prevKv: true, fragment: true }];
    const open = async (startRevision: bigint): Promise<WatchClient> => {
      const watch = new WatchClient(client);
      for (const form of forms) watch.create('a', { rangeEnd: 'z', startRevision, filters: [0], ...form });
      await watch.told(forms.length);
      return watch;
    };
    const live = await open(0n);
    await leases.grant({ id: 1n, ttl: 1n });
    await leases.grant({ id: 2n, ttl: 1_000n });
    for (const [key, lease] of Object.entries({ a: 0n, b: 0n, c: 1n, d: 2n })) await kv.put(put(key, '1', { lease }));
    await kv.deleteRange(del('a'));
    await kv.txn(txn({ success: [del('b')] }));
    await leases.revoke(2n);
    await live.until(() => live.responses.length >= forms.length * 5);
    const told = ['delete a@6 by delete', 'delete b@7 by txn', 'delete d@8 by revoke', 'delete c@9 by expiry'];
    for (const watch of [live, await open(1n)]) {
      const events = (id: number): readonly string[] =>
        watch.responses
          .filter(({ watchId, created }) => watchId === BigInt(id) && !created)
          .flatMap((response) => response.events.map((event) => inWords({ ...response, events: [event] })))
          .map((line) => line.replace(/^\d @\d /, ''));
      await watch.until(() => forms.every((_, id) => events(id).length === told.length));
      for (const [id, { prevKv }] of forms.entries()) {
        expect(events(id)).toEqual(told.map((line) => (prevKv ? `${line} was 1` : line)));
      }
    }
  });

  it('ends a watcher whose start is compacted, and begins at the compacted revision', async () => {
    const { kv, client } = await start();
    for (const command of [put('a', '1'), put('a', '2')]) await kv.put(command);
    await kv.deleteRange(del('a'));
    await kv.put(put('b', '1'));
    await kv.compact(compact(4), true);
    const watch = new WatchClient(client);
    watch.create('a', { startRevision: 3n });
    watch.create('a', { startRevision: 4n });
    const told = await watch.told(4);
    expect(told).toContain('canceled 0 @0 compacted 4');
    expect(told.some((line) => line.startsWith('1 @4 delete a@4 by delete'))).toBe(true);
  });

  it('splits a large batch where that is allowed, and only there', async () => {
    const { kv, client } = await start();
    const value = 'x'.repeat(280_000);
    for (let round = 0; round < 4; round += 1) {
      await kv.txn(txn({ success: Array.from({ length: 5 }, (_, at) => put(`k${round * 5 + at}`, value)) }));
    }
    const watch = new WatchClient(client);
    await kv.deleteRange(del('k', 'l'));
    watch.create('k', { rangeEnd: 'l', startRevision: 6n, fragment: true, prevKv: true });
    watch.create('k', { rangeEnd: 'l', startRevision: 6n, prevKv: true });
    await watch.told(6);
    const shape = (id: bigint): unknown =>
      watch.responses
        .filter(({ watchId, events }) => watchId === id && events.length > 0)
        .map(({ fragment, events }) => [fragment, events.length]);
    expect(shape(0n)).toEqual([
      [true, 7],
      [true, 7],
      [false, 6],
    ]);
    expect(shape(1n)).toEqual([[false, 20]]);
  });

  it('encodes a very large revision without holding up the loop', async () => {
    const { kv, client } = await start();
    for (let round = 0; round < 40; round += 1) {
      await kv.txn(txn({ success: Array.from({ length: 120 }, (_, at) => put(`k${round}/${at}`, 'v')) }));
    }
    const watch = new WatchClient(client);
    watch.create('k', { rangeEnd: 'l', prevKv: true });
    await watch.told(1);
    await kv.deleteRange(del('k', 'l'));
    await kv.put(put('k', 'after'));
    await watch.told(3);
    expect(watch.responses.map(({ events }) => events.length)).toEqual([0, 4_800, 1]);
  });
});

describe('a client that says no more', () => {
  it('is still told what happens', async () => {
    const { kv, client } = await start();
    const watch = new WatchClient(client);
    watch.create('a');
    watch.call.end();
    await watch.told(1);
    await kv.put(put('a', '1'));
    expect(await watch.told(2)).toEqual(['created 0 @1', '0 @2 put a=1@2']);
    watch.call.cancel();
  });

  it('leaves nothing behind when it hangs up', async () => {
    const { kv, client } = await start();
    for (let round = 0; round < 20; round += 1) {
      const watch = new WatchClient(client);
      for (let count = 0; count < 10; count += 1) watch.create(`k${count}`, { rangeEnd: count % 2 === 0 ? '' : 'l' });
      await watch.told(10);
      expect(kv.watchers).toBeGreaterThanOrEqual(10);
      watch.call.cancel();
    }
    for (let waited = 0; kv.watchers > 0 && waited < 200; waited += 1) await delay(10);
    expect(kv.watchers).toBe(0);
  });

  it('loses its stream by a message that is none', async () => {
    const { client } = await start();
    const watch = new WatchClient(client);
    watch.call.write(Buffer.from([10, 200]));
    expect(await watch.failure()).toEqual({ code: 13, text: 'grpc: error unmarshalling request: unexpected EOF' });
  });
});

describe('progress', () => {
  it('is told now and then to those who asked for it', async () => {
    const { kv, client } = await start({ watchProgressIntervalMs: 100 });
    const watch = new WatchClient(client);
    watch.create('a', { progressNotify: true });
    watch.create('b');
    await watch.told(3);
    await kv.put(put('a', '1'));
    await watch.until(() =>
      watch.responses.some(({ header, events }) => events.length === 0 && header?.revision === 2n),
    );
    const told = await watch.told(0);
    expect(told.filter((line) => line.startsWith('progress')).every((line) => line.startsWith('progress 0 @'))).toBe(
      true,
    );
    expect(told.indexOf('progress 0 @2')).toBeGreaterThan(told.indexOf('0 @2 put a=1@2'));
  });

  it('that is asked for comes behind the events, and not while a watcher has not begun', async () => {
    const { kv, client } = await start();
    const watch = new WatchClient(client);
    watch.progress();
    watch.create('a', { rangeEnd: '\0' });
    await watch.told(1);
    for (let count = 0; count < 50; count += 1) void kv.put(put('a', 'x'));
    await kv.put(put('a', 'y'));
    watch.progress();
    watch.create('b', { startRevision: 1_000n });
    watch.progress();
    watch.cancel(1n);
    watch.progress();
    await watch.until(() => watch.responses.some(({ canceled }) => canceled));
    await watch.until(() => watch.responses.at(-1)?.watchId === -1n);
    const told = (await watch.told(0)).filter((line) => !line.startsWith('0'));
    expect(told).toEqual(['created 0 @1', 'progress -1 @52', 'created 1 @52', 'canceled 1 @52', 'progress -1 @52']);
  });
});

describe('a stream that requires a leader', () => {
  it('is refused where there is none, while others are served', async () => {
    const { client } = await start({ voters: 3 });
    const demanding = new WatchClient(client, { hasleader: 'true' });
    expect(await demanding.failure()).toEqual({ code: 14, text: 'etcdserver: no leader' });
    const content = new WatchClient(client);
    content.create('a');
    expect(await content.told(1)).toEqual(['created 0 @1']);
  });

  it('ends three election timeouts after the leader is gone, not at once', async () => {
    const listeners: ((isReady: boolean) => void)[] = [];
    const tell = (isReady: boolean): void => listeners.forEach((listener) => listener(isReady));
    const member = await serveMember();
    const server = await serveMember({
      member: Object.create(member.kv, {
        isLearner: { value: false },
        isReady: { value: true },
        onReadyChange: { value: (listener: (isReady: boolean) => void) => listeners.push(listener) },
      }) as Member,
      watches: member.kv,
    });
    const client = server.connect();
    const [demanding, content] = [new WatchClient(client, { hasleader: 'true' }), new WatchClient(client)];
    for (const watch of [demanding, content]) watch.create('a');
    await Promise.all([demanding.told(1), content.told(1)]);
    tell(false);
    tell(true);
    const lostAt = performance.now();
    tell(false);
    expect(await demanding.failure()).toEqual({ code: 14, text: 'etcdserver: no leader' });
    expect(performance.now() - lostAt).toBeGreaterThan(590);
    expect(content.error).toBeUndefined();
    await server.close();
    await member.close();
  });
});

describe('a member that stops', () => {
  it('ends its streams at once, so that clients go elsewhere', async () => {
    const { client } = await start();
    const watch = new WatchClient(client);
    watch.create('a');
    await watch.told(1);
    const stopped = served?.server.stop(5_000);
    expect(await watch.failure()).toEqual({ code: 14, text: 'etcdserver: server stopped' });
    await stopped;
  });
});

describe('a reader that stops reading', () => {
  it('is fed no more, holds up nobody, and then gets every event', async () => {
    const { kv, client } = await start();
    const [slow, quick] = [new WatchClient(client), new WatchClient(served?.connect() ?? client)];
    for (const watch of [slow, quick]) watch.create('a');
    await Promise.all([slow.told(1), quick.told(1)]);
    const eventsOf = (watch: WatchClient): readonly number[] =>
      watch.responses.flatMap(({ events }) => events.map(({ kv: now }) => Number(now?.modRevision)));
    slow.call.pause();
    const value = 'x'.repeat(100_000);
    for (let count = 0; count < 80; count += 1) await kv.put(put('a', value));
    await quick.until(() => eventsOf(quick).length === 80);
    expect(eventsOf(slow).length).toBeLessThan(50);
    slow.call.resume();
    await slow.until(() => eventsOf(slow).length === 80);
    for (const watch of [slow, quick]) expect(eventsOf(watch)).toEqual(Array.from({ length: 80 }, (_, at) => at + 2));
  });
});
