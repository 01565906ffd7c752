/** What one seed has drawn for its clients: what they do, how fast, on how many keys, and how patient they are. */
import type { Random } from '../../../server/lib/random.js';
import { streamOf } from '../draws.js';
import type { Plan } from '../plan-types.js';
import { between, chance, pick, pickSome, type Weighted } from './draw.js';

export const PLAY_NAMES = [
  'put',
  'get',
  'range',
  'deleteKey',
  'deleteRange',
  'swapByRevision',
  'swapByValue',
  'txn',
  'readOnlyTxn',
  'append',
  'transfer',
  'compact',
  'sweep',
] as const;

export type PlayName = (typeof PLAY_NAMES)[number];

const DRAWN_PLAYS = PLAY_NAMES.filter((name) => name !== 'sweep');

export interface ValueSizes {
  /** Bytes of filler, exclusive. */
  readonly usualMax: number;
  readonly hugePercent: number;
  readonly hugeMax: number;
}

export interface Mix {
  /** Only what occurs at all. */
  readonly plays: readonly (Weighted & { readonly name: PlayName })[];
  /** Mean of the pauses between two plays of one client, ms. */
  readonly thinkMs: number;
  /** How many plays follow the one before at once; the others make up for it. */
  readonly burstPercent: number;
  /** A call that has no answer after this long is given up; one of these is drawn per call. */
  readonly patienceMs: readonly number[];
  /** Calls that outwait the member's own request timeout. */
  readonly endlessPercent: number;
  /** Calls that tell the member how long their client will wait. */
  readonly deadlinePercent: number;
  /** Calls that their client takes back a moment later. */
  readonly takenBackPercent: number;
  /** Clients that ask another member for every call; the others have one that they return to. */
  readonly roamingPercent: number;
  readonly registers: number;
  /** Of these, the first ones take most of the load. */
  readonly hotPercent: number;
  readonly others: number;
  readonly lists: number;
  readonly accounts: number;
  /** Calls that a key sees before another one takes its place. */
  readonly callsPerKey: number;
  readonly sizes: ValueSizes;
  /** How far back old revisions are read and compacted. */
  readonly historyDepth: number;
}

/** So many clients share a register; more would have too many orders for a checker to try out. */
export const REGISTER_CLIENTS_MAX = 6;

/** Waits longer than any member: the member's own verdict comes first. */
export const ENDLESS_MS = 30_000;

export function drawMix(plan: Plan, random: Random): Mix {
  // Each client passes over as many as there are clients too many.
  const registersMin = Math.max(1, plan.clients - REGISTER_CLIENTS_MAX + 1);
  const callsPerSecond = pick(random, [4, 8, 15, 30, 90]);
  return {
    plays: [...drawPlays(random), ...drawSweep(plan)],
    // A play is about one and a half calls.
    thinkMs: (1500 * plan.clients) / callsPerSecond,
    burstPercent: pick(random, [0, 50, 80, 95]),
    patienceMs: pickSome(random, [200, 1000, 5000], between(random, 1, 3)),
    endlessPercent: pick(random, [0, 5, 30]),
    deadlinePercent: pick(random, [0, 30, 90]),
    takenBackPercent: pick(random, [0, 0, 3]),
    roamingPercent: pick(random, [0, 50, 100]),
    registers: registersMin + random.below(6),
    hotPercent: pick(random, [0, 50, 90]),
    others: between(random, 2, 12),
    lists: between(random, 2, 4),
    accounts: between(random, 2, 6),
    callsPerKey: between(random, 100, 150),
    sizes: {
      usualMax: pick(random, [1, 8, 60, 400]),
      hugePercent: pick(random, [0, 0, 0, 2]),
      hugeMax: 8192,
    },
    historyDepth: pick(random, [3, 20, 100]),
  };
}

/** Each run leaves some of them out, so that the others meet each other more often. */
function drawPlays(random: Random): Mix['plays'] {
  const drawn = DRAWN_PLAYS.filter((name) => name === 'put' || name === 'get' || chance(random, 70));
  return drawn.map((name) => ({
    name,
    weight: name === 'compact' ? pick(random, [1, 4, 12]) : between(random, 4, 24),
  }));
}

/** Of a stream of its own: runs without it are as they were before it was thought of. */
function drawSweep({ seed }: Plan): Mix['plays'] {
  const random = streamOf(seed, 'sweep');
  return chance(random, 30) ? [{ name: 'sweep', weight: between(random, 4, 24) }] : [];
}
