/**
 * Reads what a bench must know of a WatchResponse, and nothing else: no object is made for an event, no value is copied.
 * A reader that decoded everything would be the slowest part of what is measured.
 */

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Fields of WatchResponse, Event and KeyValue. */
const fields = { watchId: 2, created: 3, canceled: 4, events: 11, kv: 2, modRevision: 3 } as const;

/** Holds the latest message; its revisions follow each other without a gap, else read() throws. */
export class WatchScan {
  watchId = 0;
  isCreated = false;
  isCanceled = false;
  events = 0;
  /** Of the first event; 0 when there is none. */
  firstRevision = 0;
  lastRevision = 0;
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;

  /** The message stands in `bytes` from `start` to `end`. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.watchId = 0;
    this.isCreated = false;
    this.isCanceled = false;
    this.events = 0;
    this.firstRevision = 0;
    this.lastRevision = 0;
    this.#bytes = bytes;
    this.#at = start;
    while (this.#at < end) {
      const tag = this.#varint();
      switch (tag >>> 3) {
        case fields.watchId:
          this.watchId = this.#varint();
          break;
        case fields.created:
          this.isCreated = this.#varint() === 1;
          break;
        case fields.canceled:
          this.isCanceled = this.#varint() === 1;
          break;
        case fields.events:
          this.#add(this.#revisionInEvent());
          break;
        default:
          this.#skip(tag);
      }
    }
    if (this.#at !== end) throw new Error('a message that ends in the middle of a field');
  }

  #add(revision: number): void {
    if (this.events > 0 && revision !== this.lastRevision + 1) {
      throw new Error(`revision ${revision} after ${this.lastRevision} in one message`);
    }
    if (this.events === 0) this.firstRevision = revision;
    this.lastRevision = revision;
    this.events += 1;
  }

  #revisionInEvent(): number {
    const length = this.#varint();
    const end = this.#at + length;
    let revision = 0;
    while (this.#at < end) {
      const tag = this.#varint();
      if (tag >>> 3 === fields.kv) revision = this.#revisionInKeyValue();
      else this.#skip(tag);
    }
    return revision;
  }

  #revisionInKeyValue(): number {
    const length = this.#varint();
    const end = this.#at + length;
    let revision = 0;
    while (this.#at < end) {
      const tag = this.#varint();
      if (tag >>> 3 === fields.modRevision) revision = this.#varint();
      else this.#skip(tag);
    }
    return revision;
  }

  #skip(tag: number): void {
    switch (tag & 7) {
      case VARINT:
        this.#varint();
        return;
      case FIXED64:
        this.#at += 8;
        return;
      case LENGTH_DELIMITED: {
        const length = this.#varint();
        this.#at += length;
        return;
      }
      case FIXED32:
        this.#at += 4;
        return;
      default:
        throw new Error(`wire type ${tag & 7}`);
    }
  }

  /** Exact up to 2^53: ids, which may be larger, are only skipped. */
  #varint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new Error('a message that ends in the middle of a number');
      this.#at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  }
}
