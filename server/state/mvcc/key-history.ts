/**
 * One key's life. The newest version is in memory as a whole; of older ones only what is needed to find, filter and
 * sort them. A key with a single version costs this object and its KeyValue.
 *
 *   put@4  put@6  delete@7  put@9       older:  [4,0,1,  6,0,2,  7,0,0]     latest: put@9, version 1
 *
 * Each older version is three numbers: main, sub, version; version 0 is a tombstone. Versions count up by one from
 * the put that created the key, so that put stands (version - 1) entries before; where compaction has taken it,
 * #firstCreated remembers its revision.
 */
import type { ByteString } from '../../lib/bytes.js';
import type { KeyValue, Revision } from '../result.js';
import { isVisibleAt } from './revision.js';

/** A version whose value and lease are on disk only. */
export interface PastVersion {
  readonly key: ByteString;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly sub: number;
}

export type SelectedVersion = KeyValue | PastVersion;

export function isInMemory(selected: SelectedVersion): selected is KeyValue {
  return 'value' in selected;
}

/** Numbers for each older version. */
export const STRIDE = 3;

export class KeyHistory {
  #latest: KeyValue;
  #sub: number;
  #older: number[] | undefined;
  /** The createRevision of the first entry of #older. */
  #firstCreated = 0;

  constructor(latest: KeyValue, sub: number) {
    this.#latest = latest;
    this.#sub = sub;
  }

  get key(): ByteString {
    return this.#latest.key;
  }

  /** Undefined while the key is deleted. */
  get live(): KeyValue | undefined {
    return this.#latest.version === 0 ? undefined : this.#latest;
  }

  /** `kv.version` is 0 for a tombstone. Invariant: revisions only rise. */
  append(kv: KeyValue, sub: number): void {
    const { modRevision, version, createRevision } = this.#latest;
    if (this.#older === undefined) {
      this.#older = [modRevision, this.#sub, version];
      this.#firstCreated = createRevision;
    } else {
      this.#older.push(modRevision, this.#sub, version);
    }
    this.#latest = kv;
    this.#sub = sub;
  }

  /** What a read at `at` sees; undefined when the key does not exist there. */
  at(at: Revision): SelectedVersion | undefined {
    if (isVisibleAt(at, this.#latest.modRevision, this.#sub)) return this.live;
    const entry = this.#countUntil((main, sub) => isVisibleAt(at, main, sub)) - 1;
    const version = this.#number(entry, 2);
    if (entry < 0 || version === 0) return undefined;
    return {
      key: this.key,
      createRevision: this.#createdAt(entry),
      modRevision: this.#number(entry, 0),
      version,
      sub: this.#number(entry, 1),
    };
  }

  /**
   * Whether the compaction rule keeps the write (main, sub) of this key: every write at or after `bound` stays, and of
   * those before it the newest, unless it is a tombstone or `bound` itself has a write of the key. A delete at exactly
   * `bound` stays until the next compaction, so that a watch from there misses nothing.
   */
  keeps({ main, sub }: Revision, bound: number): boolean {
    if (main >= bound) return true;
    const first = this.#firstKept(bound);
    return first <= this.#olderCount && this.#mainOf(first) === main && this.#subOf(first) === sub;
  }

  /**
   * Forgets what the compaction rule does not keep. Returns it as a flat list like #older, oldest first: a hot key may
   * lose a million versions at once, and whoever writes that down does it in slices.
   */
  compact(bound: number): readonly number[] {
    const kept = this.#firstKept(bound);
    if (kept === 0) return [];
    const older = this.#older ?? [];
    const gone = older.slice(0, kept * STRIDE);
    if (kept > this.#olderCount) gone.push(this.#latest.modRevision, this.#sub, 0);
    this.#firstCreated = this.#createdAt(kept);
    this.#older = kept < this.#olderCount ? older.slice(kept * STRIDE) : undefined;
    return gone;
  }

  /** Whether compaction at `bound` would leave nothing: a tombstone before it is all that this key still is. */
  isGone(bound: number): boolean {
    return this.#latest.version === 0 && this.#latest.modRevision < bound;
  }

  get #olderCount(): number {
    return (this.#older?.length ?? 0) / STRIDE;
  }

  /** The first entry that the compaction rule keeps; entries count on through #older to the latest version. */
  #firstKept(bound: number): number {
    const isLatestBefore = this.#latest.modRevision < bound;
    const before = this.#countUntil((main) => main < bound) + (isLatestBefore ? 1 : 0);
    if (before === 0 || (before <= this.#olderCount && this.#mainOf(before) === bound)) return before;
    const newest = before - 1;
    const isTombstone = isLatestBefore ? this.#latest.version === 0 : this.#number(newest, 2) === 0;
    return isTombstone ? before : newest;
  }

  /** How many older versions satisfy `holds`, which must hold for a prefix of them. */
  #countUntil(holds: (main: number, sub: number) => boolean): number {
    let low = 0;
    let high = this.#olderCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.#number(middle, 0), this.#number(middle, 1))) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #createdAt(entry: number): number {
    const version = this.#number(entry, 2);
    if (version === 0) return 0;
    const creation = entry - (version - 1);
    return creation >= 0 ? this.#number(creation, 0) : this.#firstCreated;
  }

  #mainOf(entry: number): number {
    return entry < this.#olderCount ? this.#number(entry, 0) : this.#latest.modRevision;
  }

  #subOf(entry: number): number {
    return entry < this.#olderCount ? this.#number(entry, 1) : this.#sub;
  }

  #number(entry: number, field: 0 | 1 | 2): number {
    return this.#older?.[entry * STRIDE + field] ?? 0;
  }
}
