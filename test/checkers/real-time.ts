/**
 * Revisions against the clock. What had been answered before a call began stands before it in the order; calls that
 * touch in time may stand either way. A call with an unknown outcome may take effect at any time after its start.
 */
import { describeOperation } from './describe.js';
import { firstIndex } from './kv-spec.js';
import type { Operation } from './operation.js';
import { isAnswered, isSerializable } from './operation-facts.js';

/**
 * An operation and its revision: of a write its own, of anything else the one whose state it saw, of one that was
 * refused as compacted the least that it can have seen.
 */
export interface Placed {
  readonly operation: Operation;
  readonly revision: number;
  readonly isWrite: boolean;
}

export class Floors {
  /** By their end, each with the highest revision so far. */
  readonly #ends: { readonly endMs: number; readonly highest: Placed }[] = [];

  constructor(placed: readonly Placed[]) {
    const told = placed.filter(({ operation }) => operation.outcome.kind !== 'unknown');
    told.sort((a, b) => a.operation.endMs - b.operation.endMs);
    let highest = told[0];
    for (const next of told) {
      if (highest === undefined || next.revision > highest.revision) highest = next;
      this.#ends.push({ endMs: next.operation.endMs, highest });
    }
  }

  /** The answer with the highest revision of all that were there before `ms`. */
  before(ms: number): Placed | undefined {
    return this.#ends[firstIndex(this.#ends.length, (index) => (this.#ends[index]?.endMs ?? 0) >= ms) - 1]?.highest;
  }
}

/** Every write comes after all that was seen before it began; every linearizable read sees at least that. */
export function checkRealTime(placed: readonly Placed[], floors: Floors): readonly string[] {
  return [
    ...placed.flatMap((later) => complaint(floors.before(later.operation.startMs), later)),
    ...ofOneClient(placed, floors),
  ];
}

/** Calls of one client follow each other even when the clock did not move in between. */
function ofOneClient(placed: readonly Placed[], floors: Floors): readonly string[] {
  const found: string[] = [];
  const last = new Map<number, { readonly operation: Operation; readonly highest: Placed }>();
  for (const later of placed.toSorted((a, b) => a.operation.startMs - b.operation.startMs)) {
    const { operation } = later;
    const before = last.get(operation.client);
    const isTouching = before !== undefined && before.operation.endMs === operation.startMs;
    if (isTouching && complaint(floors.before(operation.startMs), later).length === 0) {
      found.push(...complaint(before.highest, later));
    }
    if (!isAnswered(operation)) continue;
    const isHighest = before === undefined || later.revision >= before.highest.revision;
    last.set(operation.client, { operation, highest: isHighest ? later : before.highest });
  }
  return found;
}

function complaint(earlier: Placed | undefined, later: Placed): readonly string[] {
  if (earlier === undefined || isSerializable(later.operation)) return [];
  if (later.isWrite ? later.revision > earlier.revision : later.revision >= earlier.revision) return [];
  const what = later.isWrite ? 'written at' : 'answered from';
  return [
    `${describeOperation(later.operation)}: ${what} revision ${later.revision}, although ` +
      `revision ${earlier.revision} had been seen before it began, by ${describeOperation(earlier.operation)}`,
  ];
}
