/**
 * The multi-version store: every key with its history, the store revision, and how far history was compacted. It holds
 * the facts; RevisionWriter changes them, RangeCursor, Compaction and HashCursor read them. Only apply may write.
 */
import { assert } from '../../lib/assert.js';
import type { ByteString } from '../../lib/bytes.js';
import { GrantTable } from '../grant/grant-table.js';
import { LeaseTable } from '../lease/lease-table.js';
import { type Refusal, refuse } from '../refusal.js';
import type { KeyValue } from '../result.js';
import type { KeyHistory } from './key-history.js';
import { endOf, isSingleKey, type KeyRange } from './key-range.js';
import { Pins } from './pins.js';
import { FIRST_REVISION, NEVER_COMPACTED } from './revision.js';
import { SortedKeys } from './sorted-keys.js';

export interface StorePoint {
  readonly revision: number;
  /** -1 when never compacted. */
  readonly compactedRevision: number;
}

export class Store {
  /** Deleted keys included, until compaction takes their tombstones. */
  readonly keys = new SortedKeys<KeyHistory>();
  readonly pins = new Pins();
  readonly leases = new LeaseTable();
  readonly grants = new GrantTable();
  #revision: number;
  #compactedRevision: number;

  constructor(point: StorePoint = { revision: FIRST_REVISION, compactedRevision: NEVER_COMPACTED }) {
    const { revision, compactedRevision } = point;
    assert(revision >= FIRST_REVISION, 'a store starts at revision 1', { revision });
    assert(compactedRevision <= revision, 'compacted beyond the store revision', { compactedRevision, revision });
    this.#revision = revision;
    this.#compactedRevision = compactedRevision;
  }

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  /** Invariant: the revision rises by one for each request that writes. */
  advance(revision: number): void {
    assert(revision === this.#revision + 1, 'revision left out', { from: this.#revision, to: revision });
    this.#revision = revision;
  }

  live(key: ByteString): KeyValue | undefined {
    return this.keys.get(key)?.live;
  }

  /** Visits the keys of the range that exist now, in order, until `visit` returns false. */
  everyLive(range: KeyRange, visit: (kv: KeyValue, history: KeyHistory) => boolean): void {
    if (isSingleKey(range)) {
      const history = this.keys.get(range.key);
      if (history?.live !== undefined) visit(history.live, history);
      return;
    }
    this.keys.scan(range.key, endOf(range), Infinity, (history) => {
      const kv = history.live;
      return kv === undefined || visit(kv, history);
    });
  }

  /** The revision rules of a plain read: <= 0 is the current revision, the compacted one itself is still readable. */
  checkReadable(revision: number): Refusal | undefined {
    if (revision > this.#revision) return refuse('FUTURE_REVISION', `${revision}, the store is at ${this.#revision}`);
    return revision > 0 && revision < this.#compactedRevision ? this.#compacted(revision) : undefined;
  }

  /** The rules for a read inside a txn, which lack the exception for negative revisions. */
  checkReadableInTxn(revision: number): Refusal | undefined {
    if (revision < 0 && revision < this.#compactedRevision) return this.#compacted(revision);
    return this.checkReadable(revision);
  }

  /** Takes effect on reads at once; Compaction removes what it made unreachable. */
  compact(revision: number): Refusal | undefined {
    if (revision <= this.#compactedRevision) return this.#compacted(revision);
    if (revision > this.#revision) return refuse('FUTURE_REVISION', `${revision}, the store is at ${this.#revision}`);
    this.#compactedRevision = revision;
    return undefined;
  }

  /**
   * Until which revision history may be thinned now. One below the lowest pin, because a read inside a txn may stand
   * between two writes of its revision.
   */
  get removableTo(): number {
    return Math.min(this.#compactedRevision, this.pins.lowest() - 1);
  }

  #compacted(revision: number): Refusal {
    return refuse('COMPACTED', `${revision}, compacted up to ${this.#compactedRevision}`);
  }
}
