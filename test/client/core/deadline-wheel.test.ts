import { describe, expect, it } from 'vitest';
import { DeadlineWheel, SLOT_MS, WheelEntry } from '../../../client/core/deadline-wheel.js';
import { mulberry } from '../mulberry.js';

function entryAt(deadlineAt: number): WheelEntry {
  const entry = new WheelEntry();
  entry.deadlineAt = deadlineAt;
  return entry;
}

describe('the deadline wheel', () => {
  it('says when to look next', () => {
    const wheel = new DeadlineWheel();
    expect(wheel.nextAt).toBe(Infinity);
    wheel.add(entryAt(1_000));
    wheel.add(entryAt(500));
    expect(wheel.nextAt).toBe(500);
    wheel.takeExpired(500);
    expect(wheel.nextAt).toBe(1_000);
  });

  it('forgets what was taken out, and takes out twice without harm', () => {
    const wheel = new DeadlineWheel();
    const entry = entryAt(100);
    wheel.add(entry);
    wheel.remove(entry);
    wheel.remove(entry);
    expect(wheel.takeExpired(1_000)).toEqual([]);
    expect(wheel.nextAt).toBe(Infinity);
  });

  it('never holds what has no deadline', () => {
    const wheel = new DeadlineWheel();
    wheel.add(entryAt(Infinity));
    expect(wheel.nextAt).toBe(Infinity);
  });

  it('finds each entry once, not before its deadline and within a slot after it', () => {
    const below = mulberry(3);
    const wheel = new DeadlineWheel();
    const waiting = new Set<WheelEntry>();
    for (let now = 0; now < 10_000; now += below(10)) {
      const entry = entryAt(now + below(3_000) + 1);
      wheel.add(entry);
      waiting.add(entry);
      if (below(3) === 0) {
        const gone = [...waiting][below(waiting.size)] ?? entry;
        wheel.remove(gone);
        waiting.delete(gone);
      }
      for (const expired of wheel.takeExpired(now)) {
        expect(expired.deadlineAt).toBeLessThanOrEqual(now);
        expect(waiting.delete(expired)).toBe(true);
      }
      const soonest = Math.min(...[...waiting].map(({ deadlineAt }) => deadlineAt));
      if (waiting.size > 0) expect(soonest).toBeGreaterThan(now - SLOT_MS);
      expect(wheel.nextAt).toBeLessThan(soonest + SLOT_MS);
    }
  });
});
