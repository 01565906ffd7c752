/** Tells when the time of something is over: one timer for all of them. */
import { DeadlineWheel, type WheelEntry } from '../core/deadline-wheel.js';
import type { Clock, Timer } from '../lib/clock.js';

export class Deadlines<Entry extends WheelEntry> {
  readonly #clock: Clock;
  readonly #onExpired: (entry: Entry) => void;
  readonly #wheel = new DeadlineWheel<Entry>();
  #timer: Timer | undefined;
  #armedFor = Infinity;

  constructor(clock: Clock, onExpired: (entry: Entry) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  add(entry: Entry): void {
    this.#wheel.add(entry);
    if (this.#wheel.nextAt < this.#armedFor) this.#arm();
  }

  /** Safe for one that is not there. */
  remove(entry: Entry): void {
    this.#wheel.remove(entry);
  }

  /** Nothing is waited for any more: lets the process end. */
  stop(): void {
    this.#timer?.cancel();
    this.#armedFor = Infinity;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#armedFor = this.#wheel.nextAt;
    if (this.#armedFor === Infinity) return;
    this.#timer = this.#clock.setTimer(() => this.#look(), Math.max(0, this.#armedFor - this.#clock.now()));
  }

  #look(): void {
    this.#armedFor = Infinity;
    for (const entry of this.#wheel.takeExpired(this.#clock.now())) this.#onExpired(entry);
    if (this.#wheel.nextAt < this.#armedFor) this.#arm();
  }
}
