/** From a recorded call to what a member takes, and from what it gives to a recorded answer. */
import type {
  Header,
  Member,
  RangeAnswer as MemberRangeAnswer,
  RequestOptions,
  TxnOpAnswer,
} from '../../../server/node/member.js';
import type * as commands from '../../../server/state/command.js';
import type { KeyValue as MemberKeyValue, RangeResult } from '../../../server/state/result.js';
import type {
  Answer,
  Call,
  Compare,
  KeyValue,
  OpAnswer,
  Put,
  Range,
  RangeAnswer,
  TxnOp,
} from '../../checkers/operation.js';
import { compact, del, get, put, txn } from '../../node/requests.js';

export interface Received {
  readonly header: Header;
  readonly answer: Answer;
}

export interface SendOptions extends RequestOptions {
  /** Of a compaction: it answers when the old revisions are gone from the member's disk. */
  readonly isPhysical?: boolean;
}

/** An answer that does not fit its question. */
export class WrongShape extends Error {}

/** Calls `done` or `failed` as the member settles; twice, if it does so twice. */
export function send(
  kv: Member,
  call: Call,
  { isPhysical = false, ...options }: SendOptions,
  done: (read: () => Received) => void,
  failed: (error: unknown) => void,
): void {
  switch (call.kind) {
    case 'put':
      kv.put(putOf(call), options).then((given) => done(() => receivedPut(given)), failed);
      return;
    case 'deleteRange':
      kv.deleteRange(del(call.key, call.rangeEnd), options).then((given) => done(() => receivedDelete(given)), failed);
      return;
    case 'range':
      kv.range(queryOf(call, call.read === 'serializable'), options).then(
        (given) => done(() => receivedRange(given)),
        failed,
      );
      return;
    case 'txn':
      kv.txn(txnOf(call), options).then((given) => done(() => receivedTxn(call, given)), failed);
      return;
    case 'compact':
      kv.compact(compact(call.revision), isPhysical, options).then(
        (given) => done(() => receivedCompact(given)),
        failed,
      );
  }
}

function queryOf({ key, rangeEnd = '', revision, limit }: Range, serializable = false): commands.RangeQuery {
  return get(key, { rangeEnd, revision, limit, serializable });
}

function txnOf({ compares, success, failure }: Extract<Call, { kind: 'txn' }>): commands.TxnCommand {
  return txn({ compares: compares.map(compareOf), success: success.map(opOf), failure: failure.map(opOf) });
}

function compareOf(compare: Compare): commands.Compare {
  const { is, ...rest } = compare;
  return { ...rest, rangeEnd: '', result: is };
}

function opOf(op: TxnOp): commands.TxnOp {
  if (op.kind === 'put') return putOf(op);
  return op.kind === 'range' ? queryOf(op) : del(op.key, op.rangeEnd);
}

function putOf({ key, value, lease }: Put): commands.PutCommand {
  return put(key, value, lease === undefined ? {} : { lease: BigInt(lease) });
}

function receivedPut({ header, prevKv }: Awaited<ReturnType<Member['put']>>): Received {
  expectShape(prevKv === undefined, 'a previous value that nobody asked for');
  return { header, answer: { kind: 'put' } };
}

function receivedDelete({ header, deleted, prevKvs }: Awaited<ReturnType<Member['deleteRange']>>): Received {
  expectShape(prevKvs.length === 0, 'previous values that nobody asked for');
  return { header, answer: { kind: 'deleteRange', deleted: count(deleted, 'deleted') } };
}

function receivedRange(given: MemberRangeAnswer): Received {
  return { header: given.header, answer: rangeOf(given) };
}

function receivedCompact({ header }: { readonly header: Header }): Received {
  return { header, answer: { kind: 'compact' } };
}

function receivedTxn(
  call: Extract<Call, { kind: 'txn' }>,
  { header, succeeded, results }: Awaited<ReturnType<Member['txn']>>,
): Received {
  const ops = (given: boolean): readonly TxnOp[] => (given ? call.success : call.failure);
  expectShape(typeof succeeded === 'boolean', 'neither succeeded nor not');
  const expected = ops(succeeded);
  expectShape(results.length === expected.length, `${results.length} results of ${expected.length} ops`);
  const answers = results.map((result, place) => opAnswerOf(result, expected[place]?.kind, header));
  return { header, answer: { kind: 'txn', succeeded, results: answers } };
}

function opAnswerOf(result: TxnOpAnswer, expected: TxnOp['kind'] | undefined, header: Header): OpAnswer {
  expectShape(result.kind === expected, `a ${result.kind} answers a ${expected ?? 'missing op'}`);
  if (result.kind === 'txn') throw new WrongShape('a txn in a txn that has none');
  expectShape(count(result.revision, 'revision of an op') <= header.revision, 'an op after its own transaction');
  if (result.kind === 'range') return rangeOf(result);
  return result.kind === 'put' ? { kind: 'put' } : { kind: 'deleteRange', deleted: count(result.deleted, 'deleted') };
}

function rangeOf({ kvs, more, count: found }: RangeResult): RangeAnswer {
  expectShape(typeof more === 'boolean', 'neither more nor not');
  return { kind: 'range', kvs: kvs.map(keyValueOf), more, count: count(found, 'count') };
}

function keyValueOf({ key, value, createRevision, modRevision, version, lease }: MemberKeyValue): KeyValue {
  expectShape(typeof key === 'string' && typeof value === 'string', 'a key-value that is no text');
  expectShape(count(createRevision, 'createRevision') > 0, 'a key-value of no revision');
  expectShape(count(modRevision, 'modRevision') >= createRevision, 'changed before it was made');
  expectShape(count(version, 'version') > 0, 'a version of a key that is not there');
  const kv = { key, value, createRevision, modRevision, version };
  return lease === 0n ? kv : { ...kv, lease: String(lease) };
}

function count(given: unknown, what: string): number {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 0) return given;
  throw new WrongShape(`${what} is ${String(given)}`);
}

function expectShape(holds: boolean, complaint: string): void {
  if (!holds) throw new WrongShape(complaint);
}
