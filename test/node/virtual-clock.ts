/** Time that moves only when a test says so. Deferred work and due timers run in a fixed order. */
import type { Clock, Timer } from '../../server/lib/clock.js';

interface PendingTimer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #deferred: (() => void)[] = [];
  #timers: PendingTimer[] = [];

  now(): number {
    return this.#now;
  }
  wallTime(): number {
    return this.#now;
  }

  setTimer(callback: () => void, ms: number): Timer {
    const timer = { at: this.#now + ms, order: (this.#order += 1), callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((candidate) => candidate !== timer);
      },
    };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** Runs everything that is due now, with all promises in between settled. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 3; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const callback = this.#deferred.shift();
      if (callback === undefined) idle += 1;
      else {
        idle = 0;
        callback();
      }
    }
  }

  /** Moves on by `ms`, stopping at every timer on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await this.settle();
    }
    this.#now = end;
  }
}
