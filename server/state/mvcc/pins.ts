/**
 * Reads that are under way hold on to their revision: what such a read still needs, physical removal must leave. As
 * many pins exist as the callers have reads in flight, which is what they bound.
 */
export interface Pin {
  /** Idempotent, and required on every path: a pin that leaks stops removal for good. */
  release(): void;
}

export class Pins {
  readonly #counts = new Map<number, number>();

  pin(main: number): Pin {
    this.#counts.set(main, (this.#counts.get(main) ?? 0) + 1);
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#unpin(main);
      },
    };
  }

  /** The lowest revision held; Infinity when none is. */
  lowest(): number {
    let lowest = Infinity;
    for (const main of this.#counts.keys()) lowest = Math.min(lowest, main);
    return lowest;
  }

  #unpin(main: number): void {
    const count = this.#counts.get(main) ?? 0;
    if (count > 1) this.#counts.set(main, count - 1);
    else this.#counts.delete(main);
  }
}
