/** The only source of randomness that decisions may use. Injected, so that one seed repeats a whole run. */
export interface Random {
  /** A uniform integer in [0, bound). `bound` is at least 1 and at most 2^32. */
  below(bound: number): number;
}

/** mulberry32: 32 bits of state, good enough to spread timeouts and draw faults; never used for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return { below: (bound) => Math.floor((next() / 0x1_0000_0000) * bound) };
}
