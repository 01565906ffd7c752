/**
 * Writes protobuf by hand, for the few messages that are written with every request: generated code pays a bigint for
 * each number, a Buffer for each byte string and an ArrayBuffer for each message. Here many results share one piece of
 * memory, which lives as long as any of them: what lives longer than the rest gets a writer of its own.
 */
import { InvariantError, assert } from './assert.js';
import type { ByteString } from './bytes.js';

const SHARED_BYTES = 64 * 1024;
/** What may be larger gets memory of its own, so that little of the shared one is left over. */
const SHARED_PIECE_BYTES_MAX = 4 * 1024;

const eight = new DataView(new ArrayBuffer(8));

export class WireWriter {
  /** One 64-bit number, to be read as two of 32: arithmetic with bigints is slow. */
  readonly #halves = new DataView(new ArrayBuffer(8));
  #shared = Buffer.alloc(0);
  /** Where the next piece in it begins. */
  #sharedStart = 0;
  /** Where the current piece stands. */
  #bytes = this.#shared;
  #start = 0;
  #position = 0;
  #limit = 0;

  /** Opens a piece of at most `bytesMax`. Whatever was written and not taken is forgotten. */
  begin(bytesMax: number): void {
    if (bytesMax > SHARED_PIECE_BYTES_MAX) {
      this.#bytes = Buffer.allocUnsafeSlow(bytesMax);
      this.#start = 0;
    } else {
      if (this.#shared.length - this.#sharedStart < bytesMax) {
        this.#shared = Buffer.allocUnsafeSlow(SHARED_BYTES);
        this.#sharedStart = 0;
      }
      this.#bytes = this.#shared;
      this.#start = this.#sharedStart;
    }
    this.#position = this.#start;
    this.#limit = this.#start + bytesMax;
  }

  /** What was written since `begin` or the last `take`. It belongs to the caller. */
  take(): Buffer {
    assert(this.#position <= this.#limit, 'a piece is longer than was said');
    const piece = this.#bytes.subarray(this.#start, this.#position);
    this.#start = this.#position;
    if (this.#bytes === this.#shared) this.#sharedStart = this.#position;
    return piece;
  }

  byte(value: number): void {
    this.#bytes[this.#position] = value;
    this.#position += 1;
  }

  /** A safe integer that is not negative. */
  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new InvariantError('no number for the wire', { value });
    const bytes = this.#bytes;
    let position = this.#position;
    let rest = value;
    for (; rest >= 0x8000_0000; rest = Math.floor(rest / 0x80)) {
      bytes[position] = (rest & 0x7f) | 0x80;
      position += 1;
    }
    for (; rest >= 0x80; rest >>>= 7) {
      bytes[position] = (rest & 0x7f) | 0x80;
      position += 1;
    }
    bytes[position] = rest;
    this.#position = position + 1;
  }

  /** 64 bits, in two's complement when it is negative. */
  varint64(value: bigint): void {
    this.#halves.setBigInt64(0, value);
    let high = this.#halves.getUint32(0);
    let low = this.#halves.getUint32(4);
    for (; high > 0; high >>>= 7) {
      this.byte((low & 0x7f) | 0x80);
      low = ((low >>> 7) | (high << 25)) >>> 0;
    }
    for (; low >= 0x80; low >>>= 7) this.byte((low & 0x7f) | 0x80);
    this.byte(low);
  }

  fixed64(value: bigint): void {
    // Buffer takes it apart into bigints of its own.
    eight.setBigUint64(0, value, true);
    for (let at = 0; at < 8; at += 1) this.byte(eight.getUint8(at));
  }

  uint32BE(value: number): void {
    this.#position = this.#bytes.writeUInt32BE(value, this.#position);
  }

  /** A safe integer that is not negative. */
  uint64BE(value: number): void {
    this.uint32BE(Math.floor(value / 0x1_0000_0000));
    this.uint32BE(value >>> 0);
  }

  /** Without their length. */
  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#position);
    this.#position += bytes.length;
  }

  // Fields. A tag is a single byte: field number times 8, plus the wire type.

  varintField(tag: number, value: number): void {
    this.byte(tag);
    this.varint(value);
  }

  bytesField(tag: number, bytes: Uint8Array): void {
    this.varintField(tag, bytes.length);
    this.raw(bytes);
  }

  byteStringField(tag: number, text: ByteString): void {
    this.varintField(tag, text.length);
    this.#position += this.#bytes.write(text, this.#position, 'latin1');
  }
}

/** How many bytes WireWriter.varint writes. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let size = 5;
  for (let rest = value / 0x8_0000_0000; rest >= 1; rest /= 0x80) size += 1;
  return size;
}

/** Of a field with its tag; protobuf leaves zeros out. */
export function varintFieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

/** Of a field with its tag and its length; protobuf leaves empty ones out. */
export function bytesFieldSize(length: number): number {
  return length === 0 ? 0 : 1 + varintSize(length) + length;
}
