/**
 * The sequence numbers of one session's writes: which are given out, which are over, and up to where all are. The server
 * applies them in order and keeps the replies above `settled`, so a number beyond the window is not given out.
 *
 *   1 2 3 4 5 6 7        1, 2 applied; 3 a hole (refused before it came into the log); 4 open; 5 applied; 6 open; next is 7
 *   a a h o a o .        settled = 3: the server fills the hole at 3 once it hears so
 */
import { assert } from '../lib/assert.js';

const OPEN = 0;
const APPLIED = 1;
const HOLE = 2;

export class SequenceWindow {
  readonly #size: number;
  /** By sequence number modulo the size, for numbers above `settled`. */
  readonly #states: Uint8Array;
  #next = 1;
  #settled = 0;

  /** `size`: how many replies the server keeps for the session. */
  constructor(size: number) {
    assert(size >= 1, 'a window holds at least one number');
    this.#size = size;
    this.#states = new Uint8Array(size);
  }

  /** Every number up to here is over. Invariant: settled < next, next - settled - 1 <= size. */
  get settled(): number {
    return this.#settled;
  }

  /** The number that is given out next. */
  get next(): number {
    return this.#next;
  }

  get isFull(): boolean {
    return this.#next - this.#settled > this.#size;
  }

  /** The next number. */
  assign(): number {
    assert(!this.isFull, 'a sequence number beyond the window');
    const sequence = this.#next;
    this.#next += 1;
    this.#states[sequence % this.#size] = OPEN;
    return sequence;
  }

  /** The log has the number: a later one may follow. */
  applied(sequence: number): void {
    this.#end(sequence, APPLIED);
  }

  /** The number is given up and never came into the log: a later one may follow once it is settled. */
  abandoned(sequence: number): void {
    this.#end(sequence, HOLE);
  }

  /** Whether the server will take the number, as far as the ones that are over decide that. */
  mayFollow(sequence: number): boolean {
    const before = sequence - 1;
    return before <= this.#settled || this.#states[before % this.#size] === APPLIED;
  }

  #end(sequence: number, state: number): void {
    assert(sequence > this.#settled && sequence < this.#next, 'a sequence number that is not open');
    this.#states[sequence % this.#size] = state;
    while (this.#settled + 1 < this.#next && this.#states[(this.#settled + 1) % this.#size] !== OPEN) {
      this.#settled += 1;
    }
  }
}
