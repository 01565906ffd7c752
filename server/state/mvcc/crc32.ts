/** CRC-32 (the polynomial of zlib and PNG), fed piece by piece: the decisions may not use node:zlib. */
import type { ByteString } from '../../lib/bytes.js';

const POLYNOMIAL = 0xedb88320;
const TWO_TO_32 = 0x1_0000_0000;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
  return remainder;
});

export class Crc32 {
  #state = 0xffffffff;

  /** Unsigned, of all bytes so far. */
  get value(): number {
    return (this.#state ^ 0xffffffff) >>> 0;
  }

  bytes(text: ByteString): void {
    let state = this.#state;
    for (let at = 0; at < text.length; at += 1) state = next(state, text.charCodeAt(at));
    this.#state = state;
  }

  /** Eight bytes, little-endian. `value` is a safe integer that is not negative. */
  integer(value: number): void {
    this.#word(value % TWO_TO_32);
    this.#word(Math.floor(value / TWO_TO_32));
  }

  /** Eight bytes, little-endian, two's complement. */
  bigint(value: bigint): void {
    this.#word(Number(BigInt.asUintN(32, value)));
    this.#word(Number(BigInt.asUintN(32, value >> 32n)));
  }

  #word(word: number): void {
    let state = this.#state;
    for (let shift = 0; shift < 32; shift += 8) state = next(state, word >>> shift);
    this.#state = state;
  }
}

function next(state: number, byte: number): number {
  return (state >>> 8) ^ (TABLE[(state ^ byte) & 0xff] ?? 0);
}
