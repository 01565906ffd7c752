/**
 * What a query asks for, in the terms of the work: what to keep, how to order it, where to cut. etcd 3.4's answers to
 * the letter: without a sort order and without filters the limit is applied in key order, with one key in reserve to
 * know of `more`; a sort target other than the key then still sorts, ascending, the reserve included.
 */
import { compareByteStrings } from '../../lib/bytes.js';
import type { RangeQuery, SortTarget } from '../command.js';
import { isInMemory, type SelectedVersion } from './key-history.js';

export type Order = (a: SelectedVersion, b: SelectedVersion) => number;

export interface RangePlan {
  /** How many versions to keep in key order; what comes after only counts. */
  readonly selectMax: number;
  /** Undefined: keep all. */
  readonly filter: ((version: SelectedVersion) => boolean) | undefined;
  /** Key order, from the last to the first. */
  readonly isReversed: boolean;
  /** Undefined: key order, or reversed. Tells any two keys apart. */
  readonly order: Order | undefined;
  /** The order cannot be known before the values are. */
  readonly needsValues: boolean;
  /** How many versions the answer holds at most. */
  readonly limit: number;
}

export function planRange(query: RangeQuery): RangePlan {
  const limit = query.limit > 0 ? query.limit : Infinity;
  const filter = filterOf(query);
  const cutsInKeyOrder = query.sortOrder === 'none' && filter === undefined;
  return {
    selectMax: query.countOnly ? 0 : cutsInKeyOrder ? limit + 1 : Infinity,
    filter,
    isReversed: query.sortTarget === 'key' && query.sortOrder === 'descend',
    order: orderOf(query),
    needsValues: query.sortTarget === 'value',
    limit,
  };
}

function filterOf(query: RangeQuery): RangePlan['filter'] {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = query;
  if (minModRevision === 0 && maxModRevision === 0 && minCreateRevision === 0 && maxCreateRevision === 0) {
    return undefined;
  }
  return ({ modRevision, createRevision }) =>
    (minModRevision === 0 || modRevision >= minModRevision) &&
    (maxModRevision === 0 || modRevision <= maxModRevision) &&
    (minCreateRevision === 0 || createRevision >= minCreateRevision) &&
    (maxCreateRevision === 0 || createRevision <= maxCreateRevision);
}

/** Versions that are equal in the target stand in ascending key order, in a descending sort too. */
function orderOf({ sortOrder, sortTarget }: RangeQuery): Order | undefined {
  if (sortTarget === 'key') return undefined;
  const byTarget = TARGET_ORDERS[sortTarget];
  return sortOrder === 'descend'
    ? (a, b) => byTarget(b, a) || compareByteStrings(a.key, b.key)
    : (a, b) => byTarget(a, b) || compareByteStrings(a.key, b.key);
}

const TARGET_ORDERS: Readonly<Record<Exclude<SortTarget, 'key'>, Order>> = {
  version: (a, b) => a.version - b.version,
  create: (a, b) => a.createRevision - b.createRevision,
  mod: (a, b) => a.modRevision - b.modRevision,
  value: (a, b) => compareByteStrings(valueOf(a), valueOf(b)),
};

function valueOf(version: SelectedVersion): string {
  return isInMemory(version) ? version.value : '';
}
