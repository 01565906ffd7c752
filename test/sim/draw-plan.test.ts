import { describe, expect, it } from 'vitest';
import { drawPlan } from './draw-plan.js';
import { FAULT_KINDS, type Plan } from './plan-types.js';

const plans = Array.from({ length: 500 }, (_, seed) => drawPlan(seed));
const spread = (of: (plan: Plan) => number): { min: number; max: number } => ({
  min: Math.min(...plans.map(of)),
  max: Math.max(...plans.map(of)),
});

describe('plans', () => {
  it('are the same for the same seed, and differ between seeds', () => {
    expect(drawPlan(7)).toEqual(drawPlan(7));
    expect(new Set(plans.map((plan) => JSON.stringify({ ...plan, seed: 0 }))).size).toBe(plans.length);
    expect(drawPlan(7 + 2 ** 32)).not.toEqual({ ...drawPlan(7), seed: 7 + 2 ** 32 });
  });

  it('leave each kind of fault out, have each alone with few others, and each at every strength', () => {
    for (const kind of FAULT_KINDS) {
      const strengths = plans.map(({ faults }) => faults[kind]).filter((one) => one !== undefined);
      expect(strengths.length).toBeGreaterThan(75);
      expect(strengths.length).toBeLessThan(300);
      expect(Math.min(...strengths)).toBeGreaterThan(0);
      expect(Math.max(...strengths)).toBeLessThanOrEqual(1);
    }
    expect(spread(({ faults }) => Object.keys(faults).length).min).toBeLessThanOrEqual(2);
    expect(spread(({ faults }) => Object.keys(faults).length).max).toBeGreaterThanOrEqual(15);
  });

  it('cover the sizes', () => {
    expect(new Set(plans.map(({ voters }) => voters))).toEqual(new Set([1, 2, 3, 5, 7]));
    expect(new Set(plans.map(({ spares }) => spares))).toEqual(new Set([0, 1, 2]));
    expect(new Set(plans.map(({ watchClients }) => watchClients))).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(new Set(plans.map(({ electionMs, heartbeatMs }) => electionMs / heartbeatMs))).toEqual(new Set([5, 10, 20]));
    expect(spread(({ heartbeatMs }) => heartbeatMs)).toEqual({ min: 50, max: 200 });
    expect(spread(({ snapshotCount }) => snapshotCount).min).toBe(5);
    expect(spread(({ snapshotCount }) => snapshotCount).max).toBeGreaterThan(500);
    expect(spread(({ snapshotCatchUpEntries }) => snapshotCatchUpEntries).min).toBe(0);
    expect(spread(({ applyPageEntriesMax }) => applyPageEntriesMax)).toEqual({ min: 1, max: 64 });
    expect(spread(({ inflightMessagesMax }) => inflightMessagesMax).min).toBe(1);
    expect(spread(({ faultyMs }) => faultyMs).min).toBeGreaterThanOrEqual(15_000);
    expect(spread(({ faultyMs }) => faultyMs).max).toBeLessThanOrEqual(100_000);
  });
});
