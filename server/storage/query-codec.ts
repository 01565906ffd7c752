/** Reads as they stand in the log and in kept replies: our plain type to the message of command.proto and back. */
import type * as wire from '@quorate/proto/quorate/internal/command.js';
import { bytesFrom, byteStringFrom } from '../lib/bytes.js';
import { safeInteger } from '../lib/integers.js';
import type { RangeQuery, SortOrder, SortTarget } from '../state/command.js';

/** Where each word stands is its number in the message. */
const SORT_ORDERS: readonly SortOrder[] = ['none', 'ascend', 'descend'];
const SORT_TARGETS: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value'];

export function queryToWire(query: RangeQuery): wire.RangeQuery {
  const { serializable, keysOnly, countOnly } = query;
  return {
    key: bytesFrom(query.key),
    rangeEnd: bytesFrom(query.rangeEnd),
    limit: BigInt(query.limit),
    revision: BigInt(query.revision),
    sortOrder: SORT_ORDERS.indexOf(query.sortOrder) as wire.SortOrder,
    sortTarget: SORT_TARGETS.indexOf(query.sortTarget) as wire.SortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision: BigInt(query.minModRevision),
    maxModRevision: BigInt(query.maxModRevision),
    minCreateRevision: BigInt(query.minCreateRevision),
    maxCreateRevision: BigInt(query.maxCreateRevision),
  };
}

/** Throws RangeError for what no member can have written. */
export function queryFromWire(query: wire.RangeQuery): RangeQuery {
  const { serializable, keysOnly, countOnly } = query;
  return {
    kind: 'range',
    key: byteStringFrom(query.key),
    rangeEnd: byteStringFrom(query.rangeEnd),
    limit: safeInteger(query.limit),
    revision: safeInteger(query.revision),
    sortOrder: wordAt(SORT_ORDERS, query.sortOrder),
    sortTarget: wordAt(SORT_TARGETS, query.sortTarget),
    serializable,
    keysOnly,
    countOnly,
    minModRevision: safeInteger(query.minModRevision),
    maxModRevision: safeInteger(query.maxModRevision),
    minCreateRevision: safeInteger(query.minCreateRevision),
    maxCreateRevision: safeInteger(query.maxCreateRevision),
  };
}

/** The word that a number of an enum stands for. */
export function wordAt<T>(words: readonly T[], number: number): T {
  const word = words[number];
  if (word === undefined) throw new RangeError(`the unknown enum number ${number}`);
  return word;
}
