/** The whole client against real processes: Quorate's, and Debian's etcd, where only what sessions give is missing. */
import { AuthUserAddRequest, AuthUserGrantRoleRequest } from '@quorate/proto/etcd/auth.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../client/api/client.js';
import { cmp, del, get, put } from '../../client/api/txn.js';
import { connect } from '../../client/connect.js';
import { isQuorateError } from '../../client/core/quorate-error.js';
import { CuttingProxy } from '../harness/cutting-proxy.js';
import { requirePeer, startMember, useMembers } from '../harness/etcd.js';
import { RawClient } from '../harness/raw-client.js';

describe.each(['etcd', 'quorate'] as const)('a cluster of %s', (program) => {
  if (!requirePeer(program)) return;
  const cluster = useMembers(program, 3);
  let client: Client;

  beforeAll(async () => {
    client = await connect(cluster().endpoints, { namespace: 'test/' });
  });
  afterAll(() => client.close());

  it('keeps sessions, or is told from those that do', () => {
    expect(client.isExactlyOnce).toBe(program === 'quorate');
  });

  it('puts, gets, lists, scans and deletes', async () => {
    const { revision } = await client.kv.put('a/1', 'one');
    expect(await client.kv.put('a/1', 'uno', { prevKv: true })).toMatchObject({
      revision: revision + 1,
      prev: { key: 'a/1', modRevision: revision },
    });
    expect((await client.kv.get('a/1'))?.text()).toBe('uno');
    expect((await client.kv.get('a/1', { consistency: { revision } }))?.text()).toBe('one');
    expect(await client.kv.get('nothing')).toBeNull();
    await Promise.all(
      Array.from({ length: 30 }, (_, index) => client.kv.put(`b/${String(index).padStart(2, '0')}`, 'x')),
    );
    const page = await client.kv.list({ prefix: 'b/' }, { limit: 10, keysOnly: true });
    expect(page).toMatchObject({ more: true, count: 30 });
    expect(page.entries.map(({ key }) => key)).toEqual(Array.from({ length: 10 }, (_, index) => `b/0${index}`));
    expect(await client.kv.count({ prefix: 'b/' })).toBe(30);
    const keys: string[] = [];
    for await (const { key } of client.kv.scan({ prefix: 'b/' }, { pageSize: 7 })) {
      if (keys.length === 3) await client.kv.delete('b/29');
      keys.push(key);
    }
    expect(keys.length).toBe(30);
    expect(await client.kv.delete({ prefix: 'b/' }, { prevKv: true })).toMatchObject({ deleted: 29 });
    expect(await client.kv.count({ prefix: '' })).toBe(1);
  });

  it.each(['session', 'serializable', { maxStalenessMs: 100 }] as const)('reads %j', async (consistency) => {
    await client.kv.put('read', 'v');
    if (consistency !== 'serializable') expect((await client.kv.get('read', { consistency }))?.text()).toBe('v');
    else await client.kv.get('read', { consistency });
  });

  it('swaps and updates', async () => {
    expect(await client.kv.compareAndSwap('swap', 'absent', '1')).toMatchObject({ ok: true });
    expect(await client.kv.compareAndSwap('swap', 'absent', '2')).toMatchObject({
      ok: false,
      current: { key: 'swap' },
    });
    expect(await client.kv.compareAndSwap('swap', { value: '1' }, '2')).toMatchObject({ ok: true });
    const add = (): Promise<unknown> => client.kv.update('sum', (current) => String(Number(current?.text() ?? 0) + 1));
    await Promise.all(Array.from({ length: 8 }, add));
    expect((await client.kv.get('sum'))?.text()).toBe('8');
    expect(await client.kv.update('sum', () => undefined)).toMatchObject({ isWritten: false });
  });

  it('runs transactions, typed by place', async () => {
    await client.kv.put('t', 'old');
    const done = await client
      .txn()
      .if(cmp('t').value.equals('old'), cmp('t').version.greaterThan(0), cmp('u').absent())
      .then(put('t', 'new', { prevKv: true }), get('t'), get({ prefix: 't' }), del('nothing'))
      .else(get('t'))
      .commit();
    if (!done.ok) throw new Error('the conditions hold');
    const [putResult, one, many, deletion] = done.results;
    expect(putResult.prev?.text()).toBe('old');
    expect(one?.text()).toBe('new');
    expect(many.entries.map(({ key }) => key)).toEqual(['t']);
    expect(deletion).toEqual({ revision: done.revision, deleted: 0 });
    const other = await client.txn().if(cmp('t').exists(), cmp('t').value.equals('old')).else(get('t')).commit();
    expect(other.ok).toBe(false);
    expect(other.results[0]?.text()).toBe('new');
  });

  it('says what is wrong', async () => {
    const { kv } = client;
    await expect(kv.put('', 'v')).rejects.toMatchObject({ code: 'EMPTY_KEY', outcome: 'notApplied' });
    await expect(kv.put('k', 'v', { lease: '00000000000000ff' as never })).rejects.toMatchObject({
      code: 'LEASE_NOT_FOUND',
      outcome: 'notApplied',
      attempts: 1,
    });
    await expect(kv.get('k', { consistency: { revision: 1_000_000 as never } })).rejects.toMatchObject({
      code: 'FUTURE_REVISION',
    });
    const { revision } = await kv.put('k', 'v');
    await kv.put('k', 'w');
    await kv.compact((revision + 1) as never);
    // Until the member that is asked has come to the compaction, it truly tells what was there.
    const past = (): Promise<unknown> =>
      kv.get('k', { consistency: { revision } }).then(
        (entry) => entry?.text(),
        (error: unknown) => error,
      );
    await expect.poll(past).toMatchObject({ code: 'COMPACTED' });
    await expect(client.txn().then(put('k', '1'), put('k', '2')).commit()).rejects.toMatchObject({
      code: 'DUPLICATE_KEY',
    });
    await expect(kv.put('k', new Uint8Array(2_000_000))).rejects.toMatchObject({ outcome: expect.any(String) });
  });

  it('watches: the state, the mark, the events, and on when members are killed', async () => {
    await client.kv.put('w/a', '1');
    const seen: string[] = [];
    const writes = (async () => {
      for (let count = 0; count < 60; count += 1) {
        await client.kv
          .update('w/n', () => String(count), { timeout: 20_000 })
          .catch((error: unknown) => {
            // The reply may be lost with the member; the watch shows what became of it.
            if (!isQuorateError(error) || error.outcome !== 'unknown') throw error;
          });
        if (count === 20) await cluster().restart(1);
        if (count === 40) await cluster().restart(2);
      }
      await client.kv.put('w/end', '');
    })();
    let version = 0;
    for await (const batch of client.watch({ prefix: 'w/' }, { initial: true })) {
      seen.push(batch.kind);
      if (batch.kind === 'initial') for (const { key, version: at } of batch.entries) if (key === 'w/n') version = at;
      if (batch.kind !== 'events') continue;
      for (const event of batch.events) {
        if (event.kind !== 'put' || event.kv.key !== 'w/n') continue;
        expect(event.kv.version).toBe(version + 1);
        version += 1;
      }
      if (batch.events.some((event) => event.kind === 'put' && event.kv.key === 'w/end')) break;
    }
    await writes;
    expect(seen.slice(0, 2)).toEqual(['initial', 'synced']);
    expect((await client.kv.get('w/n'))?.version).toBe(version);
    expect(client.stats().watches).toBe(0);
  });

  it('watches over a compaction', async () => {
    const { revision } = await client.kv.put('c', '1');
    for (let count = 0; count < 5; count += 1) await client.kv.put('c', String(count));
    const now = await client.kv.put('c', 'last');
    await client.kv.compact(now.revision);
    const batches: string[] = [];
    for await (const batch of client.watch('c', { from: revision })) {
      batches.push(batch.kind);
      if (batch.kind === 'events') break;
    }
    expect(batches).toEqual(['resync', 'events']);
  });

  it('keeps leases alive, and lets go of them', async () => {
    const lease = await client.lease.grant({ ttl: 2_000 });
    await client.kv.put('lease', 'v', { lease });
    const deletions = (async () => {
      for await (const batch of client.watch('lease')) {
        if (batch.kind === 'events' && batch.events.some(({ kind }) => kind === 'delete')) return true;
      }
      return false;
    })();
    await new Promise((done) => setTimeout(done, 5_000));
    lease.assertAlive();
    expect((await client.kv.get('lease'))?.lease).toBe(lease.id);
    expect(await client.lease.timeToLive(lease.id, { keys: true })).toMatchObject({
      grantedMs: 2_000,
      keys: [new TextEncoder().encode('lease')],
    });
    expect(client.stats()).toMatchObject({ leases: 1 });
    expect(client.stats().leaseMarginMsMin).toBeGreaterThan(0);
    await lease.revoke();
    expect(await deletions).toBe(true);
    expect(lease.signal.aborted).toBe(true);
    expect(() => lease.assertAlive()).toThrow('LEASE_LOST');
    await expect(client.kv.put('lease', 'v', { lease })).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await client.lease.timeToLive(lease.id)).toMatchObject({ remainingMs: undefined });
    await client.lease.revoke(lease.id);
  });

  it('tells a lease lost before its members end it', async () => {
    const lease = await client.lease.grant({ ttl: 2_000 });
    await client.lease.revoke(lease.id);
    await new Promise((done) => lease.signal.addEventListener('abort', done));
    expect(lease.signal.reason).toMatchObject({ code: 'LEASE_LOST' });
  });

  it('goes on when a member is killed', async () => {
    await cluster().restart(0);
    await Promise.all(Array.from({ length: 20 }, () => client.kv.put('k', 'v')));
    expect(client.stats().inFlight).toBe(0);
  });

  it('keeps namespaces apart', async () => {
    const other = await connect(cluster().endpoints.join(','), { namespace: 'other/' });
    await other.kv.put('k', 'theirs');
    await client.kv.put('k', 'ours');
    expect((await other.kv.get('k'))?.text()).toBe('theirs');
    await other.kv.delete({ prefix: '' });
    expect((await client.kv.get('k'))?.text()).toBe('ours');
    await other[Symbol.asyncDispose]();
    await expect(other.kv.get('k')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe.skipIf(!requirePeer('etcd'))('a lost reply of plain etcd', () => {
  const cluster = useMembers('etcd', 1);
  let proxy: CuttingProxy;
  let client: Client;
  let direct: Client;

  beforeAll(async () => {
    proxy = await CuttingProxy.start(cluster().endpoints[0] ?? '');
    client = await connect(proxy.endpoint);
    direct = await connect(cluster().endpoints);
  });
  afterAll(async () => {
    await Promise.all([client.close(), direct.close()]);
    await proxy.stop();
  });

  const later = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

  it('leaves the outcome unknown, and the write is not sent again: it happened once', async () => {
    await client.kv.put('warm', '');
    proxy.swallowsReplies = true;
    const put = client.kv.put('once', 'v').catch((error: unknown) => error);
    await later(300);
    proxy.cut();
    expect(await put).toMatchObject({ outcome: 'unknown', attempts: 1 });
    await later(300);
    expect((await direct.kv.get('once'))?.version).toBe(1);
  });

  it('leaves the outcome unknown also of a write that never happened', async () => {
    await client.kv.put('warm', '');
    proxy.swallowsRequests = true;
    const put = client.kv.put('never', 'v').catch((error: unknown) => error);
    await later(300);
    proxy.cut();
    expect(await put).toMatchObject({ outcome: 'unknown', attempts: 1 });
    await later(300);
    expect(await direct.kv.get('never')).toBeNull();
  });

  it('of a read costs another request', async () => {
    await client.kv.put('read', 'v');
    proxy.swallowsReplies = true;
    const got = client.kv.get('read');
    await later(300);
    proxy.cut();
    expect((await got)?.text()).toBe('v');
  });

  it('does not happen to what never left', async () => {
    await proxy.refuse();
    // The client learns of it.
    await later(200);
    const put = client.kv.put('unsent', 'v', { timeout: 1_000 }).catch((error: unknown) => error);
    expect(await put).toMatchObject({ outcome: 'notApplied', retryable: true, attempts: 0 });
    const patient = client.kv.put('patient', 'v', { timeout: 10_000 });
    await later(300);
    await proxy.listen();
    expect(await patient).toHaveProperty('revision');
    expect(await direct.kv.get('unsent')).toBeNull();
  });
});

describe.skipIf(!requirePeer('etcd'))('users of plain etcd', () => {
  const cluster = useMembers('etcd', 1);
  const root = { user: 'root', password: 'secret' };

  beforeAll(async () => {
    const raw = new RawClient(cluster().endpoints[0] ?? '');
    const user = AuthUserAddRequest.encode(
      AuthUserAddRequest.fromPartial({ name: 'root', password: 'secret' }),
    ).finish();
    const role = AuthUserGrantRoleRequest.encode({ user: 'root', role: 'root' }).finish();
    for (const [method, bytes] of [
      ['UserAdd', user],
      ['UserGrantRole', role],
      ['AuthEnable', new Uint8Array(0)],
    ] as const) {
      expect(await raw.call(`/etcdserverpb.Auth/${method}`, bytes)).toMatchObject({ ok: true });
    }
    raw.close();
  });

  it('are let in with their password, also to watches and leases', async () => {
    const client = await connect(cluster().endpoints, { auth: root });
    await client.kv.put('k', 'v');
    const lease = await client.lease.grant({ ttl: 2_000 });
    for await (const batch of client.watch('k', { initial: true })) if (batch.kind === 'synced') break;
    await lease.revoke();
    await client.close();
  });

  it('are told when it is wrong, or missing', async () => {
    await expect(connect(cluster().endpoints, { auth: { ...root, password: 'wrong' } })).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
    });
    const nobody = await connect(cluster().endpoints);
    await expect(nobody.kv.get('k')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    await nobody.close();
  });

  it('get a new token when their member has forgotten the old one', async () => {
    const client = await connect(cluster().endpoints, { auth: root });
    await client.kv.put('k', 'v');
    const [member] = cluster().members;
    if (member === undefined) throw new Error('there is a member');
    member.process.signal('SIGKILL');
    await member.process.exited;
    const again = await startMember('etcd', member.spec);
    expect((await client.kv.get('k', { timeout: 20_000 }))?.text()).toBe('v');
    await client.close();
    await again.stop();
  });
});

describe('nobody', () => {
  it('is there', async () => {
    await expect(connect('127.0.0.1:1', { connectTimeout: 300 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      outcome: 'notApplied',
    });
  });

  it('is asked once the signal is aborted', async () => {
    const signal = AbortSignal.timeout(100);
    await expect(connect('127.0.0.1:1', { signal })).rejects.toMatchObject({ code: 'CANCELED' });
  });
});
