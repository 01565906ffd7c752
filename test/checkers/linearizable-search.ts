/**
 * Looks for an order of a register's calls that explains every answer: Wing and Gong's search over the list of starts
 * and ends, with Lowe's memory of what was tried (the calls that were taken, and the state they led to).
 *
 * starts and ends:   a[   b[   a]   c[   b]   c]
 * may come first:    a and b, whose starts stand before the first end; when a is taken, its start and end go, and the
 *                    first end is that of b: now b and c may come next.
 *
 * More rules spare most of the search, none of which loses an order:
 * - A call that changes nothing is taken as soon as it can be: whatever comes after it could come after it anyway.
 * - A state that is still to be seen is not left when no call remains that could bring it back.
 * - An optional call is not taken right before one that overwrites what it did and could do so without it.
 * - Of optional calls that do the same, the first is taken first.
 * - What was tried in vain is not tried with fewer optional calls left.
 */
import { Configurations } from './linearizable-configurations.js';
import { absent, type Guard, type RegisterCall, type State, truth, type Way } from './linearizable-register.js';

export type Verdict = 'possible' | 'impossible' | 'undecided';

const none = -1;

export class Search {
  readonly #calls: readonly RegisterCall[];
  /**
   * The list of starts and ends, both ways round: 0 is its head, then come the starts of all calls and then their ends.
   * Optional calls have no end.
   */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** The call of the same client that was answered just before: the clock may not tell them apart. */
  readonly #before: Int32Array;
  /** Of an optional call, the last one before it that could do the same in its stead. */
  readonly #twin: Int32Array;
  /** One bit for each call that was taken; after the answered ones, the last word is the state. */
  readonly #answered: Int32Array;
  readonly #optional: Int32Array;
  readonly #tried = new Configurations();
  /** By state: calls that wait to see it, and calls that could bring it about. */
  readonly #viewers: Int32Array;
  readonly #makers: Int32Array;
  readonly #order: number[] = [];
  /** The states in which the calls of the order were taken. */
  readonly #states: State[] = [];
  #state: State = absent;
  #answersLeft = 0;
  #stepsLeft: number;

  /** The calls in the order of their starts; `states` is their number. */
  constructor(calls: readonly RegisterCall[], states: number, stepsMax: number) {
    this.#calls = calls;
    this.#next = new Int32Array(1 + 2 * calls.length);
    this.#previous = new Int32Array(1 + 2 * calls.length);
    this.#before = new Int32Array(calls.length).fill(none);
    this.#answered = new Int32Array(Math.ceil(calls.length / 32) + 1);
    this.#optional = new Int32Array(Math.ceil(calls.length / 32));
    this.#viewers = new Int32Array(states);
    this.#makers = new Int32Array(states);
    this.#stepsLeft = stepsMax;
    this.#link();
    this.#twin = twinsAmong(calls);
    for (let call = 0; call < calls.length; call += 1) this.#count(call, 1);
  }

  run(): Verdict {
    if (this.#explore()) return 'possible';
    return this.#stepsLeft > 0 ? 'impossible' : 'undecided';
  }

  /** What the register held after the last call that was answered; for `possible` only. */
  get state(): State {
    return this.#state;
  }

  #link(): void {
    const calls = this.#calls;
    const ends = calls.flatMap(({ isOptional }, call) => (isOptional ? [] : [call]));
    ends.sort((a, b) => this.#endMs(a) - this.#endMs(b));
    const last = new Map<number, number>();
    let tail = 0;
    const push = (entry: number): void => {
      this.#next[tail] = entry;
      this.#previous[entry] = tail;
      tail = entry;
    };
    let ended = 0;
    for (const [call, { operation, isOptional }] of calls.entries()) {
      for (; ended < ends.length && this.#endMs(ends[ended] ?? 0) < operation.startMs; ended += 1) {
        push(1 + calls.length + (ends[ended] ?? 0));
      }
      push(1 + call);
      const before = last.get(operation.client);
      if (before !== undefined)
        this.#before[call] = this.#isBefore(before, call) ? before : (this.#before[before] ?? none);
      if (!isOptional) last.set(operation.client, call);
    }
    for (; ended < ends.length; ended += 1) push(1 + calls.length + (ends[ended] ?? 0));
    this.#next[tail] = 0;
    this.#previous[0] = tail;
    this.#answersLeft = ends.length;
  }

  /** Of one client's calls: of two that started at the same time, nobody knows which was first. */
  #isBefore(earlier: number, later: number): boolean {
    return this.#endMs(earlier) <= this.#startMs(later) && this.#startMs(earlier) < this.#startMs(later);
  }

  #startMs(call: number): number {
    return this.#calls[call]?.operation.startMs ?? 0;
  }

  #endMs(call: number): number {
    return this.#calls[call]?.operation.endMs ?? 0;
  }

  #explore(): boolean {
    const taken = this.#order.length;
    this.#takeViewers();
    if (this.#answersLeft === 0) return true;
    this.#answered[this.#answered.length - 1] = this.#state;
    if (this.#stepsLeft > 0 && this.#tried.add(this.#answered, this.#optional)) {
      this.#stepsLeft -= 1;
      // What needs fewer optional calls comes first: it spares the tries with more.
      if (this.#tryChanges(false) || this.#tryChanges(true)) return true;
    }
    while (this.#order.length > taken) this.#giveBack();
    return false;
  }

  /** Whoever comes late in the list does not let anybody before it pass. */
  #takeViewers(): void {
    for (let entry = this.#at(0); this.#isStart(entry); entry = this.#at(entry)) {
      const call = entry - 1;
      const way = this.#calls[call]?.ways[0];
      if (way?.sets === undefined && way !== undefined && this.#canBeNext(call) && isOpen(way, this.#state)) {
        this.#take(call, this.#state);
      }
    }
  }

  #tryChanges(isOptional: boolean): boolean {
    const state = this.#state;
    for (let entry = this.#at(0); this.#isStart(entry); entry = this.#at(entry)) {
      const call = entry - 1;
      if (this.#isOptional(call) !== isOptional || !this.#canBeNext(call) || this.#hasTwin(call)) continue;
      for (const way of this.#calls[call]?.ways ?? []) {
        if (way.sets === undefined || !isOpen(way, state) || this.#isBetterWithoutLast(way)) continue;
        this.#take(call, way.sets);
        if (!this.#isMissed(state) && this.#explore()) return true;
        this.#giveBack();
      }
    }
    return false;
  }

  #at(entry: number): number {
    return this.#next[entry] ?? 0;
  }

  #isStart(entry: number): boolean {
    return entry > 0 && entry <= this.#calls.length;
  }

  #isOptional(call: number): boolean {
    return this.#calls[call]?.isOptional ?? false;
  }

  #canBeNext(call: number): boolean {
    const before = this.#before[call] ?? none;
    return before === none || has(this.#answered, before);
  }

  #hasTwin(call: number): boolean {
    const twin = this.#twin[call] ?? none;
    return twin !== none && !has(this.#optional, twin) && this.#canBeNext(twin);
  }

  #isBetterWithoutLast(way: Way): boolean {
    const last = this.#order.at(-1);
    return last !== undefined && this.#isOptional(last) && isOpen(way, this.#states.at(-1) ?? absent);
  }

  /** Whether somebody still has to see the state that was left for good. */
  #isMissed(left: State): boolean {
    return left !== this.#state && (this.#viewers[left] ?? 0) > 0 && this.#makers[left] === 0;
  }

  #take(call: number, sets: State): void {
    // The end first: a walk over the list goes on from the start, which must not lead to an end that is gone.
    if (!this.#isOptional(call)) {
      this.#unlink(1 + this.#calls.length + call);
      this.#answersLeft -= 1;
    }
    this.#unlink(1 + call);
    this.#flip(call);
    this.#count(call, -1);
    this.#order.push(call);
    this.#states.push(this.#state);
    this.#state = sets;
  }

  #giveBack(): void {
    const call = this.#order.pop();
    if (call === undefined) return;
    this.#state = this.#states.pop() ?? absent;
    this.#count(call, 1);
    this.#flip(call);
    this.#relink(1 + call);
    if (!this.#isOptional(call)) {
      this.#answersLeft += 1;
      this.#relink(1 + this.#calls.length + call);
    }
  }

  #flip(call: number): void {
    const taken = this.#isOptional(call) ? this.#optional : this.#answered;
    const word = call >>> 5;
    taken[word] = (taken[word] ?? 0) ^ (1 << (call & 31));
  }

  #unlink(entry: number): void {
    const [previous, next] = [this.#previous[entry] ?? 0, this.#next[entry] ?? 0];
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  /** Entries come back in the reverse order of their going: each still knows its neighbours. */
  #relink(entry: number): void {
    this.#next[this.#previous[entry] ?? 0] = entry;
    this.#previous[this.#next[entry] ?? 0] = entry;
  }

  #count(call: number, by: 1 | -1): void {
    const { ways = [], isOptional = true } = this.#calls[call] ?? {};
    for (const { sets } of ways) if (sets !== undefined) this.#makers[sets] = (this.#makers[sets] ?? 0) + by;
    const seen = isOptional ? undefined : seenBy(ways[0]);
    if (seen !== undefined) this.#viewers[seen] = (this.#viewers[seen] ?? 0) + by;
  }
}

/** The one state in which the way is open, if there is only one and that can be told at a glance. */
export function seenBy(way: Way | undefined): State | undefined {
  return way?.all.find(isOnlyThere)?.of;
}

function isOnlyThere({ there, elsewhere }: Guard): boolean {
  return there === true && elsewhere === false;
}

function isOpen({ all, notAll }: Way, state: State): boolean {
  for (const guard of all) if (truth(guard, state) === false) return false;
  if (notAll.length === 0) return true;
  for (const guard of notAll) if (truth(guard, state) !== true) return true;
  return false;
}

function has(taken: Int32Array, call: number): boolean {
  return ((taken[call >>> 5] ?? 0) & (1 << (call & 31))) !== 0;
}

/** Optional calls do the same if they lead to states that nobody tells apart. */
function twinsAmong(calls: readonly RegisterCall[]): Int32Array {
  const guards = calls.flatMap(({ ways }) => ways.flatMap(({ all, notAll }) => [...all, ...notAll]));
  const told = new Set(guards.map((guard) => guard.of));
  const last = new Map<string, number>();
  return Int32Array.from(calls, ({ ways, isOptional }, call) => {
    if (!isOptional) return none;
    const does = JSON.stringify(ways.map((way) => (told.has(way.sets ?? absent) ? way : { ...way, sets: 'other' })));
    const twin = last.get(does) ?? none;
    last.set(does, call);
    return twin;
  });
}
