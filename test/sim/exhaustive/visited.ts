/**
 * The states that were seen, as 64 bits each: like TLC, the search takes equal bits for equal states. With n states the
 * chance that this hid one is about n^2 / 2^65: less than one in a thousand for a hundred million.
 */
import { assert } from '../../../server/lib/assert.js';

export class Visited {
  readonly #mask: number;
  /** Open addressing; two zeros are an empty place. */
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  #size = 0;

  /** Holds up to `statesMax` states. */
  constructor(statesMax: number) {
    const places = 2 ** Math.ceil(Math.log2(statesMax * 1.5 + 2));
    this.#mask = places - 1;
    this.#high = new Uint32Array(places);
    this.#low = new Uint32Array(places);
  }

  get size(): number {
    return this.#size;
  }

  /** False when the state was seen before. */
  add(highBits: number, lowBits: number): boolean {
    const high = highBits >>> 0;
    const low = lowBits >>> 0 || 1;
    let place = (low ^ Math.imul(high, 0x9e3779b1)) & this.#mask;
    while (this.#low[place] !== 0) {
      if (this.#low[place] === low && this.#high[place] === high) return false;
      place = (place + 1) & this.#mask;
    }
    assert(this.#size < this.#mask, 'more states than there is room for');
    this.#high[place] = high;
    this.#low[place] = low;
    this.#size += 1;
    return true;
  }
}

/** The share of `value` in `slot` in the upper half of a state's bits. Shares are added, so their order is nothing. */
export function highShare(slot: number, value: number): number {
  return mixed(Math.imul(slot + 1, 0x9e3779b1) ^ Math.imul(value + 1, 0x85ebca6b));
}

export function lowShare(slot: number, value: number): number {
  return mixed((Math.imul(slot + 3, 0xc2b2ae35) + Math.imul(value + 7, 0x27d4eb2f)) ^ 0x165667b1);
}

/** The finalizer of MurmurHash3: every bit of the input changes half of the output. */
function mixed(input: number): number {
  let bits = input ^ (input >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
