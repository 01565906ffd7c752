/** Random choices for generated calls, all from one seed. Owns no knowledge of what is drawn. */
import { type Random, seededRandom } from '../../server/lib/random.js';

export class Draw {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A uniform integer in [0, bound). */
  below(bound: number): number {
    return this.#random.below(bound);
  }

  /** A uniform integer in [min, max]. */
  between(min: number, max: number): number {
    return min + this.#random.below(max - min + 1);
  }

  /** True once in `perMille` out of a thousand times. */
  chance(perMille: number): boolean {
    return this.#random.below(1000) < perMille;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.#random.below(choices.length)] ?? choices[0];
  }

  /** Picks by weight and runs only what was picked. */
  weighted<T>(...choices: readonly [Weighted<T>, ...Weighted<T>[]]): T {
    const total = choices.reduce((sum, [weight]) => sum + weight, 0);
    let left = this.#random.below(total);
    for (const [weight, make] of choices) {
      if (left < weight) return make();
      left -= weight;
    }
    return choices[0][1]();
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.#random.below(256)));
  }
}

export type Weighted<T> = readonly [weight: number, make: () => T];
