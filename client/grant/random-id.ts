/** Names that nobody else has chosen. */
import type { Random } from '../lib/random.js';

const WORD_BYTES = 4;

/** `words` times 32 bits, in hex. */
export function randomId(random: Random, words: number): string {
  const bytes = Buffer.alloc(words * WORD_BYTES);
  for (let at = 0; at < bytes.length; at += WORD_BYTES) bytes.writeUInt32BE(random.below(2 ** 32), at);
  return bytes.toString('hex');
}
