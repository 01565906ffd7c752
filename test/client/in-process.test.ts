/** A member in memory and the client that reaches it, in one process and without a port. */
import { channel, tracingChannel } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, cmp, connect, get, put, type StandardSchema } from '../../client/index.js';
import { type RunningServer, startServer } from '../../server/index.js';

describe('a member in this process', () => {
  let server: RunningServer;
  let client: Client;

  beforeAll(async () => {
    server = await startServer({ dataDir: ':memory:' });
    client = await connect(server, { namespace: 'ns/', timeout: 15_000 });
  });
  afterAll(async () => {
    await client.close();
    await server.stop();
    expect(await server.done).toBe('stopped');
  });

  it('listens nowhere, and keeps sessions', () => {
    expect(server.clientUrls).toEqual([]);
    expect(client.isExactlyOnce).toBe(true);
  });

  it('puts, gets, lists, scans and deletes', async () => {
    await Promise.all(Array.from({ length: 25 }, (_, index) => client.kv.put(`a/${index}`, String(index))));
    expect((await client.kv.get('a/7'))?.text()).toBe('7');
    expect(await client.kv.list({ prefix: 'a/' }, { limit: 10 })).toMatchObject({ more: true, count: 25 });
    let scanned = 0;
    for await (const { key } of client.kv.scan({ prefix: 'a/' }, { pageSize: 10 })) scanned += key.length > 0 ? 1 : 0;
    expect(scanned).toBe(25);
    expect(await client.kv.delete({ prefix: 'a/' })).toMatchObject({ deleted: 25 });
  });

  it.each(['linearizable', 'session', 'serializable', { maxStalenessMs: 10_000 }] as const)(
    'reads %j what it has written',
    async (consistency) => {
      const { revision } = await client.kv.put('fresh', 'v');
      expect((await client.kv.get('fresh', { consistency }))?.modRevision).toBe(revision);
      expect((await client.kv.get('fresh', { consistency: { revision } }))?.modRevision).toBe(revision);
    },
  );

  it('runs transactions, swaps and updates', async () => {
    const done = await client.txn().if(cmp('t').absent()).then(put('t', '1'), get('t')).commit();
    expect(done.ok && done.results[1]?.text()).toBe('1');
    await Promise.all(
      Array.from({ length: 5 }, () => client.kv.update('t', (current) => `${Number(current?.text()) + 1}`)),
    );
    expect((await client.kv.get('t'))?.text()).toBe('6');
    const reads = await client
      .txn()
      .then(get('t'), get({ prefix: '' }, { limit: 1 }))
      .commit();
    expect(reads.ok && reads.results[0]?.text()).toBe('6');
  });

  it('watches', async () => {
    await client.kv.put('w/1', 'v');
    const told: string[] = [];
    for await (const batch of client.watch({ prefix: 'w/' }, { initial: true })) {
      if (batch.kind === 'initial') told.push(...batch.entries.map(({ key }) => key));
      if (batch.kind === 'synced') {
        await client.kv.put('w/2', 'v');
        await client.kv.delete('w/1');
      }
      if (batch.kind === 'events') told.push(...batch.events.map((event) => event.kind));
      if (told.length === 3) break;
    }
    expect(told).toEqual(['w/1', 'put', 'delete']);
  });

  it('tells why a key is gone', async () => {
    const lease = await client.lease.grant({ ttl: 30_000 });
    await client.kv.put('leased', 'v', { lease });
    const watch = client.watch('leased');
    for await (const batch of watch) {
      if (batch.kind === 'synced') await lease.revoke();
      if (batch.kind !== 'events') continue;
      expect(batch.events[0]).toMatchObject({ kind: 'delete', cause: 'leaseRevoked' });
      break;
    }
  });

  it('says what is wrong', async () => {
    await expect(client.kv.put('k', 'v', { lease: '00000000000000ff' as never })).rejects.toMatchObject({
      code: 'LEASE_NOT_FOUND',
      outcome: 'notApplied',
      attempts: 1,
    });
    await expect(client.kv.put('k', new Uint8Array(2_000_000))).rejects.toMatchObject({
      code: 'REQUEST_TOO_LARGE',
      outcome: 'notApplied',
    });
    // What comes after a refusal goes on.
    await client.kv.put('k', 'v');
  });

  it('refuses what makes no sense, and sends nothing', async () => {
    const { sent } = client.stats();
    const nonsense = [
      client.kv.put('', 'v'),
      client.kv.put('k', 7 as never),
      client.kv.get(undefined as never),
      client.kv.list({ prefix: 'a' }, { limit: -1 }),
      client.kv.list({} as never),
      client.kv.get('k', { consistency: { maxStalenessMs: 0.5 } }),
      client.kv.compact(-1 as never),
      client.lease.grant({ ttl: 0 }),
      client.lease.grant({ ttl: Number.NaN }),
    ];
    for (const result of await Promise.allSettled(nonsense)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { outcome: 'notApplied', attempts: 0 } });
    }
    expect(() => client.watch('')).toThrow('EMPTY_KEY');
    expect(client.stats().sent).toBe(sent);
    await expect(connect(server, { timeout: 0 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(connect(server, { leaseRenewer: 'worker' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('is told to whoever measures, without keys and values', async () => {
    const traced: unknown[] = [];
    const leases: unknown[] = [];
    const onStart = (message: unknown): void => void traced.push(['start', message]);
    const onEnd = (message: unknown): void => void traced.push(['end', (message as { error?: Error }).error?.message]);
    const onLease = (message: unknown): void => void leases.push((message as { kind: string }).kind);
    const channels = tracingChannel('quorate:request');
    channels.start.subscribe(onStart);
    channels.asyncEnd.subscribe(onEnd);
    channel('quorate:lease').subscribe(onLease);
    await client.kv.put('traced', 'secret');
    await expect(client.kv.get('traced', { consistency: { revision: 1e9 as never } })).rejects.toThrow(
      'FUTURE_REVISION',
    );
    const lease = await client.lease.grant({ ttl: 30_000 });
    channels.start.unsubscribe(onStart);
    channels.asyncEnd.unsubscribe(onEnd);
    channel('quorate:lease').unsubscribe(onLease);
    await lease.revoke();
    expect(traced).toMatchObject([
      ['start', { kind: 'put', isWrite: true }],
      ['end', undefined],
      ['start', { kind: 'range', isWrite: false }],
      ['end', expect.stringMatching(/^FUTURE_REVISION: /)],
      ['start', { kind: 'leaseGrant', isWrite: true }],
      ['end', undefined],
    ]);
    expect(JSON.stringify(traced)).not.toContain('traced');
    expect(leases).toEqual(['leaseGranted']);
  });

  it('tells what happens to it', async () => {
    const other = await connect(server);
    const heard: string[] = [];
    const listening = (async () => {
      for await (const status of other.status()) heard.push(status.kind);
    })();
    const lease = await other.lease.grant({ ttl: 30_000 });
    await client.lease.revoke(lease.id);
    await other.close();
    await listening;
    // The client learns of the revocation from the next renewal, which does not come any more.
    expect(heard).toEqual(['closed']);
    expect(lease.state).toBe('lost');
    for await (const _status of other.status()) throw new Error('a closed client has nothing to tell');
  });

  it('keeps typed values', async () => {
    const value: StandardSchema<{ readonly name: string }> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (given) =>
          typeof (given as { name?: unknown } | null)?.name === 'string'
            ? { value: given as { readonly name: string } }
            : { issues: [{ message: 'a name is missing' }] },
      },
    };
    const users = client.keyspace('users/', { value });
    await users.put('ann', { name: 'Ann' });
    expect((await users.get('ann'))?.value).toEqual({ name: 'Ann' });
    await users.update('ann', (current) => ({ name: `${current?.value.name} B.` }));
    expect((await users.list()).entries.map(({ key, value: { name } }) => [key, name])).toEqual([['ann', 'Ann B.']]);
    await client.kv.put('users/bob', '{}');
    await expect(users.get('bob')).rejects.toMatchObject({ code: 'INVALID_VALUE' });
    await users.delete('bob');
    for await (const batch of users.watch({ initial: true })) {
      if (batch.kind === 'initial') expect(batch.entries[0]?.value).toEqual({ name: 'Ann B.' });
      if (batch.kind === 'synced') break;
    }
  });

  it('takes more clients, and goes on when one closes', async () => {
    const other = await connect(server);
    await other.kv.put('other', 'v');
    await other.close();
    expect(await client.kv.get('other')).toBeNull();
    await expect(other.kv.get('other')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('a member that stops', () => {
  it('leaves its clients without an answer, and they say so', async () => {
    const server = await startServer({ dataDir: ':memory:' });
    const client = await connect(server);
    await client.kv.put('k', 'v');
    await server.stop();
    // The client hears of it.
    await new Promise((done) => setTimeout(done, 50));
    await expect(client.kv.put('k', 'v', { timeout: 300 })).rejects.toMatchObject({ outcome: 'notApplied' });
    await client.close();
    await expect(connect(server, { connectTimeout: 300 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
