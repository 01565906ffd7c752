import { describe, expect, it } from 'vitest';
import { percentile, spreadOf } from './figures.js';

describe('figures', () => {
  it('take the middle of an odd number of values, and the mean of the two middle ones of an even number', () => {
    expect(spreadOf([9, 1, 5])).toEqual({ count: 3, min: 1, median: 5, max: 9 });
    expect(spreadOf([9, 1, 5, 7])).toEqual({ count: 4, min: 1, median: 6, max: 9 });
  });

  it('give the smallest value that the share does not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(hundred, 0.99), percentile(hundred, 0.5), percentile([3], 0.99)]).toEqual([99, 50, 3]);
  });
});
