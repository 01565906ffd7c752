/** How long a member may know no leader before others are asked: it may be cut off from them, or removed for good. */
import type { Clock, Timer } from '../lib/clock.js';

/** Three election timeouts, as they are by default. */
const PATIENCE_MS = 3_000;

export class LeaderPatience {
  readonly #clock: Clock;
  readonly #onOver: () => void;
  #timer: Timer | undefined;

  /** `onOver`: it has known none for so long; again and again, until it knows one. */
  constructor(clock: Clock, onOver: () => void) {
    this.#clock = clock;
    this.#onOver = onOver;
  }

  /** From the member in use: also of one that has just become it. */
  heard(isLed: boolean): void {
    this.stop();
    if (isLed) return;
    this.#timer = this.#clock.setTimer(() => {
      this.heard(false);
      this.#onOver();
    }, PATIENCE_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
