import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { LeaseTable } from '../../../client/worker/lease-table.js';

describe('the table of leases', () => {
  it('keeps what was written, slot by slot', () => {
    const table = new LeaseTable();
    table.write(0, { sent: { now: 12_345.6789, wall: 1_700_000_000_000.5 }, ttlMs: 2_000 });
    table.write(4_095, { sent: { now: 1, wall: 2 }, ttlMs: 3 });
    table.tick(99.5);
    const other = new LeaseTable(table.memory);
    // Never later than what was written.
    expect(other.read(0)).toEqual({ sent: { now: 12_345.678, wall: 1_700_000_000_000 }, ttlMs: 2_000 });
    expect(other.read(4_095)).toEqual({ sent: { now: 1, wall: 2 }, ttlMs: 3 });
    expect(other.tickedAt).toBe(99.5);
  });

  it('is never read half written, by another thread', async () => {
    const table = new LeaseTable();
    // Writes the same number everywhere, over and over, as `write` does.
    const source = `
      const { workerData } = require('node:worker_threads');
      const cells = new BigInt64Array(workerData);
      for (let n = 1n; n <= 200_000n; n += 1n) {
        Atomics.add(cells, 0, 1n);
        for (const field of [1, 2, 3]) Atomics.store(cells, field, n * 1_000n);
        Atomics.add(cells, 0, 1n);
      }
      Atomics.store(cells, 4, 1n);`;
    const worker = new Worker(source, { eval: true, workerData: table.memory });
    const isDone = (): boolean => Atomics.load(new BigInt64Array(table.memory), 4) === 1n;
    let reads = 0;
    let retries = 0;
    while (!isDone()) {
      const found = table.read(0);
      if (found === undefined) retries += 1;
      else if (found.ttlMs > 0) {
        reads += 1;
        if (found.sent.now * 1_000 !== found.ttlMs || found.sent.wall !== found.ttlMs) throw new Error('half written');
      }
    }
    await worker.terminate();
    expect(reads).toBeGreaterThan(0);
    expect(retries).toBeGreaterThan(0);
  });
});
