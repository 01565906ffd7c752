/**
 * What is known of a key whatever else happened: from when to when it surely kept a version, where it was surely not
 * there, where it was surely put. With these, most guesses about unknown calls fall before they are tried.
 */
import { firstIndex } from './kv-spec.js';
import type { KeyValue } from './operation.js';
import { type Answered, hasWritten, looksOf, stepsOf } from './operation-facts.js';

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

export class KeyFacts {
  readonly #stays = new Map<number, Stay>();
  readonly #changes = new Map<number, Change>();
  readonly #absences: number[] = [];
  readonly #puts = new Set<number>();
  #sortedStays: readonly Stay[] = [];
  #sortedPuts: readonly number[] = [];

  addStay(from: number, to: number, counts?: Stay['counts']): void {
    const known = this.#stays.get(from);
    this.#stays.set(from, { from, to: Math.max(to, known?.to ?? from), counts: counts ?? known?.counts });
    this.#puts.add(from);
    if (counts === undefined) return;
    const { createRevision } = counts;
    this.#absences.push(createRevision - 1);
    if (createRevision < from) this.addStay(createRevision, createRevision, { createRevision, version: 1 });
  }

  addAbsence(revision: number): void {
    this.#absences.push(revision);
  }

  addPut(revision: number): void {
    this.#puts.add(revision);
  }

  addChange(after: number, by: number): void {
    const known = this.#changes.get(after);
    this.#changes.set(after, { after, by: Math.min(by, known?.by ?? by) });
  }

  /** To be called when all is added. */
  sort(): void {
    this.#sortedStays = [...this.#stays.values()].sort((a, b) => a.from - b.from);
    this.#sortedPuts = [...this.#puts].sort((a, b) => a - b);
    this.#absences.sort((a, b) => a - b);
  }

  get puts(): ReadonlySet<number> {
    return this.#puts;
  }

  /** The first one that reaches `revision` or lies after it. */
  stayFrom(revision: number): Stay | undefined {
    const stays = this.#sortedStays;
    return stays[firstIndex(stays.length, (index) => (stays[index]?.to ?? 0) >= revision)];
  }

  /** The first revision, from this one on, after which the key was not there; Infinity when none is known. */
  absenceFrom(revision: number): number {
    const absences = this.#absences;
    return absences[firstIndex(absences.length, (index) => (absences[index] ?? 0) >= revision)] ?? Infinity;
  }

  /** The revision by which the version written at `after` had been followed by something; Infinity: none is known. */
  changedBy(after: number): number {
    return this.#changes.get(after)?.by ?? Infinity;
  }

  /** How many puts of the key are known after one revision and up to another. */
  putsBetween(after: number, upTo: number): number {
    const puts = this.#sortedPuts;
    const count = (revision: number) => firstIndex(puts.length, (index) => (puts[index] ?? 0) > revision);
    return count(upTo) - count(after);
  }
}

/** Of every key that anybody wrote or saw, from all that was answered. */
export function keyFactsFrom(answered: readonly Answered[]): ReadonlyMap<string, KeyFacts> {
  const facts = new FactsByKey();
  for (const operation of answered) for (const key of keysNamed(operation)) facts.of(key);
  facts.sortKeys();
  for (const operation of answered) collect(facts, operation);
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
    if (op.kind === 'put') facts.of(op.key).addPut(revision);
    else if (op.kind === 'deleteRange' && answer.kind === 'deleteRange' && answer.deleted > 0) {
      for (const key of facts.within(op)) facts.of(key).addAbsence(revision);
    }
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
      if (isAbsent) facts.of(key).addAbsence(revision);
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
    } else if (operand === 0) facts.of(key).addAbsence(before);
    else if (target === 'mod') facts.of(key).addStay(operand, before);
  }
}
