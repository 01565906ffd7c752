import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../server/lib/random.js';
import { percentile, rankExcess, spreadOf } from './figures.js';

describe('figures', () => {
  it('take the middle of an odd number of values, and the mean of the two middle ones of an even number', () => {
    expect(spreadOf([9, 1, 5])).toEqual({ count: 3, min: 1, median: 5, max: 9 });
    expect(spreadOf([9, 1, 5, 7])).toEqual({ count: 4, min: 1, median: 6, max: 9 });
  });

  it('give the smallest value that the share does not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(hundred, 0.99), percentile(hundred, 0.5), percentile([3], 0.99)]).toEqual([99, 50, 3]);
  });

  it('rank values with others: none above like with like, far above when all are larger', () => {
    const low = [1, 2, 3, 4, 5, 6, 7, 8];
    const high = low.map((value) => value + 8);
    expect(rankExcess(low, low)).toBe(0);
    // U of 64 instead of 32, whose standard deviation is the root of 64 * 17 / 12.
    expect(rankExcess(high, low)).toBeCloseTo(32 / Math.sqrt((64 * 17) / 12), 10);
    expect(rankExcess(low, high)).toBe(-rankExcess(high, low));
  });

  it('rank like above like by three deviations once in a thousand draws, and half as much again as a rule', () => {
    const random = seededRandom(1);
    const draw = (scale: number): number[] => Array.from({ length: 11 }, () => scale * (1_000 + random.below(900)));
    const share = (scale: number): number => {
      const draws = Array.from({ length: 2_000 }, () => rankExcess(draw(scale), draw(1)));
      return draws.filter((excess) => excess > 3).length / draws.length;
    };
    expect(share(1)).toBeLessThan(0.003);
    expect(share(1.5)).toBeGreaterThan(0.8);
  });
});
