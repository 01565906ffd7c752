import { describe, expect, it } from 'vitest';
import { gapLimitMs, gapsOf, judgeSightings, judgeTerms, type Outage, type Term } from './judge.js';

const term = (token: number, from: number, to: number, candidate = `c${token}`): Term => ({
  token,
  candidate,
  from,
  to,
});

describe('the judge of elections', () => {
  it('is content with terms one after the other, in whatever order they are told', () => {
    expect(judgeTerms([term(9, 30, 40), term(4, 10, 20), term(5, 21, 29)])).toEqual([]);
  });

  it('sees two that lead at once, a later token that led first, and a token of two', () => {
    expect(judgeTerms([term(4, 10, 20), term(5, 19, 30)])).toHaveLength(1);
    expect(judgeTerms([term(5, 10, 20), term(4, 30, 40)])).toHaveLength(1);
    expect(judgeTerms([term(4, 10, 20, 'a'), term(4, 30, 40, 'b')])).toEqual(['token 4 of a and b']);
  });

  it('sees an observer that goes back, and two that do not agree', () => {
    const a = { token: 4, leader: 'a' };
    const b = { token: 5, leader: 'b' };
    expect(judgeSightings([[a, undefined, b], [b], [a]], [])).toEqual([]);
    expect(judgeSightings([[b, a]], [])).toHaveLength(1);
    expect(judgeSightings([[a], [{ token: 4, leader: 'b' }]], [])).toHaveLength(1);
    expect(judgeSightings([[a]], [term(4, 1, 2, 'b')])).toHaveLength(1);
  });

  it('measures the time without a leader', () => {
    expect(gapsOf([term(5, 25, 30), term(4, 10, 20)])).toEqual([{ from: 20, ms: 5 }]);
  });

  it('gives more time only for an outage of the cluster that falls into it', () => {
    const patience = { ttlMs: 20, graceMs: 10, silentMs: 40 };
    const outage = (from: number, leadsAt: number, to = leadsAt): Outage => ({
      from,
      leadsAt,
      to,
      isSilent: to > leadsAt,
    });
    expect(gapLimitMs(100, [], patience)).toBe(30);
    expect(gapLimitMs(100, [outage(50, 90), outage(140, 150)], patience)).toBe(30);
    expect(gapLimitMs(100, [outage(95, 105)], patience)).toBe(35);
    expect(gapLimitMs(100, [outage(125, 135)], patience)).toBe(65);
    expect(gapLimitMs(100, [outage(125, 135), outage(150, 160)], patience)).toBe(90);
    // It led the cluster, stands still, and others wait at it.
    expect(gapLimitMs(100, [outage(50, 60, 101)], patience)).toBe(70);
  });
});
