import { describe, expect, it } from 'vitest';
import { type Cycle, judge } from './cycle.js';

const cycle = (fromUs: number, toUs: number, token?: number): Cycle => ({
  worker: fromUs,
  fromUs,
  toUs,
  read: 0,
  token,
  isOverdue: false,
});

describe('the judge of cycles under a lock', () => {
  it('is content with holders one after the other, in whatever order they are reported', () => {
    const cycles = [cycle(20, 30, 5), cycle(10, 20, 4), cycle(31, 40, 6)];
    expect(judge(cycles, 3)).toEqual({ lost: 0, overlaps: [], tokens: [], overdue: 0 });
    expect(judge([cycle(1, 2), cycle(3, 4)], 2)).toEqual({ lost: 0, overlaps: [], tokens: [], overdue: 0 });
  });

  it('counts updates that are not there', () => {
    expect(judge([cycle(1, 2), cycle(3, 4)], 1).lost).toBe(1);
  });

  it('sees who had the lock at once, behind a short one too', () => {
    expect(judge([cycle(10, 20), cycle(19, 25)], 2).overlaps).toHaveLength(1);
    expect(judge([cycle(10, 50), cycle(11, 12), cycle(30, 40)], 3).overlaps).toHaveLength(2);
  });

  it('sees a token that does not rise', () => {
    expect(judge([cycle(1, 2, 5), cycle(3, 4, 5)], 2).tokens).toEqual(['5, then 5']);
    expect(judge([cycle(1, 2, 5), cycle(3, 4, 4)], 2).tokens).toEqual(['5, then 4']);
  });

  it('counts what proves nothing', () => {
    expect(judge([{ ...cycle(1, 2), isOverdue: true }], 1).overdue).toBe(1);
  });
});
