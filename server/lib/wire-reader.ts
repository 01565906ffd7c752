/**
 * Reads protobuf by hand, in the order in which a WireWriter writes it. Bytes that are anything else make it lost: from
 * then on it reads nothing, and whoever asked leaves the message to the generated code.
 */
import type { ByteString } from './bytes.js';

const NOTHING = Buffer.alloc(0);
const eight = new DataView(new ArrayBuffer(8));

export class WireReader {
  readonly #bytes: Buffer;
  #position = 0;
  #isLost = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether it stands at `end`, and was never lost. */
  isAt(end: number): boolean {
    return this.#position === end && !this.#isLost;
  }

  /** Whether the field with this tag, a single byte, comes next. Then its value does. */
  has(tag: number): boolean {
    if (this.#bytes[this.#position] !== tag) return false;
    this.#position += 1;
    return true;
  }

  /** As `has`, for a field that must be there. */
  expect(tag: number): void {
    if (!this.has(tag)) this.#lose();
  }

  /** A safe integer. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= Number.MAX_SAFE_INTEGER; scale *= 0x80) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined) break;
      this.#position += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : this.#lose();
    }
    return this.#lose();
  }

  /** 64 bits, in two's complement when it is negative. */
  varint64(): bigint {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined) break;
      this.#position += 1;
      // Of the tenth byte one bit counts.
      if (shift === 63 && byte > 1) break;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift > 28) high |= bits << (shift - 32);
      else if (shift === 28) high = bits >>> 4;
      if (byte < 0x80) return (BigInt(high) << 32n) | BigInt(low >>> 0);
    }
    return BigInt(this.#lose());
  }

  fixed64(): bigint {
    const start = this.#pass(8);
    if (this.#isLost) return 0n;
    // Buffer puts it together from bigints of its own.
    for (let at = 0; at < 8; at += 1) eight.setUint8(at, this.#bytes[start + at] ?? 0);
    return eight.getBigUint64(0, true);
  }

  /** Where the message that comes next ends. */
  end(): number {
    const length = this.varint();
    return this.#position + length;
  }

  /** A view. */
  bytes(): Buffer {
    const length = this.varint();
    const start = this.#pass(length);
    return this.#isLost ? NOTHING : this.#bytes.subarray(start, start + length);
  }

  byteString(): ByteString {
    const length = this.varint();
    const start = this.#pass(length);
    return this.#isLost ? '' : this.#bytes.toString('latin1', start, start + length);
  }

  #pass(length: number): number {
    const start = this.#position;
    if (length > this.#bytes.length - start) this.#lose();
    else this.#position = start + length;
    return start;
  }

  #lose(): 0 {
    this.#isLost = true;
    this.#position = this.#bytes.length;
    return 0;
  }
}
