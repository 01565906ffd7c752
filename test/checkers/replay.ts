/**
 * Replays the claimed order through the specification. Where a revision was made by an unknown call, the calls that may
 * have made it are tried one after the other: a contradiction later on takes the last guess back. Bounded: a history
 * that is not decided within the limit counts as a violation, and says so.
 */
import { seededRandom } from '../../server/lib/random.js';
import { describeOperation } from './describe.js';
import { differenceOf } from './difference.js';
import type { Filler, GapFillers } from './gap-fillers.js';
import { KvSpec } from './kv-spec.js';
import type { Answer, Operation } from './operation.js';
import { type Answered, isAnswered } from './operation-facts.js';
import { isLookBack, type Slot } from './slots.js';

/**
 * A contradiction is fought in rounds. Each gives up twice as many of the last guesses as the one before, considers
 * twice as many calls for each, and has this many slots to replay: most mistakes are recent and lie among the likeliest
 * calls, and searching all others first would cost ages.
 */
const roundSlotsMax = 10_000;
const roundsMax = 12;
const givenUpFirst = 4;
const consideredFirst = 3;
/** Of all rounds. */
const replayedSlotsMax = 1_000_000;
/** How often a later round prefers a less likely call. */
const shuffledPercent = 20;
const violationsMax = 50;

interface Guess {
  readonly index: number;
  readonly compacted: number;
  filler: Filler;
  /** Not tried yet. */
  readonly rest: Filler[];
}

/** How far the best guesses led. */
interface DeadEnd {
  readonly index: number;
  readonly complaints: readonly string[];
  readonly guesses: ReadonlyMap<number, Filler>;
}

export function replay(slots: readonly Slot[], fillers: GapFillers, firstRevision: number): readonly string[] {
  return new Replay(slots, fillers, firstRevision).run();
}

class Replay {
  readonly #slots: readonly Slot[];
  readonly #fillers: GapFillers;
  readonly #firstRevision: number;
  readonly #violations: string[] = [];
  /** Slots that nothing more is said about. */
  readonly #told = new Set<number>();
  #spec: KvSpec;
  #used = new Set<Operation>();
  /** Guesses that are not taken back any more, by index. */
  #settled: ReadonlyMap<number, Filler> = new Map();
  /** Oldest first. */
  #guesses: Guess[] = [];
  #deadEnd: DeadEnd | undefined;
  /** The index that any guesses have led to. */
  #furthest = 0;
  /** What may still be replayed in this round. */
  #left = roundSlotsMax;
  #round = 0;
  #replayed = 0;
  /** Some calls were not considered: that no guess helped proves nothing. */
  #isNarrow = false;
  readonly #random = seededRandom(1);

  constructor(slots: readonly Slot[], fillers: GapFillers, firstRevision: number) {
    this.#slots = slots;
    this.#fillers = fillers;
    this.#firstRevision = firstRevision;
    this.#spec = new KvSpec(firstRevision);
  }

  run(): readonly string[] {
    for (let index = 0; index < this.#slots.length && this.#violations.length < violationsMax; ) {
      const complaints = this.#play(index);
      const isRight = complaints.length === 0 || this.#told.has(index);
      const next = isRight ? index + 1 : this.#afterContradiction(index, complaints);
      index = this.#count(next) ? next : this.#giveUp();
      if (this.#round === roundsMax || this.#replayed > replayedSlotsMax) {
        return [...this.#violations, this.#undecided()];
      }
    }
    return this.#violations;
  }

  /** Whether the round may go on. New ground needs no round. */
  #count(index: number): boolean {
    if (index > this.#furthest) {
      this.#furthest = index;
      this.#round = 0;
      this.#left = roundSlotsMax;
      return true;
    }
    this.#left -= 1;
    this.#replayed += 1;
    return this.#left > 0;
  }

  #afterContradiction(index: number, complaints: readonly string[]): number {
    if (this.#guesses.length === 0 && !this.#isNarrow) {
      this.#tell(index, complaints);
      return index + 1;
    }
    if (this.#deadEnd === undefined || index > this.#deadEnd.index) {
      this.#deadEnd = { index, complaints, guesses: this.#guessed() };
    }
    return this.#takeBack() ?? (this.#isNarrow ? this.#giveUp() : this.#startOver(this.#deadEnd));
  }

  /** The index of the last guess that could be changed. */
  #takeBack(): number | undefined {
    for (let guess = this.#guesses.at(-1); guess !== undefined; guess = this.#guesses.at(-1)) {
      this.#used.delete(guess.filler.operation);
      const filler = guess.rest.shift();
      if (filler !== undefined) {
        guess.filler = filler;
        this.#used.add(filler.operation);
        return this.#returnTo(guess);
      }
      this.#guesses.pop();
    }
    return undefined;
  }

  /** Begins the next round. Returns where to go on. */
  #giveUp(): number {
    this.#round += 1;
    const kept = this.#guesses.length - givenUpFirst * 2 ** this.#round;
    const [first, ...others] = this.#guesses.splice(Math.max(0, kept));
    if (first === undefined) return this.#startWith(this.#settled);
    for (const { filler } of [first, ...others]) this.#used.delete(filler.operation);
    this.#left = roundSlotsMax + this.#furthest - first.index;
    return this.#returnTo(first);
  }

  #returnTo({ index, compacted }: Guess): number {
    this.#spec.moveTo((this.#slots[index]?.revision ?? 0) - 1, compacted);
    return index;
  }

  /** No guess helped: the contradiction stands, and the history is read on with the guesses that led to it. */
  #startOver({ index, complaints, guesses }: DeadEnd): number {
    this.#tell(index, complaints);
    this.#deadEnd = undefined;
    return this.#startWith(guesses);
  }

  #startWith(settled: ReadonlyMap<number, Filler>): number {
    this.#settled = settled;
    this.#used = new Set([...settled.values()].map(({ operation }) => operation));
    this.#guesses = [];
    this.#isNarrow = false;
    this.#spec = new KvSpec(this.#firstRevision);
    this.#left = roundSlotsMax + this.#furthest;
    return 0;
  }

  #tell(index: number, complaints: readonly string[]): void {
    this.#told.add(index);
    this.#violations.push(...complaints);
  }

  #undecided(): string {
    const reached = this.#slots[this.#deadEnd?.index ?? 0]?.revision ?? 0;
    const complaint = this.#deadEnd?.complaints[0] ?? '';
    return (
      `undecided: ${this.#replayed} steps did not tell which unknown calls made the missing revisions; ` +
      `the best guesses lead to revision ${reached}, where ${complaint}`
    );
  }

  #guessed(): ReadonlyMap<number, Filler> {
    return new Map([...this.#settled, ...this.#guesses.map(({ index, filler }) => [index, filler] as const)]);
  }

  /** What contradicts the order at one revision. */
  #play(index: number): readonly string[] {
    const slot = this.#slots[index];
    if (slot === undefined) return [];
    const { revision, write, reads, looks, compacts } = slot;
    this.#spec.moveTo(revision - 1);
    const complaints = slot.isGap
      ? this.#fill(index, revision)
      : write === undefined
        ? []
        : this.#write(write, revision);
    this.#spec.moveTo(revision);
    return [
      ...complaints,
      ...looks.flatMap((look) => this.#look(look)),
      ...reads.flatMap((read) => this.#read(read)),
      ...compacts.flatMap((operation) => this.#compact(operation)),
    ];
  }

  #fill(index: number, revision: number): readonly string[] {
    const filler = this.#settled.get(index) ?? this.#guessAt(index);
    if (filler === undefined) return [`revision ${revision} was made by no call`];
    this.#spec.apply(filler.call);
    return [];
  }

  #guessAt(index: number): Filler | undefined {
    const last = this.#guesses.at(-1);
    if (last?.index === index) return last.filler;
    if (this.#told.has(index)) return undefined;
    const [filler, ...rest] = this.#considered(this.#fillers.next(this.#spec, this.#used));
    if (filler === undefined) return undefined;
    this.#guesses.push({ index, compacted: this.#spec.compacted, filler, rest });
    this.#used.add(filler.operation);
    return filler;
  }

  #considered(fillers: readonly Filler[]): readonly Filler[] {
    const isLate = fillers.map(() => this.#round > 0 && this.#random.below(100) < shuffledPercent);
    const ordered = [...fillers.filter((_, index) => !isLate[index]), ...fillers.filter((_, index) => isLate[index])];
    const count = consideredFirst * 2 ** this.#round;
    if (ordered.length > count) this.#isNarrow = true;
    return ordered.slice(0, count);
  }

  #write(operation: Operation, revision: number): readonly string[] {
    const answer = this.#answerTo(operation);
    const complaints = isAnswered(operation) ? complaintAbout(operation, answer) : [];
    if (complaints.length > 0 || this.#spec.revision === revision) return complaints;
    return [`${describeOperation(operation)}: seen at revision ${revision}, where it could not have written anything`];
  }

  #read(operation: Answered): readonly string[] {
    const { revision } = this.#spec;
    const answer = this.#answerTo(operation);
    this.#spec.moveTo(revision);
    const { call } = operation;
    const isSeen = call.kind === 'range' && isLookBack(call, revision) && typeof answer !== 'string';
    return isSeen ? [] : complaintAbout(operation, answer);
  }

  #look(operation: Answered): readonly string[] {
    const { call } = operation;
    return call.kind === 'range' ? complaintAbout(operation, this.#spec.range({ ...call, revision: 0 })) : [];
  }

  #compact(operation: Answered): readonly string[] {
    const { call } = operation;
    const refusal = call.kind === 'compact' ? this.#spec.compact(call.revision) : undefined;
    return refusal === undefined ? [] : complaintAbout(operation, refusal);
  }

  #answerTo({ call }: Operation): Answer | string {
    if (call.kind === 'compact') return { kind: 'compact' };
    return call.kind === 'range' ? this.#spec.range(call) : this.#spec.apply(call);
  }
}

function complaintAbout(operation: Answered, expected: Answer | string): readonly string[] {
  const difference =
    typeof expected === 'string'
      ? `the call must be refused as ${expected}`
      : differenceOf(operation.outcome.answer, expected);
  return difference === undefined ? [] : [`${describeOperation(operation)}: ${difference}`];
}
