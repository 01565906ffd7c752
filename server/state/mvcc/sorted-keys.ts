/**
 * A map from keys to values in byte order: an array of chunks, each a small sorted array.
 *
 *   bounds:  [ 'a', 'k', 't' ]            bounds[i] <= every key of chunk i, > every key of chunk i-1
 *   chunks:  [ a b e | k m p r | t z ]    bounds[0] is not looked at: chunk 0 takes whatever is lower
 *
 * Iteration is by slices: a scan tells the key to go on from, and that key stays good whatever is inserted or deleted
 * in between.
 */
import type { ByteString } from '../../lib/bytes.js';

/** Moving half of so many slots on an insert costs less than the search that found the place. */
const CHUNK_KEYS_MAX = 512;
/** Below it a chunk joins a neighbour, if both fit into one. */
const CHUNK_KEYS_MIN = CHUNK_KEYS_MAX / 8;

interface Chunk<V> {
  readonly keys: ByteString[];
  readonly values: V[];
}

export class SortedKeys<V> {
  #bounds: ByteString[] = [];
  #chunks: Chunk<V>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: ByteString): V | undefined {
    const chunk = this.#chunks[this.#chunkFor(key)];
    if (chunk === undefined) return undefined;
    const at = lowerBound(chunk.keys, key);
    return chunk.keys[at] === key ? chunk.values[at] : undefined;
  }

  /** Inserts, or replaces the value of a key that is there. */
  set(key: ByteString, value: V): void {
    const index = this.#chunkFor(key);
    const chunk = this.#chunks[index];
    if (chunk === undefined) {
      this.#insertChunk(0, { keys: [key], values: [value] });
      this.#size = 1;
      return;
    }
    const at = lowerBound(chunk.keys, key);
    if (chunk.keys[at] === key) {
      chunk.values[at] = value;
      return;
    }
    chunk.keys.splice(at, 0, key);
    chunk.values.splice(at, 0, value);
    this.#size += 1;
    if (chunk.keys.length > CHUNK_KEYS_MAX) this.#split(index, chunk, at);
  }

  /** False when the key is not there. */
  delete(key: ByteString): boolean {
    const index = this.#chunkFor(key);
    const chunk = this.#chunks[index];
    if (chunk === undefined) return false;
    const at = lowerBound(chunk.keys, key);
    if (chunk.keys[at] !== key) return false;
    chunk.keys.splice(at, 1);
    chunk.values.splice(at, 1);
    this.#size -= 1;
    if (chunk.keys.length < CHUNK_KEYS_MIN) this.#join(index);
    return true;
  }

  /**
   * Visits up to `max` entries with from <= key, and key < end unless `end` is undefined, in order. Returns the first
   * key that it left for the next slice; undefined when the range is exhausted, or when `visit` had enough and
   * returned false. `visit` must not insert or delete.
   */
  scan(
    from: ByteString,
    end: ByteString | undefined,
    max: number,
    visit: (value: V, key: ByteString) => boolean,
  ): ByteString | undefined {
    let index = this.#chunkFor(from);
    let at = lowerBound(this.#chunks[index]?.keys ?? [], from);
    let left = max;
    for (let chunk = this.#chunks[index]; chunk !== undefined; index += 1, chunk = this.#chunks[index], at = 0) {
      const { keys, values } = chunk;
      for (; at < keys.length; at += 1) {
        const key = keys[at];
        const value = values[at];
        if (key === undefined || value === undefined || (end !== undefined && key >= end)) return undefined;
        if (left === 0) return key;
        left -= 1;
        if (!visit(value, key)) return undefined;
      }
    }
    return undefined;
  }

  /** The only chunk that may hold `key`. */
  #chunkFor(key: ByteString): number {
    let low = 1;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#bounds[middle] ?? '') <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #split(index: number, chunk: Chunk<V>, insertedAt: number): void {
    // Keys that arrive in order would leave half-empty chunks behind: an insert at the end takes a chunk of its own.
    const middle = insertedAt === CHUNK_KEYS_MAX ? CHUNK_KEYS_MAX : CHUNK_KEYS_MAX >>> 1;
    this.#insertChunk(index + 1, { keys: chunk.keys.splice(middle), values: chunk.values.splice(middle) });
  }

  #insertChunk(index: number, chunk: Chunk<V>): void {
    this.#chunks.splice(index, 0, chunk);
    this.#bounds.splice(index, 0, chunk.keys[0] ?? '');
  }

  #join(index: number): void {
    const left = index === 0 ? 0 : index - 1;
    const into = this.#chunks[left];
    const from = this.#chunks[left + 1];
    if (into !== undefined && from !== undefined) {
      if (into.keys.length + from.keys.length > CHUNK_KEYS_MAX) return;
      into.keys.push(...from.keys);
      into.values.push(...from.values);
      this.#chunks.splice(left + 1, 1);
      this.#bounds.splice(left + 1, 1);
    } else if (this.#size === 0) {
      this.#chunks = [];
      this.#bounds = [];
    }
  }
}

/** The place of the first key >= `key`. */
function lowerBound(keys: readonly ByteString[], key: ByteString): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
