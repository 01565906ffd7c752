/**
 * Makes a failing plan smaller, step by step, as long as the same check fails: fewer faults, a shorter run, fewer
 * members and clients, weaker faults. Greedy: it ends where no single step helps any more, or after RUNS_MAX runs.
 */
import { FAULT_KINDS, type Plan } from './plan-types.js';
import type { SeedResult } from './seed-result.js';

export const RUNS_MAX = 400;
const FAULTY_MS_MIN = 50;
/** Weaker ones hardly happen: to drop the kind is a step of its own. */
const STRENGTH_MIN = 1 / 16;

export interface Minimized {
  readonly plan: Plan;
  /** Of the smallest plan. */
  readonly result: SeedResult;
  readonly runs: number;
}

/** `failed` has a violation. `tell` hears of each step that was taken. */
export async function minimize(
  failed: SeedResult,
  run: (plan: Plan) => Promise<SeedResult>,
  tell: (line: string) => void,
): Promise<Minimized> {
  const checker = failed.violation?.checker;
  let best = failed;
  let runs = 0;
  for (let isSmaller = true; isSmaller && runs < RUNS_MAX; ) {
    isSmaller = false;
    // Of a pass over all steps each is tried on what the ones before it have left.
    for (const step of STEPS) {
      for (let next = step(best)[0], place = 0; next !== undefined && runs < RUNS_MAX; ) {
        const result = await run(next);
        runs += 1;
        if (result.violation?.checker === checker) {
          tell(`${runs}: ${differences(best.plan, next)}`);
          best = { ...result, plan: next };
          isSmaller = true;
          place = 0;
        } else {
          place += 1;
        }
        next = step(best)[place];
      }
    }
  }
  return { plan: best.plan, result: best, runs };
}

/** Plans that are smaller in one way, the boldest first. Each of them is really smaller, so the search ends. */
type Step = (failed: SeedResult) => readonly Plan[];

const STEPS: readonly Step[] = [
  shorterRuns,
  fewerFaults,
  fewerMembers,
  fewerSpares,
  fewerClients,
  fewerWatchClients,
  fewerLeaseClients,
  fewerGrantClients,
  fewerSessionClients,
  fewerSdkGrantClients,
  weakerFaults,
];

function shorterRuns({ plan, violation }: SeedResult): readonly Plan[] {
  const { faultyMs } = plan;
  const wanted = [Math.ceil(violation?.atMs ?? faultyMs), Math.ceil(faultyMs / 2), Math.ceil((faultyMs * 3) / 4)];
  return wanted.filter((ms) => ms >= FAULTY_MS_MIN && ms < faultyMs).map((ms) => ({ ...plan, faultyMs: ms }));
}

function fewerFaults({ plan }: SeedResult): readonly Plan[] {
  const kinds = FAULT_KINDS.filter((kind) => plan.faults[kind] !== undefined);
  const without = (dropped: readonly string[]): Plan => ({
    ...plan,
    faults: Object.fromEntries(Object.entries(plan.faults).filter(([kind]) => !dropped.includes(kind))),
  });
  const half = Math.ceil(kinds.length / 2);
  const many = kinds.length > 1 ? [without(kinds), without(kinds.slice(0, half)), without(kinds.slice(half))] : [];
  return [...many, ...kinds.map((kind) => without([kind]))];
}

function fewerMembers({ plan }: SeedResult): readonly Plan[] {
  return Array.from({ length: plan.voters - 1 }, (_, place) => ({ ...plan, voters: place + 1 }));
}

function fewerSpares({ plan }: SeedResult): readonly Plan[] {
  return Array.from({ length: plan.spares }, (_, spares) => ({ ...plan, spares }));
}

function fewerClients({ plan }: SeedResult): readonly Plan[] {
  const wanted = [1, Math.ceil(plan.clients / 2), plan.clients - 1];
  return wanted.filter((clients) => clients >= 1 && clients < plan.clients).map((clients) => ({ ...plan, clients }));
}

function fewerWatchClients({ plan }: SeedResult): readonly Plan[] {
  return Array.from({ length: plan.watchClients }, (_, watchClients) => ({ ...plan, watchClients }));
}

function fewerLeaseClients({ plan }: SeedResult): readonly Plan[] {
  const wanted = [0, 1, plan.leaseClients - 1].filter((count) => count >= 0 && count < plan.leaseClients);
  return wanted.map((leaseClients) => ({ ...plan, leaseClients }));
}

function fewerGrantClients({ plan }: SeedResult): readonly Plan[] {
  const wanted = [0, 1, plan.grantClients - 1].filter((count) => count >= 0 && count < plan.grantClients);
  return wanted.map((grantClients) => ({ ...plan, grantClients }));
}

function fewerSessionClients({ plan }: SeedResult): readonly Plan[] {
  return Array.from({ length: plan.sessionClients }, (_, sessionClients) => ({ ...plan, sessionClients }));
}

function fewerSdkGrantClients({ plan }: SeedResult): readonly Plan[] {
  return Array.from({ length: plan.sdkGrantClients }, (_, sdkGrantClients) => ({ ...plan, sdkGrantClients }));
}

function weakerFaults({ plan }: SeedResult): readonly Plan[] {
  return FAULT_KINDS.flatMap((kind) => {
    const strength = (plan.faults[kind] ?? 0) / 2;
    return strength >= STRENGTH_MIN ? [{ ...plan, faults: { ...plan.faults, [kind]: strength } }] : [];
  });
}

function differences(from: Plan, to: Plan): string {
  const flat = ({ faults, ...sizes }: Plan): Readonly<Record<string, number | undefined>> => ({ ...sizes, ...faults });
  const [before, after] = [flat(from), flat(to)];
  return Object.keys(before)
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name} ${before[name]} -> ${after[name] ?? 'none'}`)
    .join(', ');
}
