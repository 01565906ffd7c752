/**
 * Compaction against the clock. It has no revision of its own, but only ever moves forward: once anybody was told that
 * history begins at some revision, nobody who asks later may still read what lies before it, and nobody may ever be
 * told so without a call that compacted as far.
 */
import { describeOperation } from './describe.js';
import { firstIndex } from './kv-spec.js';
import type { Operation } from './operation.js';
import { type Answered, isAnswered, isSerializable, looksOf } from './operation-facts.js';
import type { Floors } from './real-time.js';

/** From `atMs` on, at the latest, reads before `revision` are refused. */
interface Bound {
  readonly revision: number;
  readonly atMs: number;
  readonly by: Operation;
}

export function checkCompaction(history: readonly Operation[], floors: Floors): readonly string[] {
  const known = new Bounds(history.flatMap(told));
  const wanted = new Bounds(history.flatMap(asked));
  return history.flatMap((operation) => {
    const said = isAnswered(operation)
      ? tooOld(operation, known)
      : (unfounded(operation, wanted) ?? futureInThePast(operation, floors));
    return said === undefined ? [] : [`${describeOperation(operation)}: ${said}`];
  });
}

/** The highest bound at any time. */
class Bounds {
  readonly #highest: Bound[] = [];

  constructor(bounds: readonly Bound[]) {
    for (const bound of bounds.toSorted((a, b) => a.atMs - b.atMs)) {
      const before = this.#highest.at(-1);
      this.#highest.push(
        before === undefined || bound.revision > before.revision ? bound : { ...before, atMs: bound.atMs },
      );
    }
  }

  before(ms: number): Bound | undefined {
    return this.#highest[firstIndex(this.#highest.length, (index) => (this.#highest[index]?.atMs ?? 0) >= ms) - 1];
  }

  /** Also those of `ms` itself. */
  upTo(ms: number): Bound | undefined {
    return this.#highest[firstIndex(this.#highest.length, (index) => (this.#highest[index]?.atMs ?? 0) > ms) - 1];
  }
}

/** What the end of an operation makes known. */
function told(operation: Operation): readonly Bound[] {
  const { call, outcome, endMs } = operation;
  const bound = (revision: number): readonly Bound[] => [{ revision, atMs: endMs, by: operation }];
  if (call.kind === 'compact') {
    return outcome.kind === 'ok' || isRefused(operation, 'COMPACTED') ? bound(call.revision) : [];
  }
  const read = revisionsRead(operation);
  return isRefused(operation, 'COMPACTED') && read.length > 0 ? bound(Math.min(...read) + 1) : [];
}

/** What an operation may bring about from its start on. */
function asked(operation: Operation): readonly Bound[] {
  const { call, outcome, startMs } = operation;
  if (call.kind !== 'compact' || outcome.kind === 'failed') return [];
  return [{ revision: call.revision, atMs: startMs, by: operation }];
}

function tooOld(operation: Answered, known: Bounds): string | undefined {
  if (isSerializable(operation)) return undefined;
  const bound = known.before(operation.startMs);
  if (bound === undefined) return undefined;
  const { call } = operation;
  const isAgain = call.kind === 'compact' && call.revision <= bound.revision;
  const old = looksOf(operation).find(({ query }) => query.revision > 0 && query.revision < bound.revision);
  if (!isAgain && old === undefined) return undefined;
  return `answered, although revisions below ${bound.revision} were gone before it began: ${describeOperation(bound.by)}`;
}

function unfounded(operation: Operation, wanted: Bounds): string | undefined {
  if (!isRefused(operation, 'COMPACTED')) return undefined;
  const { call } = operation;
  const needed = call.kind === 'compact' ? call.revision : Math.min(...revisionsRead(operation)) + 1;
  const most = wanted.upTo(operation.endMs)?.revision ?? -1;
  return needed <= most ? undefined : `nobody had compacted up to ${needed} by then`;
}

function futureInThePast(operation: Operation, floors: Floors): string | undefined {
  if (!isRefused(operation, 'FUTURE_REVISION') || isSerializable(operation)) return undefined;
  const { call } = operation;
  const furthest = call.kind === 'compact' ? call.revision : Math.max(...revisionsRead(operation));
  const seen = floors.before(operation.startMs);
  if (seen === undefined || furthest > seen.revision) return undefined;
  return `revision ${seen.revision} had been seen before it began, by ${describeOperation(seen.operation)}`;
}

function isRefused({ outcome }: Operation, code: string): boolean {
  return outcome.kind === 'failed' && outcome.code === code;
}

function revisionsRead({ call }: Operation): readonly number[] {
  const ops = call.kind === 'txn' ? [...call.success, ...call.failure] : [call];
  return ops.flatMap((op) => (op.kind === 'range' && op.revision > 0 ? [op.revision] : []));
}
