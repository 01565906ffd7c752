/**
 * Protobuf by hand, the other direction. Reads one message or part of one; whatever does not add up throws
 * MalformedMessage, and whatever field is not known is skipped.
 */
import { DELIMITED, FIXED64, VARINT } from './byte-writer.js';
import { copyOf } from './bytes.js';

export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

const TWO_32 = 2 ** 32;
const FIXED32 = 5;

export class ByteReader {
  readonly buffer: Buffer;
  at: number;
  /** Where the message ends that is being read. */
  end: number;

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.end = bytes.length;
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  /** Field number times eight, plus how the field is written. */
  tag(): number {
    return this.number();
  }

  /** A whole number; anything that is no safe integer is malformed. */
  number(): number {
    const { buffer } = this;
    let byte = this.#byte(buffer);
    if (byte < 128) return byte;
    let value = byte & 127;
    for (let factor = 128; ; factor *= 128) {
      byte = this.#byte(buffer);
      value += (byte & 127) * factor;
      if (byte < 128) break;
      if (factor > TWO_32 * TWO_32) throw new MalformedMessage('a number of more than ten bytes');
    }
    if (value > Number.MAX_SAFE_INTEGER) throw new MalformedMessage('a number above 2^53');
    return value;
  }

  /** A number of 64 bits, with its sign. */
  bigint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte(this.buffer);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
    throw new MalformedMessage('a number of more than ten bytes');
  }

  boolean(): boolean {
    return this.bigint() !== 0n;
  }

  /** Enters a message inside the message; pass what is returned to `leave`. */
  enter(): number {
    const length = this.number();
    const outerEnd = this.end;
    if (this.at + length > outerEnd) throw new MalformedMessage('a field beyond the end of its message');
    this.end = this.at + length;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.at = this.end;
    this.end = outerEnd;
  }

  /** Bytes of the caller's own. */
  bytes(): Uint8Array {
    const to = this.#delimitedEnd();
    const copy = copyOf(this.buffer, this.at, to);
    this.at = to;
    return copy;
  }

  text(): string {
    const to = this.#delimitedEnd();
    const text = this.buffer.toString('utf8', this.at, to);
    this.at = to;
    return text;
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case VARINT:
        while (this.#byte(this.buffer) > 127);
        return;
      case FIXED64:
        this.at += 8;
        break;
      case DELIMITED:
        this.at = this.#delimitedEnd();
        return;
      case FIXED32:
        this.at += 4;
        break;
      default:
        throw new MalformedMessage(`a field written in way ${tag & 7}`);
    }
    if (this.at > this.end) throw new MalformedMessage('a field beyond the end of its message');
  }

  #byte(buffer: Buffer): number {
    if (this.at >= this.end) throw new MalformedMessage('the message ends too early');
    const byte = buffer[this.at];
    this.at += 1;
    return byte as number;
  }

  #delimitedEnd(): number {
    const to = this.number() + this.at;
    if (to > this.end) throw new MalformedMessage('a field beyond the end of its message');
    return to;
  }
}
