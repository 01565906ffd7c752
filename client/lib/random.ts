/** The only source of randomness. Injected, so that one seed repeats a whole run. */
export interface Random {
  /** A uniform integer in [0, bound). `bound` is at least 1. */
  below(bound: number): number;
}

export const systemRandom: Random = { below: (bound) => Math.floor(Math.random() * bound) };
