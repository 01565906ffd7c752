/** The real client on real members, on a virtual clock: what it promises while leaders die and connections break. */
import { describe, expect, it } from 'vitest';
import { type Client, cmp, isQuorateError, put, type QuorateError, type WatchBatch } from '../../client/index.js';
import { mulberry } from './mulberry.js';
import { SdkCluster } from './sdk-cluster.js';

/** Nothing here waits for real time, but a busy machine may take its own. */
const patient = { timeout: 120_000 };

async function started(seed: number): Promise<{ readonly cluster: SdkCluster; readonly client: Client }> {
  const cluster = new SdkCluster(3, { seed });
  await cluster.startAll();
  return { cluster, client: await cluster.connect() };
}

/** Cuts a connection every so often, before or after a message got through. */
function breakThings(cluster: SdkCluster, below: (bound: number) => number, oneIn: number): void {
  cluster.network.fault = () => (below(oneIn) > 0 ? 'none' : below(2) === 0 ? 'cutBefore' : 'cutAfter');
}

async function killTheLeader(cluster: SdkCluster): Promise<void> {
  const id = cluster.nodes.leader()?.node.id;
  if (id === undefined) return;
  cluster.crash(id);
  await cluster.clock.advance(300);
  await cluster.start(id);
}

describe('exactly once', patient, () => {
  it.each([1, 2, 3])('puts on hot keys, while leaders die and connections break (seed %i)', async (seed) => {
    const { cluster, client } = await started(seed);
    const below = mulberry(seed);
    breakThings(cluster, below, 40);
    const keys = ['k0', 'k1', 'k2'];
    const sure = new Map(keys.map((key) => [key, 0]));
    const unknown = new Map(keys.map((key) => [key, 0]));
    const add = (counts: Map<string, number>, key: string): void => {
      counts.set(key, (counts.get(key) ?? 0) + 1);
    };
    let isOver = false;
    const worker = async (): Promise<void> => {
      while (!isOver) {
        const key = keys[below(keys.length)] ?? 'k0';
        try {
          await client.kv.put(key, 'v', { timeout: 200 + below(4_000) });
          add(sure, key);
        } catch (error) {
          if (!isQuorateError(error)) throw error;
          if (error.outcome !== 'notApplied') add(unknown, key);
        }
      }
    };
    const workers = Array.from({ length: 6 }, worker);
    for (let round = 0; round < 4; round += 1) {
      await cluster.clock.advance(1_500);
      await killTheLeader(cluster);
    }
    await cluster.clock.advance(2_000);
    isOver = true;
    await cluster.run(Promise.all(workers));
    cluster.network.fault = () => 'none';
    let all = 0;
    for (const key of keys) {
      const written = (await cluster.run(client.kv.get(key)))?.version ?? 0;
      expect(written).toBeGreaterThanOrEqual(sure.get(key) ?? 0);
      expect(written).toBeLessThanOrEqual((sure.get(key) ?? 0) + (unknown.get(key) ?? 0));
      all += written;
    }
    expect(all).toBeGreaterThan(200);
    expect(client.stats().retries).toBeGreaterThan(5);
    await cluster.run(client.close());
  });

  it('moves between accounts: what one loses another gets, and nothing twice', async () => {
    const { cluster, client } = await started(7);
    const below = mulberry(7);
    const accounts = ['a', 'b', 'c', 'd'];
    await cluster.run(Promise.all(accounts.map((account) => client.kv.put(account, '100'))));
    breakThings(cluster, below, 60);
    let isOver = false;
    let moved = 0;
    const worker = async (): Promise<void> => {
      while (!isOver) {
        const from = accounts[below(4)] ?? 'a';
        const to = accounts.filter((account) => account !== from)[below(3)] ?? 'b';
        try {
          const [source, target] = await Promise.all([client.kv.get(from), client.kv.get(to)]);
          if (source === null || target === null) throw new Error('an account is gone');
          const { ok } = await client
            .txn()
            .if(cmp(from).modRevision.equals(source.modRevision), cmp(to).modRevision.equals(target.modRevision))
            .then(put(from, String(Number(source.text()) - 1)), put(to, String(Number(target.text()) + 1)))
            .commit({ timeout: 3_000 });
          if (ok) moved += 1;
        } catch (error) {
          if (!isQuorateError(error)) throw error;
        }
      }
    };
    const workers = Array.from({ length: 4 }, worker);
    for (let round = 0; round < 3; round += 1) {
      await cluster.clock.advance(1_500);
      await killTheLeader(cluster);
    }
    await cluster.clock.advance(2_000);
    isOver = true;
    await cluster.run(Promise.all(workers));
    cluster.network.fault = () => 'none';
    const { entries } = await cluster.run(client.kv.list({ prefix: '' }));
    expect(entries.reduce((sum, entry) => sum + Number(entry.text()), 0)).toBe(400);
    expect(moved).toBeGreaterThan(50);
    await cluster.run(client.close());
  });

  it('goes on in a new session when the old one is over, and says what is in doubt', async () => {
    const { cluster, client } = await started(9);
    await cluster.run(client.kv.put('k', 'v'));
    // Cut off for longer than a session lives.
    for (const address of cluster.addresses) cluster.network.cut(address);
    cluster.network.fault = () => 'cutBefore';
    const error = client.kv.put('k', 'v', { timeout: 500_000 }).catch((reason: unknown) => reason as QuorateError);
    await cluster.clock.advance(360_000);
    cluster.network.fault = () => 'none';
    const result = await cluster.run(error);
    // It was never sent, or it was and is in doubt: never is it lost without a word.
    if (isQuorateError(result)) expect(result).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'unknown' });
    expect(await cluster.run(client.kv.put('k', 'w'))).toHaveProperty('revision');
    await cluster.run(client.close());
  });
});

describe('a session read', patient, () => {
  /** How often a read showed less than was written, or seen, before; with one member that hears of everything late. */
  async function violations(consistency: 'session' | 'serializable'): Promise<number> {
    const { cluster, client } = await started(4);
    const [late] = cluster.nodes.followers();
    cluster.nodes.network = ({ to }) => [to === late?.node.id ? 80 : 1];
    let seen = 0;
    let found = 0;
    for (let count = 0; count < 60; count += 1) {
      if (count % 3 === 0) seen = (await cluster.run(client.kv.put('k', String(count)))).revision;
      const read = await cluster.run(client.kv.get('k', { consistency, timeout: 20_000 }));
      const shown = read?.modRevision ?? 0;
      if (shown < seen) found += 1;
      seen = Math.max(seen, shown);
    }
    await cluster.run(client.close());
    return found;
  }

  it('shows what this client has written, and never goes back, on every member', async () => {
    expect(await violations('session')).toBe(0);
  });

  it('is checked by what would find out: serializable reads do both', async () => {
    expect(await violations('serializable')).toBeGreaterThan(5);
  });
});

describe('a watch', patient, () => {
  it.each([1, 2])(
    'tells every event once and in order while leaders die and connections break (seed %i)',
    async (seed) => {
      const { cluster, client } = await started(seed);
      const below = mulberry(seed);
      const writer = await cluster.connect();
      const revisions: number[] = [];
      let synced: number | undefined;
      const watching = (async () => {
        for await (const batch of client.watch({ prefix: 'w/' })) {
          if (batch.kind === 'synced') synced = batch.revision;
          if (batch.kind !== 'events') continue;
          for (const event of batch.events) {
            if (event.kind === 'put') revisions.push(event.kv.modRevision);
            if (event.kind === 'put' && event.kv.key === 'w/end') return;
          }
        }
      })();
      await cluster.nodes.until(() => synced !== undefined);
      breakThings(cluster, below, 50);
      const written: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        for (let count = 0; count < 40; count += 1) {
          const { revision } = await cluster.run(writer.kv.put(`w/${count % 7}`, 'v', { timeout: 20_000 }));
          written.push(revision);
        }
        await killTheLeader(cluster);
      }
      cluster.network.fault = () => 'none';
      written.push((await cluster.run(writer.kv.put('w/end', ''))).revision);
      await cluster.run(watching);
      expect(revisions).toEqual(written);
      await cluster.run(Promise.all([client.close(), writer.close()]));
    },
  );

  it('begins with the state, and tells it anew after a compaction', async () => {
    const { cluster, client } = await started(5);
    await cluster.run(client.kv.put('w/1', 'v'));
    const batches: WatchBatch[] = [];
    const watching = (async () => {
      for await (const batch of client.watch({ prefix: 'w/' }, { initial: true })) {
        batches.push(batch);
        if (batch.kind === 'events') return;
      }
    })();
    await cluster.nodes.until(() => batches.some(({ kind }) => kind === 'synced'));
    // While no stream gets through, history goes.
    cluster.network.fault = () => 'cutBefore';
    for (const address of cluster.addresses) cluster.network.cut(address);
    const other = await cluster.connect({ transport: cluster.quiet });
    await cluster.run(other.kv.put('w/2', 'v'));
    const { revision } = await cluster.run(other.kv.put('w/3', 'v'));
    await cluster.run(other.kv.compact(revision));
    cluster.network.fault = () => 'none';
    await cluster.nodes.until(() => batches.length >= 5);
    await cluster.run(other.kv.put('w/4', 'v'));
    await cluster.run(watching);
    const seen = batches.map((batch) =>
      batch.kind === 'initial' ? batch.entries.map(({ key }) => key).join() : batch.kind,
    );
    expect(seen).toEqual(['w/1', 'synced', 'resync', 'w/1,w/2,w/3', 'synced', 'events']);
    await cluster.run(Promise.all([client.close(), other.close()]));
  });
});

describe('a lease', patient, () => {
  it('lives through the death of leaders, and never longer than its members let it', async () => {
    const { cluster, client } = await started(6);
    const lease = await cluster.run(client.lease.grant({ ttl: 5_000 }));
    await cluster.run(client.kv.put('held', 'v', { lease }));
    for (let round = 0; round < 3; round += 1) {
      await cluster.clock.advance(4_000);
      await killTheLeader(cluster);
    }
    await cluster.clock.advance(3_000);
    lease.assertAlive();
    expect(await cluster.run(client.kv.get('held'))).not.toBeNull();

    // Cut off: it is told lost before the key goes.
    const witness = await cluster.connect({ transport: cluster.quiet });
    cluster.network.fault = () => 'cutBefore';
    let goneAt: number | undefined;
    let lostAt: number | undefined;
    lease.signal.addEventListener('abort', () => {
      lostAt = cluster.clock.now();
    });
    for (let waited = 0; waited < 12_000 && goneAt === undefined; waited += 10) {
      await cluster.clock.advance(10);
      if ((await cluster.run(witness.kv.get('held'))) === null) goneAt = cluster.clock.now();
    }
    await cluster.run(witness.close());
    expect(lostAt).toBeDefined();
    expect(goneAt).toBeDefined();
    expect(lostAt ?? 0).toBeLessThan(goneAt ?? 0);
    cluster.network.fault = () => 'none';
    await cluster.run(client.close());
  });
});
