/** Which watchers a key concerns: O(1) for those of the key alone, O(log n) for each range that holds it. */
import type { ByteString } from '../lib/bytes.js';
import { IntervalTree, NO_END } from './interval-tree.js';
import type { WatchSpec } from './watch-output.js';

export class WatchIndex<W extends { readonly spec: Pick<WatchSpec, 'key' | 'rangeEnd'> }> {
  readonly #keys = new Map<ByteString, Set<W>>();
  readonly #ranges = new IntervalTree<W>();

  add(watcher: W): void {
    const { key, rangeEnd } = watcher.spec;
    if (rangeEnd !== '') {
      this.#ranges.add(key, endOf(rangeEnd), watcher);
      return;
    }
    const watchers = this.#keys.get(key);
    if (watchers === undefined) this.#keys.set(key, new Set([watcher]));
    else watchers.add(watcher);
  }

  remove(watcher: W): void {
    const { key, rangeEnd } = watcher.spec;
    if (rangeEnd !== '') {
      this.#ranges.remove(key, endOf(rangeEnd), watcher);
      return;
    }
    const watchers = this.#keys.get(key);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#keys.delete(key);
  }

  /** `visit` must not add or remove. */
  forEachOf(key: ByteString, visit: (watcher: W) => void): void {
    const watchers = this.#keys.get(key);
    if (watchers !== undefined) for (const watcher of watchers) visit(watcher);
    this.#ranges.forEachAt(key, visit);
  }

  /** For tests: nothing is left of what was removed. */
  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#ranges.size === 0;
  }
}

function endOf(rangeEnd: ByteString): string {
  return rangeEnd === '\0' ? NO_END : rangeEnd;
}
