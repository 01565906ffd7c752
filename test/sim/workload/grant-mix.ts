/** What one seed has drawn for its clients with grants: how many names there are, for how long they hold, what they do. */
import type { Random } from '../../../server/lib/random.js';
import { between, chance, pick, pickSome, type Weighted } from './draw.js';

export const GRANT_PLAY_NAMES = ['lock', 'tryLock', 'share', 'permits', 'several', 'force', 'describe'] as const;

export type GrantPlayName = (typeof GRANT_PLAY_NAMES)[number];

export interface GrantMix {
  /** Only what occurs at all. */
  readonly plays: readonly (Weighted & { readonly name: GrantPlayName })[];
  /** Names of locks. Of read-write locks and semaphores there is one each. */
  readonly locks: number;
  readonly permits: number;
  readonly priorities: readonly number[];
  readonly lockDelaysMs: readonly number[];
  /** Mean of the pauses between two plays of one client, ms. */
  readonly thinkMs: number;
  /** Mean of the time that something is held, ms. */
  readonly holdMs: number;
  readonly patienceMs: readonly number[];
  /** Of those that wait: how many lose interest. */
  readonly abandonPercent: number;
  /** Of those that hold: how many leave it to the lease. */
  readonly forgetPercent: number;
  /** Of requests that are answered when they are granted, or cannot be at once. */
  readonly waitTherePercent: number;
  /** The same request at two members at a time. */
  readonly twicePercent: number;
  readonly ownerPercent: number;
  readonly observePercent: number;
}

export function drawGrantMix(random: Random): GrantMix {
  return {
    plays: GRANT_PLAY_NAMES.filter((name) => name === 'lock' || chance(random, 70)).map((name) => ({
      name,
      weight: WEIGHTS[name] * between(random, 1, 4),
    })),
    locks: pick(random, [1, 2, 3]),
    permits: between(random, 2, 4),
    priorities: pick(random, [[0], [0, 0, 1], [-1, 0, 5]]),
    lockDelaysMs: pick(random, [[0], [0, 0, 400], [0, 3000]]),
    thinkMs: pick(random, [100, 400, 1000]),
    holdMs: pick(random, [20, 300, 2000]),
    patienceMs: pickSome(random, [300, 1000, 5000], between(random, 1, 3)),
    abandonPercent: pick(random, [5, 30]),
    forgetPercent: pick(random, [5, 30]),
    waitTherePercent: pick(random, [0, 50, 100]),
    twicePercent: pick(random, [0, 10, 40]),
    ownerPercent: pick(random, [0, 40]),
    observePercent: pick(random, [0, 50, 100]),
  };
}

const WEIGHTS: Readonly<Record<GrantPlayName, number>> = {
  lock: 6,
  tryLock: 2,
  share: 4,
  permits: 3,
  several: 2,
  force: 1,
  describe: 1,
};
