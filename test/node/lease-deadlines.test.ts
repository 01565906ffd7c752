import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../server/lib/random.js';
import { LeaseDeadlines } from '../../server/node/lease-deadlines.js';

describe('deadlines of leases', () => {
  it('come up in order, each when it is due and not before, whatever is renewed, removed and added', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const random = seededRandom(seed);
      const deadlines = new LeaseDeadlines();
      const model = new Map<bigint, number>();
      for (let now = 0; now < 400; now += 1) {
        const id = BigInt(random.below(40));
        const roll = random.below(10);
        if (!model.has(id)) {
          model.set(id, now + 1 + random.below(60));
          deadlines.add(id, model.get(id) ?? 0);
        } else if (roll < 4) {
          model.delete(id);
          deadlines.remove(id);
        } else {
          const timed = deadlines.get(id);
          model.set(id, now + 60);
          if (timed !== undefined) timed.deadline = now + 60;
        }
        const expected = [...model].filter(([, deadline]) => deadline <= now).map(([due]) => due);
        const due = deadlines.takeDue(now, 1000, 1000);
        expect(new Set(due.map((timed) => timed.id))).toEqual(new Set(expected));
        for (const timed of due) {
          // Some live on for a while.
          if (random.below(2) === 0) {
            model.set(timed.id, now + 5);
            timed.deadline = now + 5;
            deadlines.giveBack(timed);
          } else {
            model.delete(timed.id);
            deadlines.remove(timed.id);
          }
        }
        expect(deadlines.size).toBe(model.size);
      }
    }
  });

  it('are taken in parts, the earliest first', () => {
    const deadlines = new LeaseDeadlines();
    for (const at of [50, 10, 40, 20, 30]) deadlines.add(BigInt(at), at);
    expect(deadlines.takeDue(45, 2, 100).map(({ id }) => id)).toEqual([10n, 20n]);
    expect(deadlines.takeDue(45, 100, 1).map(({ id }) => id)).toEqual([30n]);
    expect(deadlines.takeDue(45, 100, 100).map(({ id }) => id)).toEqual([40n]);
    expect(deadlines.mayBeDue(49)).toBe(false);
    expect(deadlines.mayBeDue(50)).toBe(true);
  });

  it('of leases that came and went do not pile up', () => {
    const deadlines = new LeaseDeadlines();
    for (let id = 0n; id < 100_000n; id += 1n) {
      deadlines.add(id, 1e12);
      deadlines.remove(id);
    }
    // What is left of them is looked at in a bounded number of steps.
    expect(deadlines.takeDue(2e12, 1, 1_100)).toEqual([]);
    expect(deadlines.mayBeDue(2e12)).toBe(false);
  });
});
