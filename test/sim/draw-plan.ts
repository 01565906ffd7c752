/**
 * What one seed makes of everything. Swarm style: which faults exist at all comes first, so that each is also met alone
 * and none hides another for ever; then how strong they are, how large everything is and how it is timed.
 */
import type { Random } from '../../server/lib/random.js';
import { between, chance, longTail, pick, streamOf } from './draws.js';
import { FAULT_KINDS, type FaultKind, type Plan } from './plan-types.js';

const VOTERS = [1, 2, 3, 3, 3, 3, 5, 5, 7] as const;
const CLIENTS = [2, 3, 4, 6, 8, 8] as const;
const WATCH_CLIENTS = [0, 1, 1, 2, 3, 4] as const;
const LEASE_CLIENTS = [0, 0, 0, 1, 2, 4] as const;
const GRANT_CLIENTS = [0, 0, 0, 2, 3, 5] as const;
/** Below it no seed has clients with grants: what was found with them before there were any stays found. */
const GRANTS_FROM_SEED = 30_000;
const SESSION_CLIENTS = [0, 0, 0, 1, 1, 2] as const;
const SDK_GRANT_CLIENTS = [0, 0, 0, 2, 2, 3] as const;
/** The same, for those of the SDK. */
const SDK_GRANTS_FROM_SEED = 100_000;
const HEARTBEATS_PER_ELECTION = [5, 10, 20] as const;
/** Member-seconds under faults: a larger cluster runs for a shorter time. */
const MEMBER_SECONDS = { from: 50, to: 200 } as const;
/** In hundredths: hardly ever, now and then, all the time. */
const STRENGTHS = [
  [5, 20],
  [20, 60],
  [60, 101],
] as const;
const FAULTY_MS = { from: 15_000, to: 100_000 } as const;

export function drawPlan(seed: number): Plan {
  const random = streamOf(seed, 'plan');
  const voters = pick(random, VOTERS);
  const spares = random.below(3);
  const heartbeatMs = 50 + 10 * random.below(16);
  const memberMs = 1000 * between(random, MEMBER_SECONDS.from, MEMBER_SECONDS.to);
  const faultyMs = Math.round(Math.min(Math.max(memberMs / voters, FAULTY_MS.from), FAULTY_MS.to));
  return {
    seed,
    voters,
    spares,
    clients: pick(random, CLIENTS),
    watchClients: pick(streamOf(seed, 'watch clients'), WATCH_CLIENTS),
    // Of a stream of its own: whoever draws none has the run that he had before there were leases.
    leaseClients: pick(streamOf(seed, 'lease clients'), LEASE_CLIENTS),
    grantClients: seed < GRANTS_FROM_SEED ? 0 : pick(streamOf(seed, 'grant clients'), GRANT_CLIENTS),
    sessionClients: pick(streamOf(seed, 'SDK'), SESSION_CLIENTS),
    sdkGrantClients: seed < SDK_GRANTS_FROM_SEED ? 0 : pick(streamOf(seed, 'SDK grants'), SDK_GRANT_CLIENTS),
    faultyMs,
    heartbeatMs,
    electionMs: heartbeatMs * pick(random, HEARTBEATS_PER_ELECTION),
    faults: drawFaults(random),
    snapshotCount: Math.floor(longTail(random, 5, pick(random, [20, 100, 1000]))),
    snapshotCatchUpEntries: Math.floor(longTail(random, 0, pick(random, [5, 20, 100]))),
    applyPageEntriesMax: 1 + random.below(64),
    appendBytesMax: Math.floor(longTail(random, 64, 64 * 1024)),
    inflightMessagesMax: 1 + Math.floor(longTail(random, 0, 64)),
  };
}

function drawFaults(random: Random): Plan['faults'] {
  /** How likely each kind is to exist: few seeds have nearly all, few nearly none. */
  const share = between(random, 0.05, 0.75);
  const faults: Partial<Record<FaultKind, number>> = {};
  for (const kind of FAULT_KINDS) {
    const [from, to] = pick(random, STRENGTHS);
    const strength = Math.floor(between(random, from, to)) / 100;
    if (chance(random, share)) faults[kind] = strength;
  }
  return faults;
}
