/**
 * The core's only unit of time, counted by a clock that may be late: how many ticks are due whenever the timer fires. After
 * a pause only a few are made up for: what arrived meanwhile is to be heard first.
 */
import type { Clock, Timer } from '../lib/clock.js';
import { LIMITS } from './limits.js';

export class Ticker {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #due: (ticks: number, now: number) => void;
  #timer: Timer | undefined;
  #lastTickAt = 0;

  /** `due` may stop the ticker. */
  constructor(clock: Clock, tickMs: number, due: (ticks: number, now: number) => void) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#due = due;
  }

  start(): void {
    this.#lastTickAt = this.#clock.now();
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(() => this.#fire(), this.#tickMs);
  }

  #fire(): void {
    const now = this.#clock.now();
    const due = Math.floor((now - this.#lastTickAt) / this.#tickMs);
    if (due > LIMITS.catchUpTicksMax) this.#lastTickAt = now;
    else this.#lastTickAt += due * this.#tickMs;
    this.#due(Math.min(due, LIMITS.catchUpTicksMax), now);
    if (this.#timer !== undefined) this.#arm();
  }
}
