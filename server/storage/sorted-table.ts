/**
 * An ordered table of byte keys in memory: the whole state of a MemoryDisk. Stored buffers are copies and are never
 * changed, so clones share them.
 */
import { byteStringFrom, type ByteString } from '../lib/bytes.js';
import type { EngineOp } from './engine.js';

export class SortedTable {
  /** In byte order. */
  readonly #keys: ByteString[];
  readonly #values: Map<ByteString, Buffer>;
  #bytes: number;

  constructor(keys: ByteString[] = [], values: Map<ByteString, Buffer> = new Map(), bytes = 0) {
    this.#keys = keys;
    this.#values = values;
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  clone(): SortedTable {
    return new SortedTable([...this.#keys], new Map(this.#values), this.#bytes);
  }

  get(key: ByteString): Buffer | undefined {
    const value = this.#values.get(key);
    return value === undefined ? undefined : Buffer.from(value);
  }

  apply(batch: readonly EngineOp[]): void {
    for (const op of batch) {
      const key = byteStringFrom(op.key);
      if (op.type === 'put') this.#put(key, Buffer.from(op.value));
      else this.#delete(key);
    }
  }

  /** A copy of the range's pairs as they are now. */
  entries(gte: ByteString, lt: ByteString): readonly (readonly [ByteString, Buffer])[] {
    const pairs: (readonly [ByteString, Buffer])[] = [];
    for (let position = this.#lowerBound(gte); position < this.#keys.length; position += 1) {
      const key = this.#keys[position];
      if (key === undefined || key >= lt) break;
      const value = this.#values.get(key);
      if (value !== undefined) pairs.push([key, value]);
    }
    return pairs;
  }

  #put(key: ByteString, value: Buffer): void {
    const before = this.#values.get(key);
    if (before === undefined) this.#keys.splice(this.#lowerBound(key), 0, key);
    this.#bytes += before === undefined ? key.length + value.length : value.length - before.length;
    this.#values.set(key, value);
  }

  #delete(key: ByteString): void {
    const before = this.#values.get(key);
    if (before === undefined) return;
    this.#values.delete(key);
    this.#keys.splice(this.#lowerBound(key), 1);
    this.#bytes -= key.length + before.length;
  }

  /** Position of the first key that is not less than `key`. */
  #lowerBound(key: ByteString): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const candidate = this.#keys[middle];
      if (candidate !== undefined && candidate < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
