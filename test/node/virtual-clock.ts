/**
 * Time that moves only when a test says so. Deferred work and due timers run in a fixed order, with every promise in
 * between settled. A process on it can be paused, as by SIGSTOP, and can end: then nothing of it ever runs again.
 */
import type { Clock, Timer } from '../../server/lib/clock.js';

interface PendingTimer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #deferred: (() => void)[] = [];
  /** By time, then by the order in which they were set. */
  readonly #timers: PendingTimer[] = [];

  now(): number {
    return this.#now;
  }
  wallTime(): number {
    return this.#now;
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  setTimer(callback: () => void, ms: number): Timer {
    this.#order += 1;
    const timer = { at: this.#now + ms, order: this.#order, callback };
    const place = this.#timers.findIndex((other) => other.at > timer.at);
    this.#timers.splice(place === -1 ? this.#timers.length : place, 0, timer);
    return {
      cancel: () => {
        const found = this.#timers.indexOf(timer);
        if (found !== -1) this.#timers.splice(found, 1);
      },
    };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  process(): ClockProcess {
    return new ClockProcess(this);
  }

  /** Runs everything that is due now. */
  async settle(): Promise<void> {
    for (;;) {
      await microtasks();
      const callback = this.#deferred.shift();
      if (callback === undefined) return;
      callback();
    }
  }

  /** Moves on by `ms`, stopping at every timer on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (let next = this.#timers[0]; next !== undefined && next.at <= end; next = this.#timers[0]) {
      this.#timers.shift();
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await this.settle();
    }
    this.#now = end;
  }
}

/** The clock as one process sees it. */
export class ClockProcess implements Clock {
  readonly #clock: VirtualClock;
  #isEnded = false;
  /** What came due while the process stood still, in order; undefined while it runs. */
  #held: (() => void)[] | undefined;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }
  wallTime(): number {
    return this.#clock.wallTime();
  }
  setTimer(callback: () => void, ms: number): Timer {
    return this.#clock.setTimer(() => this.run(callback), ms);
  }
  defer(callback: () => void): void {
    this.#clock.defer(() => this.run(callback));
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whatever the world does to the process passes through here. */
  run(callback: () => void): void {
    if (this.#isEnded) return;
    if (this.#held === undefined) callback();
    else this.#held.push(callback);
  }

  end(): void {
    this.#isEnded = true;
  }

  pause(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const callback of held) this.#clock.defer(() => this.run(callback));
  }
}

/** Everything that promises alone can bring about has happened when this resolves. */
export function microtasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
