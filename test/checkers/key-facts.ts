/**
 * What is known of a key whatever else happened: from when to when it surely kept a version, where it was surely not
 * there, where it was surely put. With these, most guesses about unknown calls fall before they are tried.
 */
import { firstIndex } from './kv-spec.js';
import type { KeyValue, Operation } from './operation.js';
import { type Answered, hasWritten, looksOf, stepsOf } from './operation-facts.js';
import type { Placed } from './real-time.js';

/** The version written at `from` was the newest one up to and including `to`. */
export interface Stay {
  readonly from: number;
  readonly to: number;
  /** Of that version; undefined when nobody saw more than its revision. */
  readonly counts: Pick<KeyValue, 'createRevision' | 'version'> | undefined;
}

/** The version written at `after` was no longer the newest one at `by`. */
export interface Change {
  readonly after: number;
  readonly by: number;
}

/** Revisions in ascending order, each once. */
export class Revisions {
  #sorted: number[] | undefined;
  readonly #all = new Set<number>();

  add(revision: number): void {
    this.#all.add(revision);
    this.#sorted = undefined;
  }

  has(revision: number): boolean {
    return this.#all.has(revision);
  }

  get sorted(): readonly number[] {
    this.#sorted ??= [...this.#all].sort((a, b) => a - b);
    return this.#sorted;
  }

  /** The first one from `revision` on, Infinity when there is none. */
  firstFrom(revision: number): number {
    return this.sorted[firstIndex(this.sorted.length, (index) => (this.sorted[index] ?? 0) >= revision)] ?? Infinity;
  }

  countBetween(after: number, upTo: number): number {
    const { sorted } = this;
    const count = (revision: number) => firstIndex(sorted.length, (index) => (sorted[index] ?? 0) > revision);
    return Math.max(0, count(upTo) - count(after));
  }
}

export class KeyFacts {
  /** It was surely put. */
  readonly puts = new Revisions();
  /** It was surely gone after them. */
  readonly absences = new Revisions();
  /** Of the absences, those that a known call brought about. */
  readonly deletes = new Revisions();
  /** A call whose outcome is unknown, but whose revision is known, may have put or deleted it. */
  readonly maybePuts = new Revisions();
  readonly maybeDeletes = new Revisions();
  readonly #stays = new Map<number, Stay>();
  readonly #changes = new Map<number, Change>();
  #sortedStays: readonly Stay[] = [];

  addStay(from: number, to: number, counts?: Stay['counts']): void {
    const known = this.#stays.get(from);
    this.#stays.set(from, { from, to: Math.max(to, known?.to ?? from), counts: counts ?? known?.counts });
    this.puts.add(from);
    if (counts === undefined) return;
    const { createRevision } = counts;
    this.absences.add(createRevision - 1);
    if (createRevision < from) this.addStay(createRevision, createRevision, { createRevision, version: 1 });
  }

  addChange(after: number, by: number): void {
    const known = this.#changes.get(after);
    this.#changes.set(after, { after, by: Math.min(by, known?.by ?? by) });
  }

  /** To be called when all stays are added. */
  sort(): void {
    this.#sortedStays = [...this.#stays.values()].sort((a, b) => a.from - b.from);
  }

  /** In ascending order. */
  get stays(): readonly Stay[] {
    return this.#sortedStays;
  }

  /** The first one that reaches `revision` or lies after it. */
  stayFrom(revision: number): Stay | undefined {
    const stays = this.#sortedStays;
    return stays[firstIndex(stays.length, (index) => (stays[index]?.to ?? 0) >= revision)];
  }

  /** The revision by which the version written at `after` had been followed by something; Infinity: none is known. */
  changedBy(after: number): number {
    return this.#changes.get(after)?.by ?? Infinity;
  }
}

/**
 * Of every key that anybody wrote or saw, from all that was answered. `placed`: calls with an unknown outcome that
 * happened at a known revision.
 */
export function keyFactsFrom(answered: readonly Answered[], placed: readonly Placed[]): ReadonlyMap<string, KeyFacts> {
  const facts = new FactsByKey();
  for (const operation of answered) for (const key of keysNamed(operation)) facts.of(key);
  facts.sortKeys();
  for (const operation of answered) collect(facts, operation);
  for (const { operation, revision } of placed) collectMaybes(facts, operation.call, revision);
  for (const found of facts.byKey.values()) found.sort();
  return facts.byKey;
}

class FactsByKey {
  readonly byKey = new Map<string, KeyFacts>();
  #keys: readonly string[] = [];

  of(key: string): KeyFacts {
    const known = this.byKey.get(key) ?? new KeyFacts();
    this.byKey.set(key, known);
    return known;
  }

  sortKeys(): void {
    this.#keys = [...this.byKey.keys()].sort();
  }

  within({ key, rangeEnd = '' }: { readonly key: string; readonly rangeEnd?: string }): readonly string[] {
    if (rangeEnd === '') return [key];
    const keys = this.#keys;
    const from = firstIndex(keys.length, (index) => (keys[index] ?? '') >= key);
    const to = rangeEnd === '\0' ? keys.length : firstIndex(keys.length, (index) => (keys[index] ?? '') >= rangeEnd);
    return keys.slice(from, to);
  }
}

function keysNamed(operation: Answered): readonly string[] {
  const { call } = operation;
  const compared = call.kind === 'txn' ? call.compares.map(({ key }) => key) : [];
  const found = stepsOf(operation).flatMap(([op, answer]) =>
    answer.kind === 'range' ? answer.kvs.map(({ key }) => key) : [op.key],
  );
  return [...compared, ...found];
}

function collect(facts: FactsByKey, operation: Answered): void {
  collectWrites(facts, operation);
  collectLooks(facts, operation);
  collectCompares(facts, operation);
}

function collectWrites(facts: FactsByKey, operation: Answered): void {
  const { revision } = operation.outcome;
  for (const [op, answer] of stepsOf(operation)) {
    if (op.kind === 'put') facts.of(op.key).puts.add(revision);
    else if (op.kind === 'deleteRange' && answer.kind === 'deleteRange' && answer.deleted > 0) {
      for (const key of facts.within(op)) {
        facts.of(key).absences.add(revision);
        facts.of(key).deletes.add(revision);
      }
    }
  }
}

function collectMaybes(facts: FactsByKey, call: Operation['call'], revision: number): void {
  const ops = call.kind === 'txn' ? [...call.success, ...call.failure] : [call];
  for (const op of ops) {
    if (op.kind === 'put') {
      if (!facts.of(op.key).puts.has(revision)) facts.of(op.key).maybePuts.add(revision);
    } else if (op.kind === 'deleteRange') for (const key of facts.within(op)) facts.of(key).maybeDeletes.add(revision);
  }
}

function collectLooks(facts: FactsByKey, operation: Answered): void {
  for (const { query, answer, revision, showsOwn } of looksOf(operation)) {
    const shown = new Set<string>();
    for (const kv of answer.kvs) {
      shown.add(kv.key);
      facts.of(kv.key).addStay(kv.modRevision, Math.max(revision, kv.modRevision), kv);
    }
    if (showsOwn) continue;
    const shownUpTo = answer.more ? answer.kvs.at(-1)?.key : undefined;
    for (const key of facts.within(query)) {
      const isAbsent = !shown.has(key) && (shownUpTo === undefined || key < shownUpTo);
      if (isAbsent) facts.of(key).absences.add(revision);
    }
  }
}

/** A guard that held, or the only one when it did not, tells of the state just before. */
function collectCompares(facts: FactsByKey, operation: Answered): void {
  const { call, outcome } = operation;
  if (call.kind !== 'txn' || outcome.answer.kind !== 'txn') return;
  const before = hasWritten(operation) ? outcome.revision - 1 : outcome.revision;
  for (const { key, target, is, operand } of call.compares) {
    if (target === 'value' || is !== 'equal') continue;
    if (!outcome.answer.succeeded) {
      if (call.compares.length === 1 && target === 'mod') facts.of(key).addChange(operand, before);
    } else if (operand === 0) facts.of(key).absences.add(before);
    else if (target === 'mod') facts.of(key).addStay(operand, before);
  }
}
