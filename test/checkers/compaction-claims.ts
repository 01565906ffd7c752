/**
 * Compaction against the clock. It has no revision of its own, but only ever moves forward: once anybody was told that
 * history begins at some revision, nobody who asks later may still read what lies before it, and nobody may ever be
 * told so without a call that compacted as far.
 */
import { describeOperation } from './describe.js';
import { firstIndex } from './kv-spec.js';
import type { Operation } from './operation.js';
import { type Answered, isAnswered, isSerializable, looksOf } from './operation-facts.js';
import type { Floors, Placed } from './real-time.js';

/** From `atMs` on, at the latest, reads before `revision` are refused. */
interface Bound {
  readonly revision: number;
  readonly atMs: number;
  readonly by: Operation;
}

export function checkCompaction(
  history: readonly Operation[],
  floors: Floors,
  firstRevision: number,
): readonly string[] {
  const all = history.flatMap(asked);
  const known = new Bounds(history.flatMap((operation) => told(operation, all)));
  const wanted = new Bounds(all);
  return history.flatMap((operation) => {
    const said = isAnswered(operation)
      ? tooOld(operation, known)
      : (unfounded(operation, wanted) ?? futureInThePast(operation, floors, firstRevision));
    return said === undefined ? [] : [`${describeOperation(operation)}: ${said}`];
  });
}

/** A store that refuses what was compacted has at least the revision that it was compacted to. */
export function revisionsRefusedFrom(history: readonly Operation[]): readonly Placed[] {
  const all = history.flatMap(asked);
  return history
    .filter((operation) => isRefused(operation, 'COMPACTED'))
    .flatMap((operation) => told(operation, all))
    .map(({ revision, by }) => ({ operation: by, revision, isWrite: false }));
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

/** What the end of an operation makes known; a refusal: that the nearest compaction that explains it took place. */
function told(operation: Operation, wanted: readonly Bound[]): readonly Bound[] {
  const { call, outcome, endMs } = operation;
  const isDone = call.kind === 'compact' && outcome.kind === 'ok';
  if (isDone) return [{ revision: call.revision, atMs: endMs, by: operation }];
  if (!isRefused(operation, 'COMPACTED')) return [];
  const explaining = wanted.filter(({ revision, atMs }) => revision >= neededFor(operation) && atMs <= endMs);
  if (explaining.length === 0) return [];
  return [{ revision: Math.min(...explaining.map(({ revision }) => revision)), atMs: endMs, by: operation }];
}

/** How far history must have been compacted for `refused` to be told so. */
function neededFor(refused: Operation): number {
  const { call } = refused;
  return call.kind === 'compact' ? call.revision : Math.min(...revisionsRead(refused)) + 1;
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
  const needed = neededFor(operation);
  const most = wanted.upTo(operation.endMs)?.revision ?? -1;
  return needed <= most ? undefined : `nobody had compacted up to ${needed} by then`;
}

function futureInThePast(operation: Operation, floors: Floors, firstRevision: number): string | undefined {
  if (!isRefused(operation, 'FUTURE_REVISION') || isSerializable(operation)) return undefined;
  const { call } = operation;
  const furthest = call.kind === 'compact' ? call.revision : Math.max(...revisionsRead(operation));
  if (furthest <= firstRevision) return `revision ${firstRevision} was there from the beginning`;
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
