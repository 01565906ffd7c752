/** What one seed has drawn for its clients with leases: for how long they ask, how they keep them, what they do. */
import type { Random } from '../../../server/lib/random.js';
import { between, chance, pick, pickSome, type Weighted } from './draw.js';

export const LEASE_PLAY_NAMES = ['grant', 'attach', 'move', 'renew', 'timeToLive', 'leases', 'revoke'] as const;

export type LeasePlayName = (typeof LEASE_PLAY_NAMES)[number];

export const UPKEEPS = ['none', 'steady', 'edge', 'irregular', 'anew'] as const;

/**
 * What becomes of a lease: nobody renews it; it is renewed every third of its time, for a while or to the end; always
 * shortly before its time is over, or shortly after; whenever it happens; or it is revoked when its time is about over, and
 * granted anew under the same id at once.
 */
export type Upkeep = (typeof UPKEEPS)[number];

export interface LeaseMix {
  /** Only what occurs at all. */
  readonly plays: readonly (Weighted & { readonly name: LeasePlayName })[];
  readonly upkeeps: readonly Upkeep[];
  /** Seconds; the server raises those below the least it grants. */
  readonly ttls: readonly number[];
  /** So many leases are held at a time, by all clients together. */
  readonly leasesMax: number;
  /** Ids that clients choose, again and again; the fewer, the more often one is taken. */
  readonly chosenIds: number;
  readonly chosenPercent: number;
  /** Mean of the pauses between two plays of one client, ms. */
  readonly thinkMs: number;
  readonly patienceMs: readonly number[];
  readonly deadlinePercent: number;
  /** Keys that are put at once. */
  readonly keysMax: number;
}

export function drawLeaseMix(random: Random): LeaseMix {
  const hasLong = chance(random, 30);
  return {
    plays: drawPlays(random),
    upkeeps: pickSome(random, UPKEEPS, between(random, 2, UPKEEPS.length)),
    ttls: [1, between(random, 2, 4), between(random, 3, 8), ...(hasLong ? [between(random, 15, 60)] : [])],
    leasesMax: pick(random, [3, 8, 20]),
    chosenIds: pick(random, [2, 6, 1000]),
    chosenPercent: pick(random, [20, 60, 100]),
    thinkMs: pick(random, [200, 600, 1500]),
    patienceMs: pickSome(random, [200, 1000, 5000], between(random, 1, 3)),
    deadlinePercent: pick(random, [0, 30, 90]),
    keysMax: pick(random, [1, 3, 6]),
  };
}

/** A run without grants would have no leases. */
function drawPlays(random: Random): LeaseMix['plays'] {
  const drawn = LEASE_PLAY_NAMES.filter((name) => name === 'grant' || name === 'attach' || chance(random, 75));
  return drawn.map((name) => ({ name, weight: WEIGHTS[name] * between(random, 1, 4) }));
}

const WEIGHTS: Readonly<Record<LeasePlayName, number>> = {
  grant: 5,
  attach: 6,
  move: 3,
  renew: 2,
  timeToLive: 2,
  leases: 1,
  revoke: 1,
};
