/** Names that nobody else has chosen. */
import type { Random } from '../lib/random.js';

/** `words` times 32 bits, in hex. */
export function randomId(random: Random, words: number): string {
  const word = (): string =>
    random
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return Array.from({ length: words }, word).join('');
}
