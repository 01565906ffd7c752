/**
 * Runs of a small simulated cluster of which the workload's judgement is told. Doors may be changed on the way, so that
 * members can be made to lie.
 */
import { Tally } from './tally.js';
import { runPlan } from '../run-seed.js';
import type { Plan } from '../plan-types.js';
import type { Member } from '../../../server/node/member.js';
import type { Finding, MakeWorkload, Target } from '../workload-ports.js';
import { lyingWatches, type WatchLie } from './lying-watches.js';
import { makeWorkload } from './workload.js';

/** What clients talk to instead of a member's own door. */
export type Door = (kv: Member, id: bigint) => Member;

export interface JudgedRun {
  readonly seed: number;
  /** Default: none. */
  readonly faults?: Plan['faults'];
  /** Default: 5 s. */
  readonly faultyMs?: number;
  readonly door?: Door;
  readonly watchLie?: WatchLie;
  /** Default: none. */
  readonly leaseClients?: number;
  /** Default: none. */
  readonly sessionClients?: number;
  /** Default: none. */
  readonly sdkGrantClients?: number;
}

export interface Judgement {
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Record<string, number>>;
}

export async function judgedRun({
  seed,
  faults = {},
  faultyMs = 5000,
  door,
  watchLie,
  leaseClients = 0,
  sessionClients = 0,
  sdkGrantClients = 0,
}: JudgedRun): Promise<Judgement> {
  let findings: readonly Finding[] | undefined;
  const isHonest = door === undefined && watchLie === undefined;
  const through = isHonest ? (target: Target): Target => target : doorKeeper(door, watchLie);
  const makeBehindDoors: MakeWorkload = (plan, ports) => {
    const workload = makeWorkload(plan, { ...ports, targets: () => ports.targets().map(through) });
    return {
      start: () => workload.start(),
      quiet: () => workload.quiet(),
      proveLive: (targets) => workload.proveLive(targets.map(through)),
      judge: async (target) => {
        findings = await workload.judge(through(target));
        return findings;
      },
      get counts() {
        return workload.counts;
      },
    };
  };
  const { violation, counts } = await runPlan(
    { ...planOf(seed, faults, faultyMs), leaseClients, sessionClients, sdkGrantClients },
    { makeWorkload: makeBehindDoors },
  );
  if (findings === undefined) throw new Error(`never judged: ${violation?.checker}: ${violation?.message}`);
  return { findings, counts };
}

/** What all the seeds counted, together. None of them may find anything. */
export async function cleanRuns(seeds: number, options: Omit<JudgedRun, 'seed'>): Promise<Judgement['counts']> {
  const sum = new Tally();
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { findings, counts } = await judgedRun({ ...options, seed });
    const [found] = findings;
    if (found !== undefined) throw new Error(`seed ${seed}: ${found.checker}: ${found.message}`);
    for (const [name, count] of Object.entries(counts)) sum.add(name, count);
  }
  return sum.counts;
}

/** One door for each life: a client knows a life by it. */
function doorKeeper(door: Door = (kv) => kv, lie: WatchLie = () => (told) => [told]): (target: Target) => Target {
  const doors = new Map<Member, Target>();
  return (target) => {
    const { id, kv, watches } = target;
    const known = doors.get(kv) ?? { ...target, kv: door(kv, id), watches: lyingWatches(watches, lie) };
    doors.set(kv, known);
    return known;
  };
}

function planOf(seed: number, faults: Plan['faults'], faultyMs: number): Plan {
  return {
    seed,
    voters: 3,
    spares: 0,
    clients: 4,
    watchClients: 2,
    leaseClients: 0,
    grantClients: 0,
    sessionClients: 0,
    sdkGrantClients: 0,
    faultyMs,
    heartbeatMs: 100,
    electionMs: 1000,
    faults,
    snapshotCount: 50,
    snapshotCatchUpEntries: 10,
    applyPageEntriesMax: 64,
    appendBytesMax: 64 * 1024,
    inflightMessagesMax: 64,
  };
}
