/** A simulator that simulates nothing, for the tests of the commands around it. */
import { FAULT_KINDS, type FaultKind, type Plan } from './plan-types.js';
import type { SeedResult, Violation } from './seed-result.js';

export const FAKE_PLAN: Plan = {
  seed: 1,
  voters: 3,
  spares: 1,
  clients: 6,
  watchClients: 2,
  leaseClients: 2,
  grantClients: 2,
  sessionClients: 0,
  sdkGrantClients: 0,
  faultyMs: 10_000,
  heartbeatMs: 100,
  electionMs: 1000,
  faults: { crash: 0.5, pause: 1, messageLoss: 0.25 },
  snapshotCount: 100,
  snapshotCatchUpEntries: 10,
  applyPageEntriesMax: 10,
  appendBytesMax: 1000,
  inflightMessagesMax: 4,
};

export function fakeResult(plan: Plan, violation?: Violation): SeedResult {
  const faults = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, kind in plan.faults ? 2 : 0]));
  return {
    plan,
    traceHash: `hash-of-${plan.seed}`,
    virtualMs: plan.faultyMs,
    events: 1000,
    faults: faults as Record<FaultKind, number>,
    counts: { elections: 3 },
    violation,
  };
}
