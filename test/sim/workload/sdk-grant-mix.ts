/** What one seed has drawn for its processes that take grants through the SDK. */
import type { Random } from '../../../server/lib/random.js';
import { between, chance, pick, pickSome, type Weighted } from './draw.js';

export const SDK_GRANT_PLAY_NAMES = ['lock', 'tryLock', 'run', 'share', 'permits', 'several', 'force'] as const;

export type SdkGrantPlayName = (typeof SDK_GRANT_PLAY_NAMES)[number];

export interface SdkGrantMix {
  /** Only what occurs at all. */
  readonly plays: readonly (Weighted & { readonly name: SdkGrantPlayName })[];
  /** Things that a process does at a time, besides its candidates and observers. */
  readonly lanes: number;
  /** Of a process, each an object of its own. */
  readonly candidates: number;
  readonly observers: number;
  readonly locks: number;
  readonly permits: number;
  /** Mean of the pauses between two plays of a lane, ms. */
  readonly thinkMs: number;
  /** Mean of the pauses in the work that a grant is for, ms. */
  readonly holdMs: number;
  readonly ttlsMs: readonly number[];
  /** How long somebody waits for a grant. */
  readonly timeoutsMs: readonly number[];
  /** Of those that wait: how many lose interest by their signal. */
  readonly canceledPercent: number;
  readonly ownLeasePercent: number;
  /** Of those whose grant is lost: how many work on for a while. */
  readonly stubbornPercent: number;
  readonly stopTimeoutsMs: readonly number[];
  readonly priorities: readonly number[];
  readonly lockDelaysMs: readonly number[];
  /** How long a process lives before it ends in one way or the other, ms; Infinity: to the end. */
  readonly lifeMs: number;
  /** Ends without a word instead of closing its client. */
  readonly deathPercent: number;
}

export function drawSdkGrantMix(random: Random): SdkGrantMix {
  return {
    plays: SDK_GRANT_PLAY_NAMES.filter((name) => name === 'lock' || chance(random, 70)).map((name) => ({
      name,
      weight: WEIGHTS[name] * between(random, 1, 4),
    })),
    lanes: between(random, 1, 3),
    candidates: pick(random, [0, 1, 1, 2]),
    observers: pick(random, [0, 1]),
    locks: pick(random, [1, 2, 3]),
    permits: between(random, 2, 4),
    thinkMs: pick(random, [300, 1000, 2000]),
    holdMs: pick(random, [50, 400, 1500]),
    ttlsMs: pickSome(random, [1000, 2000, 4000, 10_000], between(random, 1, 2)),
    timeoutsMs: pickSome(random, [400, 3000, 15_000, Infinity], between(random, 1, 3)),
    canceledPercent: pick(random, [0, 15]),
    ownLeasePercent: pick(random, [0, 25]),
    stubbornPercent: pick(random, [0, 50]),
    stopTimeoutsMs: pick(random, [[5000], [300, 5000]]),
    priorities: pick(random, [[0], [0, 0, 1], [-1, 0, 5]]),
    lockDelaysMs: pick(random, [[0], [0, 0, 400], [0, 3000]]),
    lifeMs: pick(random, [Infinity, Infinity, 10_000, 30_000]),
    deathPercent: pick(random, [0, 50, 100]),
  };
}

const WEIGHTS: Readonly<Record<SdkGrantPlayName, number>> = {
  lock: 6,
  tryLock: 3,
  run: 5,
  share: 4,
  permits: 3,
  several: 2,
  force: 2,
};
