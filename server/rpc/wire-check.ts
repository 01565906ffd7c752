/**
 * Whether bytes are protobuf at all. The generated decoders are lenient: they take a stray end-group tag for the end of
 * a message, skip field number 0, and cut lengths to 32 bits. A request that is wrong in such a way is refused as a
 * whole, as etcd does; otherwise its readable part would be carried out.
 */

/** Which fields of a message are messages themselves. */
export interface MessageShape {
  readonly [field: number]: MessageShape;
}

/** A message without messages inside. */
export const FLAT: MessageShape = {};

/** Undefined when `bytes` are well-formed. Call it after decoding, which has bounded the depth. */
export function wireFault(bytes: Uint8Array, shape: MessageShape): string | undefined {
  try {
    new WireWalk(bytes).message(bytes.length, shape);
    return undefined;
  } catch (error) {
    if (error instanceof WireFault) return error.message;
    throw error;
  }
}

class WireFault extends Error {}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;
/** 64 bits, 7 in each byte; the last one holds a single bit. */
const VARINT_BYTES_MAX = 10;
const FIELD_MAX = 2 ** 29 - 1;

class WireWalk {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  message(end: number, shape: MessageShape): void {
    const openGroups: number[] = [];
    while (this.#position < end) {
      const tag = this.#varint(end);
      const field = Math.floor(tag / 8);
      if (field < 1 || field > FIELD_MAX) throw new WireFault(`illegal tag ${field}`);
      this.#value(tag % 8, field, end, openGroups, shape);
    }
    if (openGroups.length > 0) throw new WireFault('unexpected EOF');
  }

  #value(wireType: number, field: number, end: number, openGroups: number[], shape: MessageShape): void {
    switch (wireType) {
      case VARINT:
        this.#varint(end);
        return;
      case FIXED64:
        this.#skip(8, end);
        return;
      case LENGTH_DELIMITED:
        this.#delimited(end, openGroups.length === 0 ? shape[field] : undefined);
        return;
      case START_GROUP:
        openGroups.push(field);
        return;
      case END_GROUP:
        if (openGroups.pop() !== field) throw new WireFault(`unexpected end of group ${field}`);
        return;
      case FIXED32:
        this.#skip(4, end);
        return;
      default:
        throw new WireFault(`illegal wireType ${wireType}`);
    }
  }

  #delimited(end: number, inner: MessageShape | undefined): void {
    const length = this.#varint(end);
    const innerEnd = this.#position + length;
    if (innerEnd > end) throw new WireFault('unexpected EOF');
    if (inner === undefined) this.#position = innerEnd;
    else this.message(innerEnd, inner);
  }

  #skip(count: number, end: number): void {
    this.#position += count;
    if (this.#position > end) throw new WireFault('unexpected EOF');
  }

  /** Exact up to 2^53, and larger beyond: enough to tell that a tag or a length is out of range. */
  #varint(end: number): number {
    let value = 0;
    let scale = 1;
    for (let count = 1; count <= VARINT_BYTES_MAX; count += 1) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined || this.#position >= end) throw new WireFault('unexpected EOF');
      this.#position += 1;
      value += (byte % 128) * scale;
      scale *= 128;
      if (byte < 128) {
        if (count === VARINT_BYTES_MAX && byte > 1) throw new WireFault('integer overflow');
        return value;
      }
    }
    throw new WireFault('integer overflow');
  }
}
