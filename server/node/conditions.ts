/** Waits for conditions that only change in the driver's turns: whoever changes something says so by settle(). */
import type { Clock } from '../lib/clock.js';

interface Condition {
  readonly holds: () => boolean;
  readonly resolve: () => void;
}

export class Conditions {
  readonly #clock: Clock;
  #waiting: readonly Condition[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves once `holds`, or after `timeoutMs`: ask again which of them it was. */
  async until(holds: () => boolean, timeoutMs = Infinity): Promise<void> {
    if (holds()) return;
    const deadline = this.#clock.now() + timeoutMs;
    await new Promise<void>((resolve) => {
      const isOver = (): boolean => holds() || this.#clock.now() >= deadline;
      this.#waiting = [...this.#waiting, { holds: isOver, resolve }];
    });
  }

  /** Called on every tick, and when something has changed that somebody may wait for. */
  settle(): void {
    if (this.#waiting.length === 0) return;
    const done = new Set(this.#waiting.filter(({ holds }) => holds()));
    this.#waiting = this.#waiting.filter((condition) => !done.has(condition));
    for (const { resolve } of done) resolve();
  }
}
