/**
 * The hash over the kept history up to a revision, fed with the records on disk. It is a function of (revision,
 * compactedRevision) alone: what compaction drops does not count, whether this member has removed it yet or not.
 */
import { assert } from '../../lib/assert.js';
import { Crc32 } from './crc32.js';
import type { Pin } from './pins.js';
import type { RevisionRecord } from './revision.js';
import type { Store } from './store.js';

export class HashCursor {
  /** The revision that is hashed: the current one if none was asked for. */
  readonly revision: number;
  /** As it was when the hash was opened; -1 when never compacted. */
  readonly compactedRevision: number;
  readonly #store: Store;
  readonly #crc = new Crc32();
  /** Which records compaction keeps is asked of the histories in memory, so they must not be thinned any further. */
  readonly #pin: Pin;
  #lastMain = 0;
  #lastSub = -1;

  constructor(store: Store, revision: number) {
    this.revision = revision;
    this.compactedRevision = store.compactedRevision;
    this.#store = store;
    this.#pin = store.pins.pin(store.compactedRevision);
  }

  /** Every record on disk up to `revision`, ascending, as it was at some moment since the hash was opened. */
  add({ revision, tombstone, kv }: RevisionRecord): void {
    const { main, sub } = revision;
    const isNext = main > this.#lastMain || (main === this.#lastMain && sub > this.#lastSub);
    assert(isNext, 'records out of order', { main, sub });
    assert(main <= this.revision, 'a record beyond the hashed revision', { main, revision: this.revision });
    this.#lastMain = main;
    this.#lastSub = sub;
    if (this.#store.keys.get(kv.key)?.keeps(revision, this.compactedRevision) !== true) return;
    this.#crc.integer(main);
    this.#crc.integer(sub);
    this.#string(kv.key);
    this.#crc.integer(tombstone ? 0 : kv.version);
    if (tombstone) return;
    this.#crc.integer(kv.createRevision);
    this.#crc.bigint(kv.lease);
    this.#string(kv.value);
  }

  /** CRC-32, unsigned. Closes. */
  result(): number {
    this.close();
    return this.#crc.value;
  }

  /** Idempotent. Required when a hash is abandoned. */
  close(): void {
    this.#pin.release();
  }

  #string(text: string): void {
    this.#crc.integer(text.length);
    this.#crc.bytes(text);
  }
}
