/**
 * Breadth-first through everything that can happen to a small cluster within its bounds: which member does what next,
 * which message under way arrives next, which batch reaches its disk next, who crashes. A message is lost by never
 * arriving. Each step is judged as it is taken, so the first violation found is a shortest one.
 */
import { InvariantError, assert } from '../../../server/lib/assert.js';
import type { ConfState } from '../../../server/raft/types.js';
import type { DiskImage } from '../../raft/fake-disk.js';
import type { Bounds } from './bounds.js';
import { Frontier } from './frontier.js';
import { type History, Histories } from './histories.js';
import type { Build } from './member.js';
import { MemberGraph, type MemberState } from './member-graph.js';
import { Moves } from './moves.js';
import { NOTHING_TAKEN, Stage } from './stage.js';
import { Visited } from './visited.js';

export interface SearchOptions {
  readonly bounds: Bounds;
  readonly build: Build;
  /** The search ends when it has seen so many states. */
  readonly statesMax: number;
  /** False keeps spent messages: for the test that they make no difference. */
  readonly dropsSpent?: boolean;
  /** After each level, and now and then within one. */
  readonly onProgress?: (progress: Progress) => void;
  /** Every state, when it is first seen. */
  readonly onState?: (members: readonly MemberState[], history: History) => void;
}

export interface Progress {
  readonly states: number;
  /** Steps that were looked at: many lead to states already seen. */
  readonly transitions: number;
  /** Every state that at most so many steps lead to was seen. */
  readonly depth: number;
  /** States that were seen but not expanded yet. */
  readonly waiting: number;
  readonly memberStates: number;
  /** Steps that the real core took. */
  readonly coreSteps: number;
}

/** One step of a path. */
export interface Action {
  readonly before: MemberState;
  readonly inputNumber: number;
  /** The message that arrives stays under way. */
  readonly isDuplicate: boolean;
}

export interface Violation {
  readonly message: string;
  /** From the start on, the opening included. */
  readonly path: readonly Action[];
}

export interface SearchResult extends Progress {
  /** The most that one run came to: terms with a leader, committed entries. The opening counts. */
  readonly termsLed: number;
  readonly committed: number;
  /** Nothing is left within the bounds. Otherwise the search ended at statesMax or at the violation. */
  readonly isComplete: boolean;
  readonly violation: Violation | undefined;
}

const PROGRESS_STATES = 2 ** 20;
/** Far more than one quiet election needs. */
const OPENING_STEPS_MAX = 1000;

export class Search {
  readonly graph: MemberGraph;
  readonly #options: SearchOptions;
  readonly #moves: Moves;
  readonly #histories: Histories;
  readonly #stage: Stage;
  readonly #visited: Visited;
  /**
   * Of each state by its number: the one it was first reached from, the place of the member that made the step, and
   * what it was given: twice the number of the input, plus 1 when the message stayed under way.
   */
  readonly #parents: Uint32Array;
  readonly #actors: Uint8Array;
  readonly #inputs: Uint32Array;
  #frontier = new Frontier();
  #nextFrontier = new Frontier();
  readonly #opening: Action[] = [];
  readonly #firstMembers: readonly MemberState[];
  #depth = 0;
  #transitions = 0;
  #violation: Violation | undefined;

  constructor(options: SearchOptions) {
    const { bounds, build, statesMax } = options;
    this.#options = options;
    this.graph = new MemberGraph(build);
    this.#moves = new Moves(this.graph, bounds);
    this.#visited = new Visited(statesMax);
    this.#parents = new Uint32Array(statesMax);
    this.#actors = new Uint8Array(statesMax);
    this.#inputs = new Uint32Array(statesMax);
    const ids = Array.from({ length: bounds.voters + bounds.spares }, (_, place) => BigInt(place + 1));
    const conf = { voters: ids.slice(0, bounds.voters), learners: [] };
    const members = ids.map((id) => this.graph.start(id, emptyDisk(conf)));
    this.#histories = new Histories(this.graph.logs);
    this.#stage = new Stage(this.graph, this.#moves, this.#histories, members, options.dropsSpent ?? true);
    if (bounds.opening === 'led') this.#elect();
    this.#firstMembers = [...this.#stage.members];
  }

  run(): SearchResult {
    const { row, high, low, members, history } = this.#stage;
    this.#visited.add(high, low);
    this.#frontier.push(row, row.length);
    this.#options.onState?.(members, history);
    while (this.#frontier.length > 0) {
      this.#frontier.drain((next) => {
        this.#expand(next);
        return !this.#isOver;
      });
      if (this.#isOver) break;
      this.#depth += 1;
      [this.#frontier, this.#nextFrontier] = [this.#nextFrontier, this.#frontier];
      this.#options.onProgress?.(this.progress);
    }
    return {
      ...this.progress,
      ...this.#histories.richest(),
      isComplete: !this.#isOver,
      violation: this.#violation,
    };
  }

  get progress(): Progress {
    return {
      states: this.#visited.size,
      transitions: this.#transitions,
      depth: this.#depth,
      waiting: this.#frontier.length + this.#nextFrontier.length,
      memberStates: this.graph.states.length,
      coreSteps: this.graph.stepsDrawn,
    };
  }

  get #isOver(): boolean {
    return this.#violation !== undefined || this.#visited.size >= this.#options.statesMax;
  }

  /** The opening: member 1 is elected and all goes well, until nothing is left to do. */
  #elect(): void {
    const stage = this.#stage;
    this.#play(0, this.#moves.campaign, NOTHING_TAKEN);
    for (let steps = 0; ; steps += 1) {
      assert(steps < OPENING_STEPS_MAX, 'the opening never comes to rest');
      const saver = stage.members.findIndex(({ isSaving }) => isSaving);
      const message = stage.row[stage.firstMessage];
      if (saver >= 0) this.#play(saver, this.#moves.save, NOTHING_TAKEN);
      else if (message === undefined) return;
      else this.#play(stage.receiverOf(message), this.#moves.delivery(message), stage.firstMessage);
    }
  }

  #play(place: number, inputNumber: number, taken: number): void {
    const stage = this.#stage;
    const before = stage.member(place);
    this.#opening.push({ before, inputNumber, isDuplicate: false });
    stage.compose(place, this.graph.step(before, inputNumber), 0, taken);
    stage.load(stage.nextRow.slice(0, stage.nextLength));
  }

  #expand(row: Int32Array): void {
    const stage = this.#stage;
    stage.load(row);
    const { used, firstMessage } = stage;
    for (const [place, member] of stage.members.entries()) {
      this.#moves.offerOwn(member, used, (inputNumber, usedThen) => {
        this.#try(place, inputNumber, usedThen, NOTHING_TAKEN, false);
      });
    }
    for (let at = firstMessage; at < row.length; at += 1) {
      const message = row[at] ?? 0;
      // Of equal messages it does not matter which one arrives.
      if (row.indexOf(message, firstMessage) < at) continue;
      const place = stage.receiverOf(message);
      this.#moves.offerDelivery(message, stage.member(place), used, (inputNumber, usedThen) => {
        const isDuplicate = usedThen !== used;
        this.#try(place, inputNumber, usedThen, isDuplicate ? NOTHING_TAKEN : at, isDuplicate);
      });
    }
  }

  #try(place: number, inputNumber: number, used: number, taken: number, isDuplicate: boolean): void {
    if (this.#isOver) return;
    const stage = this.#stage;
    const from = stage.row[0] ?? 0;
    this.#transitions += 1;
    const step = this.graph.step(stage.member(place), inputNumber);
    try {
      if (!stage.compose(place, step, used, taken)) return;
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.#violation = {
        message: error.message,
        path: this.#pathTo(from, place, inputNumber * 2 + Number(isDuplicate)),
      };
      return;
    }
    const number = this.#visited.size;
    if (!this.#visited.add(stage.nextHigh, stage.nextLow)) return;
    this.#parents[number] = from;
    this.#actors[number] = place;
    this.#inputs[number] = inputNumber * 2 + Number(isDuplicate);
    stage.nextRow[0] = number;
    this.#nextFrontier.push(stage.nextRow, stage.nextLength);
    this.#options.onState?.(stage.nextMembers, stage.nextHistory);
    if (number % PROGRESS_STATES === 0) this.#options.onProgress?.(this.progress);
  }

  /** How the state with this number is reached, and then one more step. */
  #pathTo(number: number, place: number, input: number): readonly Action[] {
    const moves = [{ place, input }];
    for (let at = number; at > 0; at = this.#parents[at] ?? 0) {
      moves.push({ place: this.#actors[at] ?? 0, input: this.#inputs[at] ?? 0 });
    }
    const members = [...this.#firstMembers];
    const path = [...this.#opening];
    for (const move of moves.reverse()) {
      const before = members[move.place];
      if (before === undefined) break;
      const inputNumber = Math.floor(move.input / 2);
      path.push({ before, inputNumber, isDuplicate: move.input % 2 === 1 });
      members[move.place] = this.graph.step(before, inputNumber).to;
    }
    return path;
  }
}

function emptyDisk(conf: ConfState): DiskImage {
  const start = { index: 0, term: 0, conf };
  return { hardState: { term: 0, vote: 0n, commit: 0 }, start, entries: [], appliedIndex: 0 };
}
