/** A member in memory and the client that reaches it, in one process and without a port. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, cmp, connect, get, put } from '../../client/index.js';
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
