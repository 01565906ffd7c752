/** From a recorded call to the SDK, and from what it gives to a recorded answer. Nothing is said in other words on the way. */
import { cmp, del, get, put } from '../../../client/api/txn.js';
import type { Client } from '../../../client/api/client.js';
import type { CallOptions } from '../../../client/calls/caller.js';
import { type Revision, revision } from '../../../client/core/ids.js';
import type { KeyRange } from '../../../client/wire/key-range.js';
import type { KeyValue as SdkKeyValue } from '../../../client/wire/key-value.js';
import type { DeleteResult, RangeResult } from '../../../client/wire/kv-answers.js';
import type { Consistency } from '../../../client/wire/request.js';
import type { Answer, Call, Compare, KeyValue, OpAnswer, Range, RangeAnswer, TxnOp } from '../../checkers/operation.js';

export interface SdkAnswer {
  readonly revision: number;
  readonly answer: Answer;
}

export interface SdkCallOptions extends CallOptions {
  readonly consistency: Consistency;
}

export async function callSdk(client: Client, call: Call, options: SdkCallOptions): Promise<SdkAnswer> {
  switch (call.kind) {
    case 'put': {
      const done = await client.kv.put(bytes(call.key), bytes(call.value), options);
      return { revision: done.revision, answer: { kind: 'put' } };
    }
    case 'deleteRange': {
      const done = await client.kv.delete(rangeOf(call), options);
      return { revision: done.revision, answer: { kind: 'deleteRange', deleted: done.deleted } };
    }
    case 'range': {
      const done = await client.kv.list(rangeOf(call), { ...options, limit: call.limit });
      return { revision: done.revision, answer: rangeAnswer(done) };
    }
    case 'txn': {
      const given = client
        .txn()
        .if(...call.compares.map(conditionOf))
        .then(...call.success.map(opOf))
        .else(...call.failure.map(opOf));
      const { ok, results, ...done } = await given.commit(options);
      const ops = ok ? call.success : call.failure;
      const answers = ops.map((op, place) => opAnswer(op, results[place]));
      return { revision: done.revision, answer: { kind: 'txn', succeeded: ok, results: answers } };
    }
    case 'compact': {
      const done = await client.kv.compact(revision(call.revision), options);
      return { revision: done.revision, answer: { kind: 'compact' } };
    }
  }
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

function textOf(given: Uint8Array): string {
  return Buffer.from(given).toString('latin1');
}

function rangeOf({ key, rangeEnd }: { readonly key: string; readonly rangeEnd?: string }): KeyRange {
  return rangeEnd === undefined ? bytes(key) : { start: bytes(key), end: bytes(rangeEnd) };
}

function conditionOf(compare: Compare) {
  const { key, is, target } = compare;
  const of = cmp(bytes(key));
  if (target === 'value') return of.value.equals(bytes(compare.operand));
  const relation = ({ equal: 'equals', greater: 'greaterThan', less: 'lessThan' } as const)[is];
  if (target === 'version') return of.version[relation](compare.operand);
  const operand: Revision = revision(compare.operand);
  return target === 'create' ? of.createRevision[relation](operand) : of.modRevision[relation](operand);
}

function opOf(op: TxnOp) {
  switch (op.kind) {
    case 'put':
      return put(bytes(op.key), bytes(op.value));
    case 'deleteRange':
      return del(rangeOf(op));
    case 'range':
      return get({ start: bytes(op.key), end: bytes(endOf(op)) }, { limit: op.limit });
  }
}

/** A range that holds the key alone, where the call names one. */
function endOf({ key, rangeEnd }: Range): string {
  return rangeEnd ?? `${key}\0`;
}

/** What comes of an operation is typed by its place; here the places are drawn. */
function opAnswer(op: TxnOp, result: unknown): OpAnswer {
  if (op.kind === 'put') return { kind: 'put' };
  if (op.kind === 'deleteRange') return { kind: 'deleteRange', deleted: (result as DeleteResult).deleted };
  return rangeAnswer(result as RangeResult);
}

function rangeAnswer({ entries, more, count }: Pick<RangeResult, 'entries' | 'more' | 'count'>): RangeAnswer {
  return { kind: 'range', kvs: entries.map(keyValueOf), more, count };
}

function keyValueOf({ keyBytes, value, createRevision, modRevision, version, lease }: SdkKeyValue): KeyValue {
  const kv = { key: textOf(keyBytes), value: textOf(value), createRevision, modRevision, version };
  return lease === undefined ? kv : { ...kv, lease: String(BigInt.asIntN(64, BigInt(`0x${lease}`))) };
}
