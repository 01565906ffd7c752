import { describe, expect, it } from 'vitest';
import { FAKE_PLAN, fakeResult } from './fake-run.js';
import { failureText, planLine, verdictLine } from './report-lines.js';
import { Totals } from './report-totals.js';

const violation = { checker: 'linearizable', message: 'a stale read', atMs: 1234.5 };

describe('the report of many runs', () => {
  const totals = new Totals(2);
  totals.add(fakeResult(FAKE_PLAN));
  totals.add({ ...fakeResult(FAKE_PLAN, violation), counts: { elections: 0, 'puts ok': 7 } });

  it('sums up in one line', () => {
    expect(totals.line(4000)).toBe(
      '2 seeds, 1 violation, 20 virtual s, 3 virtual s per real s per core, 2000 events, 12 faults',
    );
    expect(new Totals(1).line(0)).toBe(
      '0 seeds, 0 violations, 0 virtual s, 0 virtual s per real s per core, 0 events, 0 faults',
    );
  });

  it('says how it goes', () => {
    expect(totals.progress(4000)).toBe('2 seeds, 0.5 seeds/s, 3 virtual s per real s per core, 12 faults, 1 violation');
  });

  it('lists every kind of fault, happened or not, and every count, with the seeds in which it came up', () => {
    const rows = totals
      .table()
      .split('\n')
      .map((row) => row.trim().split(/\s{2,}/));
    expect(rows).toContainEqual(['crash', '4', '2']);
    expect(rows).toContainEqual(['diskFull', '0', '0']);
    expect(rows).toContainEqual(['elections', '3', '1']);
    expect(rows).toContainEqual(['puts ok', '7', '1']);
  });

  it('names what failed, and how to see it again', () => {
    expect(failureText(fakeResult(FAKE_PLAN, violation), 'say please')).toBe(
      'seed 1 FAILED at 1235 virtual ms: linearizable: a stale read\n  again: say please',
    );
  });

  it('ends a trace with hash and verdict', () => {
    expect(verdictLine(fakeResult(FAKE_PLAN))).toBe('hash hash-of-1: no violation');
    expect(verdictLine(fakeResult(FAKE_PLAN, violation))).toBe(
      'hash hash-of-1: VIOLATION of linearizable: a stale read',
    );
  });

  it('shows a plan in one line', () => {
    expect(planLine(FAKE_PLAN)).toMatch(/^seed=1 voters=3 .* crash=0.5 pause=1 messageLoss=0.25$/);
  });
});
