import { describe, expect, it } from 'vitest';
import { checkWatches } from '../checkers/watch-checker.js';
import { randomWatches } from './random-watches.js';

describe('random programs over the hub', () => {
  it('hold the nine properties, whatever limits are met', () => {
    const totals: Record<string, number> = {};
    for (let seed = 1; seed <= 40; seed += 1) {
      const { history, records, counts, isEmptyAtEnd } = randomWatches(seed, 1_500);
      expect(checkWatches(history, records), `seed ${seed}`).toEqual([]);
      expect(isEmptyAtEnd, `seed ${seed}`).toBe(true);
      for (const [what, count] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + count;
    }
    // A program that never gets there proves nothing.
    for (const what of ['created', 'events', 'progress', 'canceled', 'compacted', 'reload', 'largeBatch'] as const) {
      expect(totals[what], what).toBeGreaterThan(100);
    }
    for (const what of ['emptyRange', 'negativeStart', 'duplicateId', 'tooManyWatchers'] as const) {
      expect(totals[what], what).toBeGreaterThan(5);
    }
  });

  it('hold them with the limits of production, where readers keep up', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { history, records } = randomWatches(seed, 1_500, { streamBatchesMax: 4_096, streamBytesMax: 2 ** 21 });
      expect(checkWatches(history, records), `seed ${seed}`).toEqual([]);
    }
  });
});
