/** Lock-delays in true time: what is too early, and what is too late. */
import { describe, expect, it } from 'vitest';
import type { GrantEntry } from '../../server/state/grant/grant-entry.js';
import type { OfficeProof } from './lease-lateness.js';
import { LockDelays } from './lock-delays.js';

const DELAY_MS = 2200;
const at = (index: number, atMs: number) => ({ term: 1, index, atMs });

function entry(attempt: string, rest: Partial<GrantEntry> = {}): GrantEntry {
  const place = attempt.charCodeAt(0);
  const wish = { attempt, names: ['n'], owner: '', lease: 1n, mode: 'exclusive', weight: 1, capacity: 0 } as const;
  const asked = { ...wish, priority: 0, lockDelayMs: DELAY_MS, metadata: '', value: '' };
  const stands = { place, isFirst: false, cameMs: 0, grantedMs: 0, token: 0, slots: [], barsUntilMs: 0 };
  return { ...asked, ...stands, ...rest };
}

const bar = (rest: Partial<GrantEntry> = {}): GrantEntry => entry('a', { token: 1, barsUntilMs: 1, ...rest });

/** Lost at 10,000 ms, in entry 5. */
function lost(rest: Partial<GrantEntry> = {}): LockDelays {
  const delays = new LockDelays();
  expect(delays.changed(at(4, 9000), [entry('a', { token: 1, ...rest }), entry('b')])).toEqual([]);
  expect(delays.changed(at(5, 10_000), [bar(rest), entry('b')])).toEqual([]);
  return delays;
}

/** Of a leader in office since 0 ms whose clock is right, and which has applied each entry a second after its index. */
function proven(provenMs: number): OfficeProof {
  return {
    term: 1,
    rate: 1,
    firstIndex: 1,
    sinceMs: 0,
    resumedMs: -Infinity,
    provenMs,
    appliedMs: (index) => 5000 + 1000 * index,
  };
}

describe('a lock-delay', () => {
  it.each([
    ['as long as the fastest clock says', 12_000, 'n', 'exclusive', 'exclusive', []],
    ['for another name', 10_001, 'm', 'exclusive', 'exclusive', []],
    ['beside one that it was shared with', 10_001, 'n', 'shared', 'shared', []],
    ['too early', 11_900, 'n', 'exclusive', 'exclusive', ['lock-delay']],
    ['too early to one who shares', 11_900, 'n', 'exclusive', 'shared', ['lock-delay']],
    ['too early after one who shared', 11_900, 'n', 'shared', 'exclusive', ['lock-delay']],
  ] as const)('is judged when somebody is granted the name: %s', (_, atMs, name, before, after, expected) => {
    const delays = lost({ mode: before });
    const granted = entry('b', { names: [name], token: 2, mode: after });
    expect(delays.changed(at(6, atMs), [granted]).map(({ checker }) => checker)).toEqual(expected);
    expect(delays.changed(at(7, atMs), [granted])).toEqual([]);
  });

  it('is too late when the time is not told, not told again, or the delay does not end', () => {
    const delays = lost();
    const isLate = (provenMs: number): boolean => delays.proven(proven(provenMs)).length > 0;
    expect([isLate(10_999), isLate(11_000)]).toEqual([false, true]);
    delays.told(at(6, 10_100));
    expect([isLate(11_999), isLate(12_000)]).toEqual([false, true]);
    delays.told(at(7, 10_200));
    expect([isLate(15_199), isLate(15_200)]).toEqual([false, true]);
    delays.changed(at(8, 12_500), []);
    expect(isLate(100_000)).toBe(false);
  });

  it('is not too late for a leader that has only just begun to count, or stood still', () => {
    const delays = lost();
    const late = { ...proven(20_000), firstIndex: 6 };
    expect(delays.proven({ ...late, sinceMs: 19_001 })).toEqual([]);
    expect(delays.proven({ ...late, resumedMs: 19_001 })).toEqual([]);
    expect(delays.proven({ ...late, sinceMs: 19_000 })).toHaveLength(1);
  });
});
