/** What a kept reply counts for. About what it takes in memory, and the same on every member. */
import type { KeyValue, Outcome, TxnOpResult } from '../result.js';

/** Of a reply, and of each operation in it. */
const REPLY_BYTES = 128;
const KEY_VALUE_BYTES = 64;
const QUERY_BYTES = 192;

export function replyBytes(outcome: Outcome): number {
  if (!outcome.ok) return REPLY_BYTES + outcome.detail.length;
  const { result } = outcome;
  if (result.kind === 'put' || result.kind === 'deleteRange' || result.kind === 'txn') return bytesOf(result);
  return REPLY_BYTES;
}

/** Of an operation, or of a request that is one; what it says of its revision is in the fixed part. */
type Op = TxnOpResult extends infer Result ? (Result extends unknown ? Omit<Result, 'revision'> : never) : never;

function bytesOf(op: Op): number {
  switch (op.kind) {
    case 'put':
      return REPLY_BYTES + (op.prevKv === undefined ? 0 : bytesOfKv(op.prevKv));
    case 'deleteRange':
      return op.prevKvs.reduce((bytes, kv) => bytes + bytesOfKv(kv), REPLY_BYTES);
    case 'range':
      return REPLY_BYTES + QUERY_BYTES + op.query.key.length + op.query.rangeEnd.length;
    case 'txn':
      return op.results.reduce((bytes, result) => bytes + bytesOf(result), REPLY_BYTES);
  }
}

function bytesOfKv({ key, value }: KeyValue): number {
  return KEY_VALUE_BYTES + key.length + value.length;
}
