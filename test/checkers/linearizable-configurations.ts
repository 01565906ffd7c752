/**
 * What a search has tried without success: which calls were taken, and the state they led to. What led nowhere leads
 * nowhere with fewer optional calls left, either: so more of them than in an earlier try need not be tried.
 */
export class Configurations {
  /** By the answered calls and the state: the optional calls. */
  readonly #tried = new Map<string, Int32Array[]>();

  /** One bit for each call, and in the last word of `answered` the state. False when it need not be tried. */
  add(answered: Int32Array, optional: Int32Array): boolean {
    const key = answered.join();
    const tried = this.#tried.get(key);
    if (tried === undefined) this.#tried.set(key, [optional.slice()]);
    else if (tried.some((earlier) => isWithin(earlier, optional))) return false;
    else tried.push(optional.slice());
    return true;
  }
}

function isWithin(some: Int32Array, all: Int32Array): boolean {
  return some.every((word, index) => (word & ~(all[index] ?? 0)) === 0);
}
