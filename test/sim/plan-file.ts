/** A plan as JSON, as --minimize prints it and --plan reads it. */
import { FAULT_KINDS, type FaultKind, type Plan } from './plan-types.js';
import { UsageError } from './usage-error.js';

type Sizes = Omit<Plan, 'faults'>;

/** Least and most of every size. */
const SIZES: Readonly<Record<keyof Sizes, readonly [number, number]>> = {
  seed: [0, 2 ** 32 - 1],
  voters: [1, 7],
  spares: [0, 2],
  clients: [1, 1000],
  watchClients: [0, 1000],
  leaseClients: [0, 1000],
  grantClients: [0, 1000],
  sessionClients: [0, 1000],
  sdkGrantClients: [0, 1000],
  faultyMs: [0, 1e9],
  heartbeatMs: [1, 1e6],
  electionMs: [2, 1e7],
  snapshotCount: [1, 1e9],
  snapshotCatchUpEntries: [0, 1e9],
  applyPageEntriesMax: [1, 1e9],
  appendBytesMax: [1, 1e9],
  inflightMessagesMax: [1, 1e9],
};

export function planText(plan: Plan): string {
  return JSON.stringify(plan);
}

/** Throws UsageError with every problem found. */
export function parsePlan(text: string): Plan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--plan: not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const problems: string[] = [];
  const plan = recordOf(value);
  const faults = recordOf(plan['faults']);
  for (const name of Object.keys(plan)) {
    if (name !== 'faults' && !(name in SIZES)) problems.push(`there is no "${name}"`);
  }
  for (const [name, [least, most]] of Object.entries(SIZES)) {
    const size = plan[name];
    const isGood = typeof size === 'number' && Number.isFinite(size) && size >= least && size <= most;
    if (!isGood) problems.push(`${name}: ${JSON.stringify(size)} is not a number from ${least} to ${most}`);
  }
  for (const [kind, strength] of Object.entries(faults)) {
    if (!isFaultKind(kind)) problems.push(`faults: there is no "${kind}"`);
    else if (typeof strength !== 'number' || !(strength > 0 && strength <= 1)) {
      problems.push(`faults.${kind}: ${JSON.stringify(strength)} is not above 0 and at most 1`);
    }
  }
  if (problems.length > 0) throw new UsageError(problems.map((problem) => `--plan: ${problem}`).join('\n'));
  // Every field was looked at above.
  return value as Plan;
}

function isFaultKind(kind: string): kind is FaultKind {
  return FAULT_KINDS.some((known) => known === kind);
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
