/** The limits of a run's watches: half of them are the product's own, which are hardly ever met, the others small. */
import { WATCH_LIMITS, type WatchLimits } from '../../server/watch/watch-limits.js';
import { longTail, streamOf } from './draws.js';

/** The most that is drawn, where one is drawn. */
const SMALL = {
  streamBatchesMax: 20,
  streamBytesMax: 5_000,
  sliceRevisionsMax: 40,
  sliceBytesMax: 5_000,
  sliceVisitsMax: 60,
  recentRevisionsMax: 60,
  recentBytesMax: 10_000,
  joinedEventsMax: 20,
  joinedBytesMax: 3_000,
} as const satisfies Partial<WatchLimits>;

/** A slice that ends early for its many visits was read for nothing beyond: where there are such, slices are short. */
const SLICE_REVISIONS_OF_FEW_VISITS = 8;

export function drawWatchLimits(seed: number): WatchLimits {
  const random = streamOf(seed, 'watch limits');
  const drawn = Object.entries(SMALL).flatMap(([name, max]) =>
    random.below(2) === 0 ? [] : [[name, 1 + Math.floor(longTail(random, 0, max))] as const],
  );
  const limits: WatchLimits = { ...WATCH_LIMITS, ...Object.fromEntries(drawn) };
  if (limits.sliceVisitsMax > SMALL.sliceVisitsMax) return limits;
  return { ...limits, sliceRevisionsMax: Math.min(limits.sliceRevisionsMax, SLICE_REVISIONS_OF_FEW_VISITS) };
}
