/**
 * The physical half of compaction: takes out of memory and disk what no read can reach any more, a few keys at a time,
 * and never what a pinned read needs. Members do it each at its own pace; no answer and no hash tells them apart.
 */
import { assert } from '../../lib/assert.js';
import type { ByteString } from '../../lib/bytes.js';
import type { StateWrite } from '../result.js';
import { STRIDE } from './key-history.js';
import { NEVER_COMPACTED } from './revision.js';
import type { Store } from './store.js';

export interface CompactionSlice {
  /**
   * They belong on disk in this order, slice after slice: the older revisions of a key come first, so that no part of
   * it can bring a deleted key back.
   */
  readonly writes: readonly StateWrite[];
  /** Nothing is left of what the compactions so far made unreachable; with pins held it takes another call later. */
  readonly done: boolean;
}

export class Compaction {
  readonly #store: Store;
  /** A rebuilt member does not know how far it came before, and goes through all keys once more. */
  #removedTo = NEVER_COMPACTED;
  #pass: Pass | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** What the compactions up to this revision made unreachable is gone from memory, and every removal was told. */
  get removedTo(): number {
    return this.#removedTo;
  }

  /** History before this revision may have gaps already. */
  get thinnedTo(): number {
    return this.#pass?.bound ?? this.#removedTo;
  }

  /** Whether a step would get anywhere now. False while pins hold it up. */
  get hasWork(): boolean {
    return this.#pass !== undefined || this.#store.removableTo > this.#removedTo;
  }

  /** Goes through up to `max` keys, or tells up to `max` removals. */
  step(max: number): CompactionSlice {
    assert(max >= 1, 'a slice without keys', { max });
    if (this.#pass === undefined && this.hasWork) this.#pass = new Pass(this.#store, this.#store.removableTo);
    const writes = this.#pass?.step(max) ?? [];
    if (this.#pass?.isDone === true) {
      this.#removedTo = this.#pass.bound;
      this.#pass = undefined;
    }
    return { writes, done: this.#pass === undefined && this.#removedTo >= this.#store.compactedRevision };
  }
}

/** One walk over all keys. */
class Pass {
  readonly bound: number;
  readonly #store: Store;
  /** Undefined once all keys were walked. */
  #nextKey: ByteString | undefined = '';
  /** Gone from memory and not yet told: a flat list as KeyHistory.compact makes it for each key. */
  #untold: (readonly number[])[] = [];
  #toldOfFirst = 0;

  constructor(store: Store, bound: number) {
    this.#store = store;
    this.bound = bound;
  }

  get isDone(): boolean {
    return this.#nextKey === undefined && this.#untold.length === 0;
  }

  step(max: number): readonly StateWrite[] {
    if (this.#untold.length === 0 && this.#nextKey !== undefined) this.#walk(this.#nextKey, max);
    return this.#tell(max);
  }

  #walk(from: ByteString, max: number): void {
    const dead: ByteString[] = [];
    this.#nextKey = this.#store.keys.scan(from, undefined, max, (history, key) => {
      const gone = history.compact(this.bound);
      if (gone.length > 0) this.#untold.push(gone);
      if (history.isGone(this.bound)) dead.push(key);
      return true;
    });
    for (const key of dead) this.#store.keys.delete(key);
  }

  #tell(max: number): readonly StateWrite[] {
    const writes: StateWrite[] = [];
    let finished = 0;
    for (const gone of this.#untold) {
      while (this.#toldOfFirst < gone.length && writes.length < max) {
        const [main = 0, sub = 0] = gone.slice(this.#toldOfFirst, this.#toldOfFirst + STRIDE);
        writes.push({ kind: 'deleteRevision', revision: { main, sub } });
        this.#toldOfFirst += STRIDE;
      }
      if (this.#toldOfFirst < gone.length) break;
      this.#toldOfFirst = 0;
      finished += 1;
    }
    this.#untold.splice(0, finished);
    return writes;
  }
}
