/** Draws Range requests: every range form, limit, revision, order and filter, well-formed or not. */
import type { RangeRequest } from '@quorate/proto/etcd/kv.js';
import type { Draw } from './draw.js';
import { drawKey, drawRangeEnd, noBytes, openEnd } from './key-space.js';

/** What the answers so far have told: the generator aims at the edges of it. */
export interface History {
  /** The store revision. */
  readonly revision: number;
  /** -1: nothing was compacted yet. */
  readonly compacted: number;
}

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

export function drawRange(draw: Draw, history: History): RangeRequest {
  const wholeSpace = draw.chance(150);
  const key = wholeSpace ? openEnd : drawKey(draw);
  return {
    ...plainRange(key, wholeSpace ? openEnd : drawRangeEnd(draw, key)),
    limit: drawLimit(draw),
    revision: drawRevision(draw, history),
    ...drawSort(draw),
    serializable: draw.chance(150),
    keysOnly: draw.chance(120),
    countOnly: draw.chance(100),
    ...drawFilters(draw, history),
  };
}

export function plainRange(key: Buffer, rangeEnd: Buffer = noBytes): RangeRequest {
  return {
    key,
    rangeEnd,
    limit: 0n,
    revision: 0n,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0n,
    maxModRevision: 0n,
    minCreateRevision: 0n,
    maxCreateRevision: 0n,
  };
}

function drawLimit(draw: Draw): bigint {
  return draw.weighted(
    [60, () => 0n],
    [30, () => BigInt(draw.between(1, 14))],
    [4, () => BigInt(draw.pick([100, 2 ** 40]))],
    [4, () => draw.pick([-1n, -7n, int64Min])],
    [2, () => int64Max],
  );
}

export function drawRevision(draw: Draw, { revision, compacted }: History): bigint {
  const oldest = Math.max(compacted, 1);
  return draw.weighted(
    [60, () => 0n],
    [8, () => BigInt(revision)],
    [18, () => BigInt(draw.between(oldest, revision))],
    [4, () => BigInt(compacted)],
    [3, () => BigInt(compacted - draw.between(1, 3))],
    [3, () => BigInt(revision + draw.between(1, 3))],
    [2, () => draw.pick([2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, int64Max])],
    [2, () => draw.pick([-1n, -2n, int64Min])],
  );
}

/** Sort orders 0 to 2 and targets 0 to 4: unknown numbers are in the table of what is not sent. */
function drawSort(draw: Draw): Pick<RangeRequest, 'sortOrder' | 'sortTarget'> {
  if (draw.chance(400)) return { sortOrder: 0, sortTarget: 0 };
  return { sortOrder: draw.pick([0, 1, 2]), sortTarget: draw.pick([0, 1, 2, 3, 4]) };
}

type Filters = 'minModRevision' | 'maxModRevision' | 'minCreateRevision' | 'maxCreateRevision';

function drawFilters(draw: Draw, history: History): Pick<RangeRequest, Filters> {
  const isFiltered = draw.chance(200);
  return {
    minModRevision: isFiltered ? drawBound(draw, history) : 0n,
    maxModRevision: isFiltered ? drawBound(draw, history) : 0n,
    minCreateRevision: isFiltered ? drawBound(draw, history) : 0n,
    maxCreateRevision: isFiltered ? drawBound(draw, history) : 0n,
  };
}

/** Mostly near the current revision, where the values of a small key space live. */
function drawBound(draw: Draw, { revision }: History): bigint {
  return draw.weighted(
    [60, () => 0n],
    [30, () => BigInt(Math.max(1, revision - draw.below(60)))],
    [5, () => BigInt(draw.between(1, revision))],
    [3, () => BigInt(revision + 1)],
    [1, () => -1n],
    [1, () => int64Max],
  );
}
