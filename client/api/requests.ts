/** Makes requests out of what callers ask for: checks it, writes it, and knows how to read the answer. */
import type { Revision } from '../core/ids.js';
import { QuorateError } from '../core/quorate-error.js';
import { ByteWriter } from '../wire/byte-writer.js';
import type { Bytes } from '../wire/bytes.js';
import { isSingleKey, type KeyRange, type Namespace } from '../wire/key-range.js';
import type { KeyValue } from '../wire/key-value.js';
import {
  type CompactResult,
  type DeleteResult,
  type PutResult,
  type RangeResult,
  readCompaction,
  readDelete,
  readOne,
  readPut,
  readPutWithPrev,
  readRange,
} from '../wire/kv-answers.js';
import {
  type PutFields,
  type RangeFields,
  writeCompactionRequest,
  writeDeleteRequest,
  writePutRequest,
  writeRangeRequest,
} from '../wire/kv-requests.js';
import type { Consistency, Request } from '../wire/request.js';
import {
  type Condition,
  type Guard,
  readGuardedTxn,
  readTxn,
  type TxnAnswer,
  type TxnOp,
  writeGuardedTxn,
  writeTxnRequest,
} from '../wire/txn-wire.js';

export interface RangeWanted {
  readonly limit?: number | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
  readonly sort?: RangeFields['sort'];
}

/** Throws INVALID_ARGUMENT or EMPTY_KEY for what makes no sense; then nothing was written. */
export class Requests {
  readonly namespace: Namespace;
  readonly #writer = new ByteWriter();

  constructor(namespace: Namespace) {
    this.namespace = namespace;
  }

  get(key: Bytes, consistency: Consistency): Request<KeyValue | null> {
    checkKey(key);
    const body = this.#written((writer) => writeRangeRequest(writer, this.namespace, key, fieldsOf(consistency, {})));
    return { kind: 'range', isWrite: false, consistency, body, decode: readOne };
  }

  range(range: KeyRange, consistency: Consistency, wanted: RangeWanted): Request<RangeResult> {
    checkRange(range);
    checkCount('limit', wanted.limit);
    const fields = fieldsOf(consistency, wanted);
    const body = this.#written((writer) => writeRangeRequest(writer, this.namespace, range, fields));
    return { kind: 'range', isWrite: false, consistency, body, decode: readRange };
  }

  put(key: Bytes, value: Bytes, fields: PutFields): Request<PutResult> {
    checkKey(key);
    checkBytes('value', value);
    const body = this.#written((writer) => writePutRequest(writer, this.namespace, key, value, fields));
    const decode = fields.prevKv === true ? readPutWithPrev : readPut;
    return { kind: 'put', isWrite: true, consistency: undefined, body, decode };
  }

  delete(range: KeyRange, prevKv: boolean): Request<DeleteResult> {
    checkRange(range);
    const body = this.#written((writer) => writeDeleteRequest(writer, this.namespace, range, prevKv));
    const decode = prevKv ? readDeleteWithPrev : readDeleteAlone;
    return { kind: 'deleteRange', isWrite: true, consistency: undefined, body, decode };
  }

  compact(revision: Revision, isPhysical: boolean): Request<CompactResult> {
    checkCount('revision', revision);
    const body = this.#written((writer) => writeCompactionRequest(writer, revision, isPhysical));
    return { kind: 'compact', isWrite: true, consistency: undefined, body, decode: readCompaction };
  }

  txn(conditions: readonly Condition[], success: readonly TxnOp[], failure: readonly TxnOp[]): Request<TxnAnswer> {
    checkTxn(conditions, success, failure);
    const body = this.#written((writer) => writeTxnRequest(writer, this.namespace, conditions, success, failure));
    const isWrite = [...success, ...failure].some(({ kind }) => kind !== 'getOne' && kind !== 'getRange');
    return {
      kind: 'txn',
      isWrite,
      consistency: undefined,
      body,
      decode: (reader) => readTxn(reader, success, failure),
    };
  }

  /** The answer is undefined when some guard was not current. Nested, it goes through the log also where it only reads. */
  guardedTxn(
    guards: readonly Guard[],
    conditions: readonly Condition[],
    success: readonly TxnOp[],
    failure: readonly TxnOp[],
  ): Request<TxnAnswer | undefined> {
    checkTxn(conditions, success, failure);
    const body = this.#written((writer) =>
      writeGuardedTxn(writer, guards, () => writeTxnRequest(writer, this.namespace, conditions, success, failure)),
    );
    return {
      kind: 'txn',
      isWrite: true,
      consistency: undefined,
      body,
      decode: (reader) => readGuardedTxn(reader, success, failure),
    };
  }

  #written(write: (writer: ByteWriter) => void): Buffer {
    try {
      write(this.#writer);
      return this.#writer.finish();
    } catch (error) {
      this.#writer.discard();
      throw new QuorateError('INVALID_ARGUMENT', {
        detail: error instanceof Error ? error.message : String(error),
        cause: error,
      });
    }
  }
}

const readDeleteAlone = (reader: Parameters<typeof readDelete>[0]): DeleteResult => readDelete(reader, false);
const readDeleteWithPrev = (reader: Parameters<typeof readDelete>[0]): DeleteResult => readDelete(reader, true);

function fieldsOf(consistency: Consistency, wanted: RangeWanted): RangeFields {
  if (consistency === 'linearizable' || consistency === 'session') return wanted;
  if (consistency === 'serializable') return { ...wanted, isSerializable: true };
  if ('revision' in consistency) {
    checkCount('revision', consistency.revision);
    return { ...wanted, revision: consistency.revision };
  }
  checkCount('maxStalenessMs', consistency.maxStalenessMs);
  return wanted;
}

function checkTxn(conditions: readonly Condition[], success: readonly TxnOp[], failure: readonly TxnOp[]): void {
  for (const { key } of conditions) checkKey(key);
  for (const op of [...success, ...failure]) checkOp(op);
}

function checkOp(op: TxnOp): void {
  switch (op.kind) {
    case 'put':
      checkKey(op.key);
      return checkBytes('value', op.value);
    case 'getOne':
      return checkKey(op.key);
    case 'fence':
      checkKey(op.key);
      return checkCount('token', op.token);
    case 'getRange':
    case 'delete':
      return checkRange(op.range);
  }
}

export function checkRange(range: KeyRange): void {
  if (isSingleKey(range)) return checkKey(range);
  if (typeof range === 'object' && 'prefix' in range) return checkBytes('prefix', range.prefix);
  if (typeof range !== 'object' || !('start' in range)) throw invalid('a range is a key, { prefix } or { start, end }');
  checkBytes('start', range.start);
  if (range.end !== undefined) checkBytes('end', range.end);
}

function checkKey(key: Bytes): void {
  checkBytes('key', key);
  if (key.length === 0) throw new QuorateError('EMPTY_KEY');
}

function checkBytes(name: string, value: unknown): void {
  if (typeof value !== 'string' && !(value instanceof Uint8Array))
    throw invalid(`${name} must be text or a Uint8Array`);
}

function checkCount(name: string, value: number | undefined): void {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) {
    throw invalid(`${name} must be a whole number from 0, not ${value}`);
  }
}

function invalid(detail: string): QuorateError {
  return new QuorateError('INVALID_ARGUMENT', { detail });
}
