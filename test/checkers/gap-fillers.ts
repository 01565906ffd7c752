/**
 * Which call with an unknown outcome may have made a revision that nobody else made and whose values nobody saw. All
 * that is known of the keys it would write must allow it.
 */
import { type KeyFacts, keyFactsFrom, type Stay } from './key-facts.js';
import type { KvSpec } from './kv-spec.js';
import type { DeleteRange, KeyValue, Operation, Put, Txn } from './operation.js';
import type { Answered } from './operation-facts.js';
import type { Floors } from './real-time.js';

export type WriteCall = Put | DeleteRange | Txn;

export interface Filler {
  readonly operation: Operation;
  readonly call: WriteCall;
  /** It must come after this revision, which had been seen before it began. */
  readonly after: number;
}

export interface GapFillersOptions {
  /** The unknown calls whose revision nobody saw. */
  readonly unplaced: readonly Operation[];
  readonly history: readonly Operation[];
  readonly answered: readonly Answered[];
  readonly floors: Floors;
}

export class GapFillers {
  /** By `after`. */
  readonly #fillers: readonly Filler[];
  readonly #facts: ReadonlyMap<string, KeyFacts>;
  /** By revision, the keys that were surely put at it. */
  readonly #required: ReadonlyMap<number, readonly string[]>;
  readonly #comparedValues: ReadonlySet<string>;

  constructor({ unplaced, history, answered, floors }: GapFillersOptions) {
    const fillers = unplaced.flatMap((operation): Filler[] => {
      const { call, startMs } = operation;
      if (call.kind === 'range' || call.kind === 'compact') return [];
      return [{ operation, call, after: floors.before(startMs)?.revision ?? 0 }];
    });
    this.#fillers = fillers.sort((a, b) => a.after - b.after);
    this.#facts = keyFactsFrom(fillers.length === 0 ? [] : answered);
    this.#required = keysByRevision(this.#facts);
    this.#comparedValues = new Set(history.flatMap(valuesCompared));
  }

  get count(): number {
    return this.#fillers.length;
  }

  /** For the revision that follows upon `spec`, the most urgent first. Of calls that can stand for each other, one. */
  next(spec: KvSpec, used: ReadonlySet<Operation>): readonly Filler[] {
    const revision = spec.revision + 1;
    const possible = new Map<string, { readonly filler: Filler; readonly deadline: number }>();
    for (const [index, filler] of this.#fillers.entries()) {
      if (filler.after >= revision) break;
      const name = this.#nameOf(filler.call) ?? String(index);
      if (used.has(filler.operation) || possible.has(name)) continue;
      const deadline = this.#deadlineOf(filler, spec);
      if (deadline !== undefined) possible.set(name, { filler, deadline });
    }
    return [...possible.values()].sort((a, b) => a.deadline - b.deadline).map(({ filler }) => filler);
  }

  /** Two puts of one key whose values nobody saw or asked for cannot be told apart, nor can equal deletes. */
  #nameOf(call: WriteCall): string | undefined {
    if (call.kind === 'put') return this.#comparedValues.has(call.value) ? undefined : `put ${call.key}`;
    return call.kind === 'deleteRange' ? `delete ${call.key} ${call.rangeEnd ?? ''}` : undefined;
  }

  /** The revision by which something like this call is needed, Infinity when it is not; undefined: it cannot be. */
  #deadlineOf({ call }: Filler, spec: KvSpec): number | undefined {
    const { revision, compacted } = spec;
    const required = this.#required.get(revision + 1) ?? [];
    spec.apply(call);
    const keys = spec.writtenAt(revision + 1);
    const isEnough = keys.length > 0 && required.every((key) => spec.get(key)?.modRevision === revision + 1);
    const deadlines = isEnough ? keys.map((key) => this.#deadlineAt(key, spec)) : [undefined];
    spec.moveTo(revision, compacted);
    return deadlines.every((deadline) => deadline !== undefined) ? Math.min(...deadlines) : undefined;
  }

  /** For the version of `key` that was just written. */
  #deadlineAt(key: string, spec: KvSpec): number | undefined {
    const { revision } = spec;
    const facts = this.#facts.get(key);
    if (facts === undefined) return Infinity;
    const stay = facts.stayFrom(revision);
    if (stay !== undefined && stay.from < revision) return undefined;
    const changedBy = facts.changedBy(spec.get(key, revision - 1)?.modRevision ?? 0);
    const written = spec.get(key);
    const neededBy =
      written === undefined ? deadlineOfDelete(revision, facts, stay) : deadlineOfPut(written, facts, stay);
    return neededBy === undefined ? undefined : Math.min(neededBy, changedBy);
  }
}

function deadlineOfDelete(revision: number, facts: KeyFacts, stay: Stay | undefined): number | undefined {
  const absence = facts.absenceFrom(revision);
  if (stay?.from === revision) return undefined;
  if (stay === undefined || absence < stay.from) return absence;
  if (stay.counts === undefined) return Infinity;
  const { createRevision } = stay.counts;
  return createRevision > revision ? createRevision : undefined;
}

function deadlineOfPut(written: KeyValue, facts: KeyFacts, stay: Stay | undefined): number | undefined {
  const { modRevision: revision, createRevision, version } = written;
  const absence = facts.absenceFrom(revision);
  if (absence === revision) return undefined;
  if (stay?.counts === undefined || absence < stay.from) return Infinity;
  if (stay.counts.createRevision !== createRevision)
    return stay.counts.createRevision > revision ? Infinity : undefined;
  const missing = stay.counts.version - version - facts.putsBetween(revision, stay.from);
  const isPossible = stay.from === revision ? missing === 0 : missing >= 0;
  return isPossible ? stay.from : undefined;
}

function keysByRevision(facts: ReadonlyMap<string, KeyFacts>): ReadonlyMap<number, readonly string[]> {
  const keys = new Map<number, string[]>();
  for (const [key, { puts }] of facts) {
    for (const revision of puts) {
      const known = keys.get(revision);
      if (known === undefined) keys.set(revision, [key]);
      else known.push(key);
    }
  }
  return keys;
}

function valuesCompared({ call }: Operation): readonly string[] {
  if (call.kind !== 'txn') return [];
  return call.compares.flatMap(({ target, operand }) => (target === 'value' ? [operand] : []));
}
