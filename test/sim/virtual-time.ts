/**
 * True time, and the one queue of everything that is still to happen. Events run in the order of their times, those of
 * one time in the order in which they were asked for. Nothing here knows what an event does.
 */
import type { Timer } from '../../server/lib/clock.js';
import { Heap } from '../../server/lib/heap.js';

/** Time is counted in 1/1024 ms: integers inside, and milliseconds that are exact binary fractions outside. */
export const UNITS_PER_MS = 1024;

class Event implements Timer {
  /** Undefined once it was cancelled. */
  run: (() => void) | undefined;

  constructor(
    readonly at: number,
    readonly order: number,
    run: () => void,
  ) {
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }
}

export class VirtualTime {
  #now = 0;
  #order = 0;
  readonly #events = new Heap<Event>((a, b) => a.at - b.at || a.order - b.order);
  /** Due now, in the order in which they were asked for. */
  #soon: (() => void)[] = [];
  #soonNext = 0;

  /** In units. */
  get now(): number {
    return this.#now;
  }
  get nowMs(): number {
    return this.#now / UNITS_PER_MS;
  }

  /** Runs `callback` at `units`, or now if that is past. */
  at(units: number, callback: () => void): Timer {
    this.#order += 1;
    const event = new Event(Math.max(units, this.#now), this.#order, callback);
    this.#events.push(event);
    return event;
  }

  after(ms: number, callback: () => void): Timer {
    return this.at(this.#now + Math.ceil(ms * UNITS_PER_MS), callback);
  }

  /** After everything that is due now already, before time moves on. */
  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /** Takes out the next event and moves time up to it. Undefined when there is none. */
  take(): (() => void) | undefined {
    const soon = this.#takeSoon();
    if (soon !== undefined) return soon;
    for (let event = this.#events.pop(); event !== undefined; event = this.#events.pop()) {
      const { at, run } = event;
      if (run === undefined) continue;
      this.#now = at;
      return run;
    }
    return undefined;
  }

  #takeSoon(): (() => void) | undefined {
    if (this.#soonNext === this.#soon.length) return undefined;
    const callback = this.#soon[this.#soonNext];
    this.#soonNext += 1;
    if (this.#soonNext === this.#soon.length) {
      this.#soon = [];
      this.#soonNext = 0;
    }
    return callback;
  }
}
