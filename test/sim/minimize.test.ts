import { describe, expect, it } from 'vitest';
import { FAKE_PLAN, fakeResult } from './fake-run.js';
import { minimize, RUNS_MAX } from './minimize.js';
import type { Plan } from './plan-types.js';
import type { SeedResult } from './seed-result.js';

/** Fails the check `checker(plan)` names, at 3,000 ms or where the run ends. */
function failing(plan: Plan, checker: string | undefined): SeedResult {
  if (checker === undefined) return fakeResult(plan);
  return fakeResult(plan, { checker, message: 'planted', atMs: Math.min(3000, plan.faultyMs) });
}

async function minimized(checkerOf: (plan: Plan) => string | undefined) {
  const steps: string[] = [];
  const seen: Plan[] = [];
  const run = async (plan: Plan): Promise<SeedResult> => {
    seen.push(plan);
    return failing(plan, checkerOf(plan));
  };
  const found = await minimize(failing(FAKE_PLAN, checkerOf(FAKE_PLAN)), run, (line) => steps.push(line));
  return { ...found, steps, seen };
}

describe('a failing plan is made smaller', () => {
  it('to what the failure needs, and no more', async () => {
    const { plan, result, steps } = await minimized(({ faults, voters, clients, faultyMs }) =>
      (faults.crash ?? 0) >= 0.25 && voters >= 2 && clients >= 2 && faultyMs >= 700 ? 'wanted' : undefined,
    );
    const small = {
      voters: 2,
      spares: 0,
      clients: 2,
      watchClients: 0,
      leaseClients: 0,
      grantClients: 0,
      sessionClients: 0,
      sdkGrantClients: 0,
      faultyMs: 750,
    };
    expect(plan).toEqual({ ...FAKE_PLAN, ...small, faults: { crash: 0.25 } });
    expect(result.plan).toEqual(plan);
    expect(steps[0]).toBe('1: faultyMs 10000 -> 3000');
    expect(steps).toContainEqual(expect.stringContaining('pause 1 -> none'));
  });

  it('to nothing at all when it always fails', async () => {
    const { plan, runs } = await minimized(() => 'wanted');
    expect(plan).toMatchObject({ voters: 1, spares: 0, clients: 1, faults: {} });
    expect(plan.faultyMs).toBeLessThan(150);
    expect(runs).toBeLessThan(RUNS_MAX);
  });

  it('only as long as the same check fails', async () => {
    const { plan } = await minimized(({ faults }) => ('pause' in faults ? 'wanted' : 'another'));
    expect(plan.faults).toHaveProperty('pause');
  });

  it('and stays as it is when nothing can go', async () => {
    const { plan, seen } = await minimized((candidate) => (candidate === FAKE_PLAN ? 'wanted' : undefined));
    expect(plan).toBe(FAKE_PLAN);
    expect(seen.length).toBeGreaterThan(10);
  });

  it('never by a plan that is no smaller, or out of what a plan may hold', async () => {
    const { seen } = await minimized(() => 'wanted');
    for (const { voters, clients, spares, faultyMs, faults } of seen) {
      expect(voters).toBeGreaterThanOrEqual(1);
      expect(clients).toBeGreaterThanOrEqual(1);
      expect(spares).toBeGreaterThanOrEqual(0);
      expect(faultyMs).toBeGreaterThan(0);
      expect(Object.values(faults).every((strength) => strength > 0 && strength <= 1)).toBe(true);
    }
    expect(new Set(seen.map((plan) => JSON.stringify(plan))).size).toBe(seen.length);
  });
});
