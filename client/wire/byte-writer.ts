/**
 * Protobuf by hand, for the messages of which there are many: a request is written once, into a large buffer that many
 * requests share, and is never copied into a buffer of its own.
 */
import type { Bytes } from './bytes.js';

const SLAB_BYTES = 64 * 1024;
/** The longest a varint of 64 bits can be. */
const VARINT_BYTES_MAX = 10;
const TWO_32 = 2 ** 32;

export const VARINT = 0;
export const FIXED64 = 1;
export const DELIMITED = 2;

export class ByteWriter {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** Where the message begins that is being written; what lies before belongs to others. */
  #start = 0;
  #at = 0;

  /** What was written since the last call. It belongs to the caller, and nobody writes there again. */
  finish(): Buffer {
    const message = this.#slab.subarray(this.#start, this.#at);
    this.#start = this.#at;
    return message;
  }

  /** Forgets what was written since the last `finish`. */
  discard(): void {
    this.#at = this.#start;
  }

  /** A whole number from 0 to 2^53 - 1. Nothing is written for 0, which is what an absent field means. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.#reserve(2 * VARINT_BYTES_MAX);
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
  }

  /** Any integer of 64 bits. */
  bigint(field: number, value: bigint): void {
    if (value === 0n) return;
    this.#reserve(2 * VARINT_BYTES_MAX);
    this.#varint(field * 8 + VARINT);
    const bits = BigInt.asUintN(64, value);
    if (bits <= BigInt(Number.MAX_SAFE_INTEGER)) this.#varint(Number(bits));
    else this.#varint64(bits);
  }

  boolean(field: number, value: boolean): void {
    if (value) this.number(field, 1);
  }

  /** Nothing is written for no bytes: absent and empty are the same, except among alternatives: `delimited`. */
  bytes(field: number, prefix: Buffer | undefined, value: Bytes): void {
    const prefixLength = prefix === undefined ? 0 : prefix.length;
    const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    if (prefixLength + length === 0) return;
    this.delimited(field, prefix, value);
  }

  /** Written even when there are none. */
  delimited(field: number, prefix: Buffer | undefined, value: Bytes): void {
    const prefixLength = prefix === undefined ? 0 : prefix.length;
    const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    this.#reserve(2 * VARINT_BYTES_MAX + prefixLength + length);
    this.#varint(field * 8 + DELIMITED);
    this.#varint(prefixLength + length);
    if (prefix !== undefined) {
      this.#slab.set(prefix, this.#at);
      this.#at += prefixLength;
    }
    if (typeof value === 'string') this.#slab.write(value, this.#at, length);
    else this.#slab.set(value, this.#at);
    this.#at += length;
  }

  /** Begins a message inside the message; pass what is returned to `end`. */
  begin(field: number): number {
    this.#reserve(2 * VARINT_BYTES_MAX);
    this.#varint(field * 8 + DELIMITED);
    // One byte for the length, which most messages need; `end` makes room for more.
    this.#at += 1;
    return this.#at - this.#start;
  }

  end(begun: number): void {
    const length = this.#at - this.#start - begun;
    const extra = varintLength(length) - 1;
    if (extra > 0) {
      this.#reserve(extra);
      const from = this.#start + begun;
      this.#slab.copyWithin(from + extra, from, this.#at);
      this.#at += extra;
    }
    const end = this.#at;
    this.#at = this.#start + begun - 1;
    this.#varint(length);
    this.#at = end;
  }

  #varint(value: number): void {
    const slab = this.#slab;
    let rest = value;
    while (rest >= TWO_32) {
      slab[this.#at] = (rest % 128) | 128;
      this.#at += 1;
      rest = Math.floor(rest / 128);
    }
    let low = rest >>> 0;
    while (low > 127) {
      slab[this.#at] = (low & 127) | 128;
      this.#at += 1;
      low >>>= 7;
    }
    slab[this.#at] = low;
    this.#at += 1;
  }

  #varint64(bits: bigint): void {
    let rest = bits;
    for (; rest > 127n; rest >>= 7n) {
      this.#slab[this.#at] = Number(rest & 127n) | 128;
      this.#at += 1;
    }
    this.#slab[this.#at] = Number(rest);
    this.#at += 1;
  }

  /** Goes on in a new slab when the present one has no room, and takes along what was written of the message. */
  #reserve(count: number): void {
    if (this.#at + count <= this.#slab.length) return;
    const written = this.#at - this.#start;
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (written + count)));
    this.#slab.copy(slab, 0, this.#start, this.#at);
    this.#slab = slab;
    this.#start = 0;
    this.#at = written;
  }
}

/** How many bytes a whole number takes. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}
