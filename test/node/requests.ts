/** Requests as the doors would make them, with everything left at its default that a test does not name. */
import type {
  CompactCommand,
  DeleteRangeCommand,
  PutCommand,
  RangeQuery,
  TxnCommand,
} from '../../server/state/command.js';
import { keyQuery } from '../../server/state/key-query.js';

export function put(key: string, value: string, options: Partial<PutCommand> = {}): PutCommand {
  return { kind: 'put', key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false, ...options };
}

export function get(key: string, options: Partial<RangeQuery> = {}): RangeQuery {
  return { ...keyQuery(key), ...options };
}

/** Every key that there is. */
export function getAll(options: Partial<RangeQuery> = {}): RangeQuery {
  return get('\0', { rangeEnd: '\0', ...options });
}

export function del(key: string, rangeEnd = ''): DeleteRangeCommand {
  return { kind: 'deleteRange', key, rangeEnd, prevKv: false };
}

export function compact(revision: number): CompactCommand {
  return { kind: 'compact', revision };
}

export function txn(parts: Partial<TxnCommand>): TxnCommand {
  return { kind: 'txn', compares: [], success: [], failure: [], ...parts };
}
