/** What an answered operation says about itself, and what it was shown. */
import type { Answer, Operation, OpAnswer, Put, Range, RangeAnswer, TxnOp } from './operation.js';

/** An operation that was answered. */
export interface Answered extends Operation {
  readonly outcome: Extract<Operation['outcome'], { kind: 'ok' }>;
}

export function isAnswered(operation: Operation): operation is Answered {
  return operation.outcome.kind === 'ok';
}

/** Whether the answer is one that such a call can get at all. */
export function isFitting(call: Operation['call'], answer: Answer): boolean {
  if (call.kind !== answer.kind) return false;
  if (call.kind !== 'txn' || answer.kind !== 'txn') return true;
  const ops = answer.succeeded ? call.success : call.failure;
  return ops.length === answer.results.length && ops.every((op, index) => op.kind === answer.results[index]?.kind);
}

/**
 * The operations that were carried out, those of a transaction one by one, each with its answer. The end of a lease is a
 * deletion of each of its keys.
 */
export function stepsOf({ call, outcome }: Answered): readonly (readonly [TxnOp, OpAnswer])[] {
  const { answer } = outcome;
  if (answer.kind === 'leaseEnd') return answer.keys.map((key) => [{ kind: 'deleteRange', key }, DELETED]);
  if (call.kind === 'compact' || call.kind === 'leaseEnd' || answer.kind === 'compact') return [];
  if (call.kind !== 'txn') return answer.kind === 'txn' ? [] : [[call, answer]];
  if (answer.kind !== 'txn') return [];
  return (answer.succeeded ? call.success : call.failure).flatMap((op, index) => {
    const result = answer.results[index];
    return result === undefined ? [] : [[op, result] as const];
  });
}

const DELETED: OpAnswer = { kind: 'deleteRange', deleted: 1 };

/** Whether it wrote, by its own answer: then its revision is its own. */
export function hasWritten(operation: Answered): boolean {
  return stepsOf(operation).some(
    ([, answer]) => answer.kind === 'put' || (answer.kind === 'deleteRange' && answer.deleted > 0),
  );
}

/**
 * Whether it may show the past: the others must see all that was answered before they began. A transaction without
 * any operation is answered by the member alone.
 */
export function isSerializable({ call }: Operation): boolean {
  if (call.kind === 'txn') return call.success.length === 0 && call.failure.length === 0;
  return call.kind === 'range' && call.read === 'serializable';
}

/** A range that was answered. */
export interface Look {
  readonly query: Range;
  readonly answer: RangeAnswer;
  /** Whose state it shows. */
  readonly revision: number;
  /** It may also show what its own transaction had written before, one revision later. */
  readonly showsOwn: boolean;
}

export function looksOf(operation: Answered): readonly Look[] {
  const { revision } = operation.outcome;
  const current = hasWritten(operation) ? revision - 1 : revision;
  let showsOwn = false;
  return stepsOf(operation).flatMap(([query, answer]) => {
    if (query.kind === 'range' && answer.kind === 'range') {
      return query.revision > 0
        ? [{ query, answer, revision: query.revision, showsOwn: false }]
        : [{ query, answer, revision: current, showsOwn }];
    }
    showsOwn = true;
    return [];
  });
}

export function putsOf(call: Operation['call']): readonly Put[] {
  if (call.kind === 'put') return [call];
  return call.kind === 'txn' ? [...call.success, ...call.failure].filter((op) => op.kind === 'put') : [];
}
