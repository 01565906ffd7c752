import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../server/lib/random.js';
import { checkLinearizability, REGISTER_OPERATIONS_MAX } from './linearizable.js';
import { hasOrder } from './linearizable-naive.js';
import { lies, type RandomOptions, smallHistory, validHistory } from './linearizable-random.js';

const operationsMax = REGISTER_OPERATIONS_MAX - 1; // One may be planted.
const histories = 500;
const lyingHistories = 50;
const smallHistories = 2000;

function options(seed: number): RandomOptions {
  const random = seededRandom(seed);
  return {
    seed,
    operations: 20 + random.below(operationsMax - 20),
    clients: 1 + random.below(6),
    unknownPercent: random.below(11),
  };
}

// Seconds when nothing else runs; the machine may be busy.
describe('registers at random', { timeout: 120_000 }, () => {
  it('are in order when they do one thing at a time', () => {
    for (let seed = 1; seed <= histories; seed += 1) {
      expect(checkLinearizability(validHistory(options(seed))), `seed ${seed}`).toEqual([]);
    }
  });

  it.each(Object.entries(lies))('are found out: %s', (_, lie) => {
    let told = 0;
    for (let seed = 1; told < lyingHistories; seed += 1) {
      const history = lie(validHistory(options(seed)), seededRandom(seed));
      if (history === undefined) continue;
      told += 1;
      expect(checkLinearizability(history), `seed ${seed}`).toEqual([expect.stringContaining('has no place')]);
    }
  });

  it('are judged as by trying every order', () => {
    const verdicts = { inOrder: 0, not: 0 };
    for (let seed = 1; seed <= smallHistories; seed += 1) {
      const history = smallHistory(seed);
      const expected = hasOrder(history);
      verdicts[expected ? 'inOrder' : 'not'] += 1;
      expect(checkLinearizability(history).length === 0, `seed ${seed}`).toBe(expected);
    }
    expect(Math.min(verdicts.inOrder, verdicts.not)).toBeGreaterThan(smallHistories / 10);
  });
});
