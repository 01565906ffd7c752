/** What one seed has drawn for its clients of the SDK: what they do, how many things at a time, and how patient they are. */
import type { Random } from '../../../server/lib/random.js';
import { between, chance, pick, pickSome, type Weighted } from './draw.js';

export const SDK_PLAY_NAMES = ['put', 'read', 'erase', 'transfer', 'append'] as const;

export type SdkPlayName = (typeof SDK_PLAY_NAMES)[number];

export interface SdkMix {
  readonly plays: readonly (Weighted & { readonly name: SdkPlayName })[];
  /** Things that a client does at a time. */
  readonly lanes: number;
  /** Mean of the pauses between two plays of a lane, ms. */
  readonly thinkMs: number;
  readonly timeoutMs: readonly number[];
  /** Calls that are given up by their signal a moment later. */
  readonly canceledPercent: number;
  readonly hotKeys: number;
  /** How long a client lives before it ends in one way or the other, ms; Infinity: to the end. */
  readonly lifeMs: number;
  /** Ends without a word instead of being closed. */
  readonly deathPercent: number;
  /** Whether one of them issues more puts in one tick than a session keeps replies of. */
  readonly hasFlood: boolean;
}

/** A flood through many members takes long. */
const FLOODED_VOTERS_MAX = 3;

export function drawSdkMix(random: Random, voters: number): SdkMix {
  return {
    plays: SDK_PLAY_NAMES.map((name) => ({ name, weight: WEIGHTS[name] * between(random, 0, 3) + 1 })),
    lanes: pick(random, [1, 2, 4]),
    thinkMs: pick(random, [300, 800, 2000]),
    timeoutMs: pickSome(random, [150, 1000, 5000, 20_000], between(random, 1, 3)),
    canceledPercent: pick(random, [0, 0, 10]),
    hotKeys: between(random, 1, 3),
    lifeMs: pick(random, [Infinity, Infinity, 10_000, 30_000]),
    deathPercent: pick(random, [0, 50, 100]),
    hasFlood: chance(random, 4) && voters <= FLOODED_VOTERS_MAX,
  };
}

const WEIGHTS: Readonly<Record<SdkPlayName, number>> = { put: 6, read: 5, erase: 3, transfer: 3, append: 2 };
