/**
 * Answers that take long to encode are encoded in slices, between which the event loop runs: heartbeats do not wait
 * for somebody's range over everything. Rests on two facts of protobuf: fields may stand in any order, and the
 * entries of a repeated field may be written one by one.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DeleteRangeResponse, RangeResponse, ResponseOp, TxnResponse } from '@quorate/proto/etcd/kv.js';
import { KeyValue as WireKeyValue } from '@quorate/proto/etcd/mvcc.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { DeleteRangeAnswer, RangeAnswer, TxnAnswer, TxnOpAnswer } from '../node/member.js';
import type { KeyValue } from '../state/result.js';
import { encodeMessage, encodeWith } from './codec.js';
import { deleteRangeToWire, headerToWire, keyValueToWire, opHeader, opToWire, rangeToWire } from './kv-answer.js';

/** An answer beyond this is refused: read it in pages. Encoding it needs about three times as much memory. */
export const answerBytesMax = 128 * 1024 * 1024;
/** What is encoded in one go, which takes about half a millisecond. */
const sliceBytes = 256 * 1024;
/** Tags, lengths and numbers of one key-value, at most. */
const keyValueOverheadBytes = 72;

/** The field numbers and wire type 2 (length-delimited), as they stand on the wire. */
const tags = {
  rangeKvs: (2 << 3) | 2,
  deletedKvs: (3 << 3) | 2,
  txnResponses: (3 << 3) | 2,
  opRange: (1 << 3) | 2,
  opDeleteRange: (3 << 3) | 2,
  opTxn: (4 << 3) | 2,
} as const;

/** Whether an answer with these key-values is better encoded in slices. Throws RESPONSE_TOO_LARGE. */
export function isLarge(kvs: readonly KeyValue[]): boolean {
  return needsSlices(bytesOf(kvs));
}

/** The same for the results of a transaction. */
export function isLargeTxn(results: readonly TxnOpAnswer[]): boolean {
  return needsSlices(bytesOfOps(results));
}

export async function encodeLargeRange(answer: RangeAnswer): Promise<Buffer> {
  const pieces = new Pieces();
  pieces.add(encodeMessage(RangeResponse, rangeToWire({ ...answer, kvs: [] })));
  await addKeyValues(pieces, tags.rangeKvs, answer.kvs);
  return pieces.joined();
}

export async function encodeLargeDeleteRange(answer: DeleteRangeAnswer): Promise<Buffer> {
  const pieces = new Pieces();
  pieces.add(encodeMessage(DeleteRangeResponse, deleteRangeToWire({ ...answer, prevKvs: [] })));
  await addKeyValues(pieces, tags.deletedKvs, answer.prevKvs);
  return pieces.joined();
}

export async function encodeLargeTxn({ header, succeeded, results }: TxnAnswer): Promise<Buffer> {
  const pieces = new Pieces();
  pieces.add(encodeMessage(TxnResponse, { header: headerToWire(header), succeeded, responses: [] }));
  for (const op of results) pieces.addField(tags.txnResponses, await opPieces(op));
  return pieces.joined();
}

async function opPieces(op: TxnOpAnswer): Promise<Pieces> {
  const inner = new Pieces();
  const outer = new Pieces();
  switch (op.kind) {
    case 'put':
      outer.add(encodeMessage(ResponseOp, opToWire(op)));
      return outer;
    case 'range': {
      const { more, count } = op;
      inner.add(encodeMessage(RangeResponse, { header: opHeader(op.revision), kvs: [], more, count: BigInt(count) }));
      await addKeyValues(inner, tags.rangeKvs, op.kvs);
      return outer.addField(tags.opRange, inner);
    }
    case 'deleteRange': {
      const deleted = BigInt(op.deleted);
      inner.add(encodeMessage(DeleteRangeResponse, { header: opHeader(op.revision), deleted, prevKvs: [] }));
      await addKeyValues(inner, tags.deletedKvs, op.prevKvs);
      return outer.addField(tags.opDeleteRange, inner);
    }
    case 'txn':
      inner.add(encodeMessage(TxnResponse, { header: opHeader(0), succeeded: op.succeeded, responses: [] }));
      for (const nested of op.results) inner.addField(tags.txnResponses, await opPieces(nested));
      return outer.addField(tags.opTxn, inner);
  }
}

async function addKeyValues(pieces: Pieces, tag: number, kvs: readonly KeyValue[]): Promise<void> {
  let next = 0;
  while (next < kvs.length) {
    const slice = encodeWith((to) => {
      for (let bytes = 0; next < kvs.length && bytes < sliceBytes; next += 1) {
        const kv = kvs[next];
        if (kv === undefined) continue;
        WireKeyValue.encode(keyValueToWire(kv), to.uint32(tag).fork()).join();
        bytes += kv.key.length + kv.value.length + keyValueOverheadBytes;
      }
    });
    pieces.add(slice);
    await nextTurn();
  }
}

/** About what they take when encoded. */
export function bytesOf(kvs: readonly KeyValue[]): number {
  let bytes = kvs.length * keyValueOverheadBytes;
  for (const kv of kvs) bytes += kv.key.length + kv.value.length;
  return bytes;
}

export function bytesOfOps(results: readonly TxnOpAnswer[]): number {
  let bytes = 0;
  for (const op of results) {
    if (op.kind === 'range') bytes += bytesOf(op.kvs);
    else if (op.kind === 'deleteRange') bytes += bytesOf(op.prevKvs);
    else if (op.kind === 'txn') bytes += bytesOfOps(op.results);
    else if (op.prevKv !== undefined) bytes += bytesOf([op.prevKv]);
  }
  return bytes;
}

/** Of an answer with so much in it. Throws RESPONSE_TOO_LARGE. */
export function needsSlices(bytes: number): boolean {
  if (bytes > answerBytesMax) {
    throw new QuorateError('RESPONSE_TOO_LARGE', `about ${bytes} bytes, at most ${answerBytesMax}: use a limit`);
  }
  return bytes > sliceBytes;
}

/** Encoded bytes that were not copied together yet. */
class Pieces {
  readonly #buffers: Buffer[] = [];
  #length = 0;

  add(bytes: Buffer): void {
    this.#buffers.push(bytes);
    this.#length += bytes.length;
  }

  /** A length-delimited field that holds `content`. */
  addField(tag: number, content: Pieces): this {
    this.add(encodeWith((to) => to.uint32(tag).uint32(content.#length)));
    for (const buffer of content.#buffers) this.add(buffer);
    return this;
  }

  joined(): Buffer {
    return Buffer.concat(this.#buffers, this.#length);
  }
}
