/** Transactions: conditions and operations as plain data, to bytes; and their answers, by place. */
import { type LeaseId, leaseIdNumber, type Revision } from '../core/ids.js';
import type { AnswerReader } from './answer-reader.js';
import { MalformedMessage } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import type { Bytes } from './bytes.js';
import { type KeyRange, type Namespace, writeRange } from './key-range.js';
import {
  type DeleteResult,
  type PutResult,
  readDelete,
  readOne,
  readPut,
  readPutWithPrev,
  readRange,
} from './kv-answers.js';
import {
  type PutFields,
  type RangeFields,
  writeDeleteRequest,
  writePutRequest,
  writeRangeRequest,
} from './kv-requests.js';

export type Relation = 'equal' | 'greater' | 'less' | 'notEqual';

/** How a property of a key must stand to an operand. A key that does not exist has version and revisions 0. */
export type Condition = { readonly key: Bytes; readonly is: Relation } & (
  | { readonly target: 'version'; readonly operand: number }
  | { readonly target: 'createRevision' | 'modRevision'; readonly operand: Revision }
  | { readonly target: 'value'; readonly operand: Bytes }
  | { readonly target: 'lease'; readonly operand: LeaseId | undefined }
);

/** A grant that must be current: else nothing of the transaction is looked at. */
export interface Guard {
  readonly name: Buffer;
  readonly token: number;
}

export type TxnOp =
  | { readonly kind: 'put'; readonly key: Bytes; readonly value: Bytes; readonly options: PutFields }
  | { readonly kind: 'getOne'; readonly key: Bytes }
  | { readonly kind: 'getRange'; readonly range: KeyRange; readonly options: RangeFields }
  | { readonly kind: 'delete'; readonly range: KeyRange; readonly prevKv: boolean }
  | { readonly kind: 'fence'; readonly key: Bytes; readonly token: number };

const relations: Readonly<Record<Relation, number>> = { equal: 0, greater: 1, less: 2, notEqual: 3 };

export function writeTxnRequest(
  writer: ByteWriter,
  namespace: Namespace,
  conditions: readonly Condition[],
  success: readonly TxnOp[],
  failure: readonly TxnOp[],
): void {
  for (const condition of conditions) writeCondition(writer, namespace, condition);
  for (const op of success) writeOp(writer, 2, namespace, op);
  for (const op of failure) writeOp(writer, 3, namespace, op);
}

/** The whole as one operation of another transaction, which runs it when all guards are current. */
export function writeGuardedTxn(writer: ByteWriter, guards: readonly Guard[], writeGuarded: () => void): void {
  for (const { name, token } of guards) {
    const begun = writer.begin(1);
    writer.number(2, GRANT_TARGET);
    writer.bytes(3, undefined, name);
    writer.number(GRANT_TARGET, token);
    writer.end(begun);
  }
  const op = writer.begin(2);
  const txn = writer.begin(4);
  writeGuarded();
  writer.end(txn);
  writer.end(op);
}

/** Of a comparison: the target, and the field of its operand. */
const GRANT_TARGET = 1000;

function writeCondition(writer: ByteWriter, namespace: Namespace, condition: Condition): void {
  const begun = writer.begin(1);
  writer.number(1, relations[condition.is]);
  switch (condition.target) {
    case 'version':
      writer.bytes(3, namespace, condition.key);
      writer.number(4, condition.operand);
      break;
    case 'createRevision':
      writer.number(2, 1);
      writer.bytes(3, namespace, condition.key);
      writer.number(5, condition.operand);
      break;
    case 'modRevision':
      writer.number(2, 2);
      writer.bytes(3, namespace, condition.key);
      writer.number(6, condition.operand);
      break;
    case 'value':
      writer.number(2, 3);
      writer.bytes(3, namespace, condition.key);
      writer.delimited(7, undefined, condition.operand);
      break;
    case 'lease':
      writer.number(2, 4);
      writer.bytes(3, namespace, condition.key);
      if (condition.operand !== undefined) writer.bigint(8, leaseIdNumber(condition.operand));
      break;
  }
  writer.end(begun);
}

function writeOp(writer: ByteWriter, field: number, namespace: Namespace, op: TxnOp): void {
  const begun = writer.begin(field);
  switch (op.kind) {
    case 'put': {
      const put = writer.begin(2);
      writePutRequest(writer, namespace, op.key, op.value, op.options);
      writer.end(put);
      break;
    }
    case 'getOne': {
      const range = writer.begin(1);
      writeRange(writer, namespace, op.key);
      writer.end(range);
      break;
    }
    case 'getRange': {
      const range = writer.begin(1);
      writeRangeRequest(writer, namespace, op.range, op.options);
      writer.end(range);
      break;
    }
    case 'delete': {
      const deletion = writer.begin(3);
      writeDeleteRequest(writer, namespace, op.range, op.prevKv);
      writer.end(deletion);
      break;
    }
    case 'fence': {
      const fence = writer.begin(FENCE_FIELD);
      writer.bytes(1, namespace, op.key);
      writer.number(2, op.token);
      writer.end(fence);
      break;
    }
  }
  writer.end(begun);
}

const FENCE_FIELD = 1000;

export interface TxnAnswer {
  readonly succeeded: boolean;
  readonly revision: Revision;
  /** One for each operation of the list that ran. */
  readonly results: readonly unknown[];
}

/** Which list ran, and where the answer to each of its operations stands. */
function readTxnParts(reader: AnswerReader) {
  let succeeded = false;
  const places: { readonly at: number; readonly end: number }[] = [];
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    if (tag === 10) {
      reader.header();
    } else if (tag === 16) {
      succeeded = reader.boolean();
    } else if (tag === 26) {
      const outer = reader.enter();
      places.push({ at: reader.at, end: reader.end });
      reader.leave(outer);
    } else {
      reader.skip(tag);
    }
  }
  return { succeeded, places };
}

/** The answer does not say which list ran before it says what came of it, nor how a single key was asked for. */
export function readTxn(reader: AnswerReader, success: readonly TxnOp[], failure: readonly TxnOp[]): TxnAnswer {
  const { succeeded, places } = readTxnParts(reader);
  const { revision } = reader;
  const ops = succeeded ? success : failure;
  if (ops.length !== places.length) throw new MalformedMessage('an answer for each operation was expected');
  const whole = reader.end;
  const results = places.map(({ at, end }, place) => {
    reader.at = at;
    reader.end = end;
    return readOpAnswer(reader, ops[place] as TxnOp, revision);
  });
  reader.at = whole;
  reader.end = whole;
  reader.revision = revision;
  return { succeeded, revision, results };
}

/** Undefined: some guard was not current. */
export function readGuardedTxn(
  reader: AnswerReader,
  success: readonly TxnOp[],
  failure: readonly TxnOp[],
): TxnAnswer | undefined {
  const { succeeded: isCurrent, places } = readTxnParts(reader);
  const [place] = places;
  if (!isCurrent || place === undefined) return undefined;
  const { revision, end: whole } = reader;
  reader.at = place.at;
  reader.end = place.end;
  if (reader.tag() !== 34) throw new MalformedMessage('an operation was answered as if it were another');
  reader.enter();
  const answer = readTxn(reader, success, failure);
  reader.at = whole;
  reader.end = whole;
  reader.revision = revision;
  return { ...answer, revision };
}

/** Its own header has the revision that the store has inside the transaction: that of the whole when it writes. */
function readOpAnswer(reader: AnswerReader, op: TxnOp, revision: Revision): unknown {
  const tag = reader.tag();
  const outer = reader.enter();
  reader.revision = revision;
  const result = readAs(reader, tag, op);
  reader.leave(outer);
  return result;
}

function readAs(reader: AnswerReader, tag: number, op: TxnOp): unknown {
  if (tag === 10 && op.kind === 'getOne') return readOne(reader);
  if (tag === 10 && op.kind === 'getRange') return readRange(reader);
  if (tag === 18 && op.kind === 'put') {
    return (op.options.prevKv === true ? readPutWithPrev(reader) : readPut(reader)) satisfies PutResult;
  }
  if (tag === 18 && op.kind === 'fence') return readPut(reader);
  if (tag === 26 && op.kind === 'delete') return readDelete(reader, op.prevKv) satisfies DeleteResult;
  throw new MalformedMessage('an operation was answered as if it were another');
}
