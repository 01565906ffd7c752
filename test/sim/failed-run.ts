/** The result of a run that did not come to its own end. */
import { FAULT_KINDS, type FaultKind, type Plan } from './plan-types.js';
import type { SeedResult } from './seed-result.js';

export function failedRun(plan: Plan, checker: string, message: string): SeedResult {
  const faults = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  const violation = { checker, message, atMs: 0 };
  return { plan, traceHash: '', virtualMs: 0, events: 0, faults, counts: {}, violation };
}

/** `run`, with whatever it throws as the violation of the check "exception". */
export async function runOrFail(plan: Plan, run: (plan: Plan) => Promise<SeedResult>): Promise<SeedResult> {
  try {
    return await run(plan);
  } catch (error) {
    console.error(error);
    return failedRun(plan, 'exception', String(error));
  }
}
