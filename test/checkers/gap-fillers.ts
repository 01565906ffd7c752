/**
 * Which call with an unknown outcome may have made a revision that nobody else made and whose values nobody saw. All
 * that is known of the keys it would write must allow it, and it must leave enough calls for what else is missing.
 */
import { type Demand, demandsFrom, openCount } from './demands.js';
import { type KeyFacts, keyFactsFrom, Revisions } from './key-facts.js';
import type { KvSpec } from './kv-spec.js';
import type { DeleteRange, KeyValue, Operation, Put, Txn, TxnOp } from './operation.js';
import type { Answered } from './operation-facts.js';
import type { Floors, Placed } from './real-time.js';

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
  /** The unknown calls whose revision somebody saw. */
  readonly placed: readonly Placed[];
  readonly history: readonly Operation[];
  readonly answered: readonly Answered[];
  readonly floors: Floors;
  /** The revisions to be filled. */
  readonly inDoubt: readonly number[];
}

export function isWriteCall(call: Operation['call']): call is WriteCall {
  return call.kind === 'put' || call.kind === 'deleteRange' || call.kind === 'txn';
}

export class GapFillers {
  /** By `after`. */
  readonly #fillers: readonly Filler[];
  readonly #facts: ReadonlyMap<string, KeyFacts>;
  readonly #inDoubt = new Revisions();
  /** Of each key, by their end. */
  readonly #demands: ReadonlyMap<string, readonly Demand[]>;
  /** The keys that a revision in doubt must or may have to do with. */
  readonly #keysAt = new Map<number, readonly string[]>();
  /** Who could do what is demanded of a key. */
  readonly #capable = new Map<string, readonly Filler[]>();
  readonly #comparedValues: ReadonlySet<string>;

  constructor({ unplaced, placed, history, answered, floors, inDoubt }: GapFillersOptions) {
    const fillers = unplaced.flatMap((operation): Filler[] => {
      const { call, startMs } = operation;
      return isWriteCall(call) ? [{ operation, call, after: floors.before(startMs)?.revision ?? 0 }] : [];
    });
    this.#fillers = fillers.sort((a, b) => a.after - b.after);
    for (const revision of inDoubt) this.#inDoubt.add(revision);
    this.#facts = inDoubt.length === 0 ? new Map() : keyFactsFrom(answered, placed);
    this.#demands = new Map([...this.#facts].map(([key, facts]) => [key, demandsFrom(key, facts, this.#inDoubt)]));
    for (const revision of inDoubt) this.#keysAt.set(revision, this.#keysDemandedAt(revision));
    this.#comparedValues = new Set(history.flatMap(valuesCompared));
  }

  /** For the revision that follows upon `spec`, the most urgent first. Of calls that can stand for each other, one. */
  next(spec: KvSpec, used: ReadonlySet<Operation>): readonly Filler[] {
    const revision = spec.revision + 1;
    const possible = new Map<string, { readonly filler: Filler; readonly deadline: number }>();
    for (const [index, filler] of this.#fillers.entries()) {
      if (filler.after >= revision) break;
      const name = this.#nameOf(filler.call) ?? String(index);
      if (used.has(filler.operation) || possible.has(name)) continue;
      const deadline = this.#deadlineOf(filler, spec, used);
      if (deadline !== undefined) possible.set(name, { filler, deadline });
    }
    return [...possible.values()]
      .sort((a, b) => (a.deadline === b.deadline ? b.filler.after - a.filler.after : a.deadline - b.deadline))
      .map(({ filler }) => filler);
  }

  /** Two puts of one key whose values nobody saw or asked for cannot be told apart, nor can equal deletes. */
  #nameOf(call: WriteCall): string | undefined {
    if (call.kind === 'put') return this.#comparedValues.has(call.value) ? undefined : `put ${call.key}`;
    return call.kind === 'deleteRange' ? `delete ${call.key} ${call.rangeEnd ?? ''}` : undefined;
  }

  /** The revision by which something like this call is needed, Infinity when it is not; undefined: it cannot be. */
  #deadlineOf(filler: Filler, spec: KvSpec, used: ReadonlySet<Operation>): number | undefined {
    const { revision, compacted } = spec;
    spec.apply(filler.call);
    const keys = spec.writtenAt(revision + 1);
    const isPossible =
      keys.length > 0 && keys.every((key) => this.#isAllowed(key, spec)) && this.#leavesEnough(filler, spec, used);
    const deadline = isPossible ? Math.min(...keys.map((key) => this.#neededBy(key, spec))) : undefined;
    spec.moveTo(revision, compacted);
    return deadline;
  }

  /** Whether the version of `key` that was just written agrees with what is known of the key. */
  #isAllowed(key: string, spec: KvSpec): boolean {
    const { revision } = spec;
    const facts = this.#facts.get(key);
    const stay = facts?.stayFrom(revision);
    const written = spec.get(key);
    if (facts === undefined) return true;
    if (stay !== undefined && stay.from < revision) return false;
    if (written === undefined ? stay?.from === revision : facts.absences.has(revision)) return false;
    if (stay?.counts === undefined || facts.absences.firstFrom(revision) < stay.from) return true;
    return stay.counts.createRevision > revision || continues(written, stay.counts, facts, stay.from);
  }

  /** What is demanded of the keys that `filler` has to do with, or of those that now run out of revisions. */
  #leavesEnough(filler: Filler, spec: KvSpec, used: ReadonlySet<Operation>): boolean {
    const keys = new Set([...(this.#keysAt.get(spec.revision) ?? []), ...keysOf(filler.call)]);
    return [...keys].every((key) => this.#isProvidedFor(key, filler, spec, used));
  }

  #isProvidedFor(key: string, filler: Filler, spec: KvSpec, used: ReadonlySet<Operation>): boolean {
    const { revision } = spec;
    const open = { put: 0, delete: 0 };
    for (const demand of this.#demands.get(key) ?? []) {
      if (demand.upTo < revision) continue;
      const count = openCount(demand, spec, this.#inDoubt);
      if (count > this.#inDoubt.countBetween(Math.max(revision, demand.after), demand.upTo)) return false;
      open[demand.kind] += count;
      if (count > 0 && open[demand.kind] > this.#supply(demand, filler, used)) return false;
    }
    return true;
  }

  #supply(demand: Demand, filler: Filler, used: ReadonlySet<Operation>): number {
    const { key, kind, upTo } = demand;
    const name = `${kind} ${key}`;
    const capable = this.#capable.get(name) ?? this.#fillers.filter(({ call }) => canDo(call, kind, key));
    this.#capable.set(name, capable);
    let count = 0;
    for (const other of capable) {
      if (other.after < upTo && other !== filler && !used.has(other.operation)) count += 1;
    }
    return count;
  }

  /** Until when the version of `key` that was just written was waited for. */
  #neededBy(key: string, spec: KvSpec): number {
    const { revision } = spec;
    const kind = spec.get(key) === undefined ? 'delete' : 'put';
    const demand = this.#demands
      .get(key)
      ?.find((one) => one.kind === kind && one.after < revision && revision <= one.upTo);
    const changedBy = this.#facts.get(key)?.changedBy(spec.get(key, revision - 1)?.modRevision ?? 0) ?? Infinity;
    return Math.min(demand?.upTo ?? Infinity, changedBy);
  }

  #keysDemandedAt(revision: number): readonly string[] {
    const isOpen = ({ after, upTo }: Demand): boolean => after < revision && revision <= upTo;
    return [...this.#demands].flatMap(([key, demands]) => (demands.some(isOpen) ? [key] : []));
  }
}

/** Whether the life of a key can go on from this version to that one. */
function continues(
  written: KeyValue | undefined,
  later: Pick<KeyValue, 'createRevision' | 'version'>,
  facts: KeyFacts,
  revision: number,
): boolean {
  if (written === undefined || written.createRevision !== later.createRevision) return false;
  const missing = later.version - written.version - facts.puts.countBetween(written.modRevision, revision);
  return revision === written.modRevision ? missing === 0 : missing >= 0;
}

function opsOf(call: WriteCall): readonly TxnOp[] {
  return call.kind === 'txn' ? [...call.success, ...call.failure] : [call];
}

/** Without those inside the intervals that it deletes. */
function keysOf(call: WriteCall): readonly string[] {
  return opsOf(call).flatMap((op) => (op.kind === 'range' ? [] : [op.key]));
}

function canDo(call: WriteCall, kind: Demand['kind'], key: string): boolean {
  return opsOf(call).some((op) => {
    if (kind === 'put') return op.kind === 'put' && op.key === key;
    if (op.kind !== 'deleteRange') return false;
    const { rangeEnd = '' } = op;
    return rangeEnd === '' ? op.key === key : op.key <= key && (rangeEnd === '\0' || key < rangeEnd);
  });
}

function valuesCompared({ call }: Operation): readonly string[] {
  if (call.kind !== 'txn') return [];
  return call.compares.flatMap(({ target, operand }) => (target === 'value' ? [operand] : []));
}
