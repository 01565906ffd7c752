import { describe, expect, it } from 'vitest';
import { believerNames } from './believers.js';
import { judgeRound, type LeaseSeen, type Verdict } from './judge.js';
import type { LeaseTold } from './messages.js';

/** A lease of 2,000 ms that was asked for at 1,000 and renewed at 1,700 and 2,400: covered until 4,400. */
function judgeOne(
  told: { readonly passes?: readonly number[]; readonly signalledAt?: number; readonly turns?: readonly number[] },
  seen: Partial<LeaseSeen> = {},
): Verdict {
  const { passes = [], signalledAt, turns = [] } = told;
  const lease = {
    id: 'a',
    ttlMs: 2_000,
    askedAt: 1_000,
    passes: Object.fromEntries(believerNames.map((name) => [name, Float64Array.from(passes)])),
    signalledAt,
  } as LeaseTold;
  const [verdict] = judgeRound({ leases: [lease], turns: Float64Array.from(turns) }, () => ({
    renewedAt: [1_700, 2_400],
    goneAt: undefined,
    ...seen,
  }));
  if (verdict === undefined) throw new Error('one lease, one verdict');
  return verdict;
}

describe('what a holder relied on', () => {
  it('is fine as long as an answered renewal covers it', () => {
    const verdict = judgeOne({ passes: [1_001, 2_999, 4_399], signalledAt: 4_380 }, { goneAt: 4_600 });
    expect(verdict.beliefs.client).toEqual({ passes: 3, lieMs: undefined, uncoveredMs: undefined });
    expect(verdict).toMatchObject({ isExpired: true, isSignalled: true, isEarly: false, lateTurns: 0 });
  });

  it('is uncovered from the last moment on at which the member surely keeps the lease', () => {
    expect(judgeOne({ passes: [4_400] }).beliefs.client.uncoveredMs).toBe(0);
    expect(judgeOne({ passes: [4_400, 4_450] }, { goneAt: 4_600 }).beliefs.client).toMatchObject({
      uncoveredMs: 50,
      lieMs: undefined,
    });
  });

  it('is uncovered also before a renewal that came too late', () => {
    const { beliefs } = judgeOne({ passes: [3_010, 3_500] }, { renewedAt: [3_400] });
    expect(beliefs.client.uncoveredMs).toBe(10);
  });

  it('is a lie after the lease is gone', () => {
    expect(judgeOne({ passes: [4_600] }, { goneAt: 4_600 }).beliefs.client.lieMs).toBeUndefined();
    expect(judgeOne({ passes: [4_700] }, { goneAt: 4_600 }).beliefs.client).toMatchObject({
      lieMs: 100,
      uncoveredMs: 300,
    });
  });
});

describe('the signal', () => {
  it('may be late by no turn of the loop', () => {
    expect(judgeOne({ turns: [4_399, 4_400, 4_410, 4_420], signalledAt: 4_415 }).lateTurns).toBe(2);
  });

  it('is owed once the lease is gone, and not before', () => {
    const turns = [4_500, 4_510, 4_520];
    expect(judgeOne({ turns }).lateTurns).toBe(0);
    expect(judgeOne({ turns }, { goneAt: 4_505 })).toMatchObject({ lateTurns: 3, isExpired: true, isSignalled: false });
  });
});

it('a member that expires a lease too soon is found out', () => {
  expect(judgeOne({}, { goneAt: 4_399 }).isEarly).toBe(true);
  expect(judgeOne({}, { goneAt: 4_400 }).isEarly).toBe(false);
});
