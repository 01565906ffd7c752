/**
 * Time and turns as one life of a member sees them. Its monotonic clock runs at a rate of its own, its wall clock jumps.
 * The process can be paused, as by SIGSTOP: then whatever comes due waits, in order. Its machine can sleep: then its monotonic
 * clock stands still, too, and only the wall clock goes on. It can end: then nothing of it ever runs again.
 */
import type { Clock, Timer } from '../../server/lib/clock.js';
import { UNITS_PER_MS, type VirtualTime } from './virtual-time.js';

export interface ProcessEvents {
  /** Something ran inside the process. Whatever promises it settled have had no say yet. */
  ran(): void;
}

export class MemberProcess implements Clock {
  readonly #time: VirtualTime;
  readonly #events: ProcessEvents;
  /** Local time runs `rate`/1000 as fast as true time. */
  readonly #rate: number;
  #start: number;
  /** What the monotonic clock shows while the machine sleeps. */
  #asleepAt: number | undefined;
  #wallOffsetMs = 0;
  #isEnded = false;
  #held: (() => void)[] | undefined;
  /** When it last went on after a pause, in true milliseconds; -Infinity: it was never paused. */
  resumedAtMs = -Infinity;

  /** `rate` in thousandths: 900 to 1100. `start`: what the clock shows at true time zero, in units. */
  constructor(time: VirtualTime, events: ProcessEvents, { rate, start }: { rate: number; start: number }) {
    this.#time = time;
    this.#events = events;
    this.#rate = rate;
    this.#start = start;
  }

  now(): number {
    return (this.#asleepAt ?? this.#localAt(this.#time.now)) / UNITS_PER_MS;
  }
  wallTime(): number {
    return Date.UTC(2020, 0, 1) + this.#localAt(this.#time.now) / UNITS_PER_MS + this.#wallOffsetMs;
  }
  setTimer(callback: () => void, ms: number): Timer {
    const due = this.#localAt(this.#time.now) + Math.ceil(ms * UNITS_PER_MS);
    return this.#time.at(this.#trueAt(due), () => this.run(callback));
  }
  defer(callback: () => void): void {
    this.#time.soon(() => this.run(callback));
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }
  get isPaused(): boolean {
    return this.#held !== undefined;
  }

  /** Whatever the world does to the process passes through here. */
  run(callback: () => void): void {
    if (this.#isEnded) return;
    if (this.#held !== undefined) {
      this.#held.push(callback);
      return;
    }
    callback();
    this.#events.ran();
  }

  /** Between true milliseconds and those of this clock. */
  localMs(trueMs: number): number {
    return this.#localAt(Math.floor(trueMs * UNITS_PER_MS)) / UNITS_PER_MS;
  }

  jumpWallClock(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  end(): void {
    this.#isEnded = true;
    this.#held = undefined;
  }

  pause(): void {
    if (!this.#isEnded) this.#held ??= [];
  }

  /** A pause of the whole machine. Timers of before come early then: whoever sets them has to look at the clock. */
  sleep(): void {
    if (this.#isEnded || this.isPaused) return;
    this.pause();
    this.#asleepAt = this.#localAt(this.#time.now);
  }

  get isAsleep(): boolean {
    return this.#asleepAt !== undefined;
  }

  resume(): void {
    this.#wake();
    const held = this.#held ?? [];
    this.#held = undefined;
    this.resumedAtMs = this.#time.nowMs;
    for (const callback of held) this.#time.soon(() => this.run(callback));
  }

  #wake(): void {
    if (this.#asleepAt === undefined) return;
    const slept = this.#localAt(this.#time.now) - this.#asleepAt;
    this.#asleepAt = undefined;
    this.#start -= slept;
    this.#wallOffsetMs += slept / UNITS_PER_MS;
  }

  #localAt(units: number): number {
    return this.#start + Math.floor((units * this.#rate) / 1000);
  }
  /** The first true time at which the local clock shows `local` or more. */
  #trueAt(local: number): number {
    return Math.ceil(((local - this.#start) * 1000) / this.#rate);
  }
}
