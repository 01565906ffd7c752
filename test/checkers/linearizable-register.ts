/**
 * What a history says about one key, told as calls on a register that holds one value or nothing. Revisions count for
 * nothing here, except that they name values: a guard on a revision is one on the value that was shown with it.
 */
import type { Compare, Operation, OpAnswer, TxnOp } from './operation.js';
import { type Answered, isAnswered, isFitting, isSerializable, stepsOf } from './operation-facts.js';

/** What the register holds: 0 is nothing, the others stand for values. */
export type State = number;
export const absent: State = 0;

/** Whether something is so in one state, and in all others; undefined where the state alone does not tell. */
export interface Guard {
  readonly of: State;
  readonly there: boolean | undefined;
  readonly elsewhere: boolean | undefined;
}

/** One way in which a call may happen. */
export interface Way {
  /** None of them is false just before. */
  readonly all: readonly Guard[];
  /** One of them at least is not true just before; none of them: no matter. */
  readonly notAll: readonly Guard[];
  /** Undefined: it leaves the state as it is. */
  readonly sets: State | undefined;
}

/** An answered call has one way to happen. One whose outcome is unknown has all those that change anything. */
export interface RegisterCall {
  readonly operation: Operation;
  readonly ways: readonly Way[];
  /** It may have happened at any time since its start, or never. */
  readonly isOptional: boolean;
}

export interface Register {
  readonly key: string;
  /** In the order of their starts. */
  readonly calls: readonly RegisterCall[];
  /** By state. */
  readonly values: readonly (string | undefined)[];
}

const prefix = 'r';
const impossible: Guard = { of: absent, there: false, elsewhere: false };
const isAbsent: Guard = { of: absent, there: true, elsewhere: false };
const isPresent: Guard = { of: absent, there: false, elsewhere: true };

/** All keys that begin with `r` and are named by themselves, not only by a range. */
export function registersIn(history: readonly Operation[]): readonly Register[] {
  const tellers = new Map<string, Teller>();
  const happened = history.filter((operation) => operation.outcome.kind !== 'failed');
  for (const { call } of happened) {
    for (const key of namesIn(call)) if (!tellers.has(key)) tellers.set(key, new Teller(key));
  }
  for (const operation of happened) collectRevisions(tellers, operation);
  for (const operation of happened.toSorted((a, b) => a.startMs - b.startMs)) {
    if (isSerializable(operation)) continue;
    for (const key of touchedBy(operation, tellers)) tellers.get(key)?.add(operation);
  }
  return [...tellers.values()].map((teller) => teller.register());
}

export function truth({ of, there, elsewhere }: Guard, state: State): boolean | undefined {
  return state === of ? there : elsewhere;
}

/** An answer that its call cannot get tells nothing. */
function isTold(operation: Operation): operation is Answered {
  return isAnswered(operation) && isFitting(operation.call, operation.outcome.answer);
}

interface Interval {
  readonly key: string;
  readonly rangeEnd?: string;
}

function intervalsIn(call: Operation['call']): readonly (Compare | TxnOp)[] {
  if (call.kind === 'compact' || call.kind === 'leaseEnd') return [];
  return call.kind === 'txn' ? [...call.compares, ...call.success, ...call.failure] : [call];
}

function namesIn(call: Operation['call']): readonly string[] {
  return intervalsIn(call).flatMap((named) => (named.key.startsWith(prefix) && isOne(named) ? [named.key] : []));
}

/** Ranges over several keys are no business of a register; deletions of them are. */
function touchedBy({ call, outcome }: Operation, registers: ReadonlyMap<string, unknown>): ReadonlySet<string> {
  if (outcome.kind === 'ok' && outcome.answer.kind === 'leaseEnd') return new Set(outcome.answer.keys);
  const touched = new Set(namesIn(call));
  for (const named of intervalsIn(call)) {
    if (!('kind' in named) || named.kind !== 'deleteRange' || isOne(named)) continue;
    for (const key of registers.keys()) if (covers(named, key)) touched.add(key);
  }
  return touched;
}

function isOne(named: Interval): boolean {
  return (named.rangeEnd ?? '') === '';
}

function covers({ key: from, rangeEnd = '' }: Interval, key: string): boolean {
  if (rangeEnd === '') return key === from;
  return key >= from && (rangeEnd === '\0' || key < rangeEnd);
}

function collectRevisions(tellers: ReadonlyMap<string, Teller>, operation: Operation): void {
  if (!isTold(operation)) return;
  for (const [op, answer] of stepsOf(operation)) {
    if (op.kind === 'put') tellers.get(op.key)?.revisions.add(operation.outcome.revision, op.value);
    if (answer.kind !== 'range') continue;
    for (const { key, modRevision, value } of answer.kvs) tellers.get(key)?.revisions.add(modRevision, value);
  }
}

/** Which value was written at which revision, as far as all answers agree. */
class Revisions {
  readonly #values = new Map<number, Set<string>>();
  readonly #revisions = new Map<string, Set<number>>();

  add(revision: number, value: string): void {
    addTo(this.#values, revision, value);
    addTo(this.#revisions, value, revision);
  }

  valueAt(revision: number): string | undefined {
    const [value, ...others] = this.#values.get(revision) ?? [];
    if (value === undefined || others.length > 0) return undefined;
    return this.#revisions.get(value)?.size === 1 ? value : undefined;
  }
}

function addTo<Key, Item>(map: Map<Key, Set<Item>>, key: Key, item: Item): void {
  const items = map.get(key);
  if (items === undefined) map.set(key, new Set([item]));
  else items.add(item);
}

/** Tells one key's story. All that is known of revisions must be there before the first call is added. */
class Teller {
  readonly revisions = new Revisions();
  readonly #key: string;
  readonly #states = new Map<string, State>();
  readonly #calls: RegisterCall[] = [];

  constructor(key: string) {
    this.#key = key;
  }

  register(): Register {
    return { key: this.#key, calls: this.#calls, values: [undefined, ...this.#states.keys()] };
  }

  add(operation: Operation): void {
    const isOptional = !isTold(operation);
    const ways = isOptional
      ? this.#waysOf(operation.call).filter(({ sets }) => sets !== undefined)
      : [this.#wayOf(operation)];
    const says = ({ all, notAll, sets }: Way): boolean => all.length > 0 || notAll.length > 0 || sets !== undefined;
    if (ways.some(says)) this.#calls.push({ operation, ways, isOptional });
  }

  /** The one that the answer tells. */
  #wayOf(operation: Answered): Way {
    const { call, outcome } = operation;
    const { shows, sets } = this.#effectOf(stepsOf(operation));
    if (call.kind !== 'txn' || outcome.answer.kind !== 'txn') return { all: shows, notAll: [], sets };
    const { all, notAll } = this.#condition(call.compares, outcome.answer.succeeded);
    return { all: [...all, ...shows], notAll, sets };
  }

  /** All that the call allows. */
  #waysOf(call: Operation['call']): readonly Way[] {
    if (call.kind === 'compact' || call.kind === 'leaseEnd') return [];
    if (call.kind !== 'txn') return [{ all: [], notAll: [], sets: this.#effectOf([[call]]).sets }];
    return [true, false].map((succeeded) => {
      const ops = succeeded ? call.success : call.failure;
      return { ...this.#condition(call.compares, succeeded), sets: this.#effectOf(ops.map((op) => [op])).sets };
    });
  }

  /** Whether guards on other keys hold is not known here. */
  #condition(compares: readonly Compare[], succeeded: boolean): Pick<Way, 'all' | 'notAll'> {
    const guards = compares.filter(({ key }) => key === this.#key).map((compare) => this.#guard(compare));
    if (succeeded) return { all: guards, notAll: [] };
    if (compares.length === 0) return { all: [impossible], notAll: [] };
    return { all: [], notAll: guards.length === compares.length ? guards : [] };
  }

  #guard({ target, is, operand }: Compare): Guard {
    if (target === 'value') return { of: this.#stateOf(operand), there: true, elsewhere: false };
    const written = target === 'mod' && is === 'equal' ? this.revisions.valueAt(operand) : undefined;
    if (written !== undefined) return { of: this.#stateOf(written), there: true, elsewhere: false };
    // The numbers of a key that is there are at least 1, and without revisions no more is known of them.
    if (is === 'equal') return { of: absent, there: operand === 0, elsewhere: operand < 1 ? false : undefined };
    if (is === 'greater') return { of: absent, there: operand < 0, elsewhere: operand < 1 ? true : undefined };
    return { of: absent, there: operand > 0, elsewhere: operand <= 1 ? false : undefined };
  }

  #effectOf(steps: readonly (readonly [TxnOp, OpAnswer?])[]): { shows: readonly Guard[]; sets: State | undefined } {
    const shows: Guard[] = [];
    let sets: State | undefined;
    for (const [op, answer] of steps) {
      if (!covers(op, this.#key)) continue;
      const seen = answer && this.#seenBy(op, answer);
      // What the call itself wrote before must be what it sees.
      if (seen !== undefined && sets === undefined) shows.push(seen);
      else if (seen !== undefined && truth(seen, sets ?? absent) === false) shows.push(impossible);
      if (op.kind === 'put') sets = this.#stateOf(op.value);
      else if (op.kind === 'deleteRange' && seen !== isAbsent) sets = absent;
    }
    return { shows, sets };
  }

  #seenBy(op: TxnOp, answer: OpAnswer): Guard | undefined {
    if (op.kind === 'range' && answer.kind === 'range' && isOne(op) && op.revision === 0) {
      const kv = answer.kvs.find(({ key }) => key === this.#key);
      return kv === undefined ? isAbsent : { of: this.#stateOf(kv.value), there: true, elsewhere: false };
    }
    if (op.kind !== 'deleteRange' || answer.kind !== 'deleteRange') return undefined;
    if (answer.deleted === 0) return isAbsent;
    if (!isOne(op)) return undefined;
    return answer.deleted === 1 ? isPresent : impossible;
  }

  #stateOf(value: string): State {
    const known = this.#states.get(value);
    if (known !== undefined) return known;
    const state = this.#states.size + 1;
    this.#states.set(value, state);
    return state;
  }
}
