/**
 * Values that no other put of a run writes: a token of who wrote it and a number, what it says, and filler to its size.
 *
 *     3.17            3.17:100            3.17:100!xxxxxxxx
 */
import type { Random } from '../../../server/lib/random.js';
import { chance, pick } from './draw.js';
import type { ValueSizes } from './mix.js';

/** Ends of the byte range among them: what takes bytes for text shows. */
const FILLERS = ['x', '\x00', '\xff', '\xe9', '\n'];

export class Values {
  readonly #sizes: ValueSizes;
  #made = 0;

  constructor(sizes: ValueSizes) {
    this.#sizes = sizes;
  }

  fresh(client: number, random: Random, says = ''): string {
    return `${this.token(client)}${says === '' ? '' : `:${says}`}${this.#filler(random)}`;
  }

  token(client: number): string {
    this.#made += 1;
    return `${client}.${this.#made}`;
  }

  #filler(random: Random): string {
    const { usualMax, hugePercent, hugeMax } = this.#sizes;
    const size = random.below(chance(random, hugePercent) ? hugeMax : usualMax);
    return size === 0 ? '' : `!${pick(random, FILLERS).repeat(size)}`;
  }
}

/** Without its filler: short, and still unique. */
export function shortOf(value: string): string {
  const end = value.indexOf('!');
  return end === -1 ? value : value.slice(0, end);
}

export function saidBy(value: string): string {
  const short = shortOf(value);
  const start = short.indexOf(':');
  return start === -1 ? '' : short.slice(start + 1);
}
