/**
 * The leases that exist, and which keys hang on each. It knows no time: how long a lease has still to live is counted
 * by the leader, and only what that leader put into the log, a remaining time, is known here. Only apply may write.
 *
 * Invariant: every live key with a lease is attached to it here, and to no other; every attachment is to a lease that
 * exists.
 */
import { assert } from '../../lib/assert.js';
import { type ByteString, compareByteStrings } from '../../lib/bytes.js';
import { REQUEST_WRITE_BYTES_MAX, REQUEST_WRITES_MAX } from '../mvcc/write-limits.js';
import { type Refusal, refuse } from '../refusal.js';
import type { LeaseInfo } from '../result.js';

/**
 * What may hang on one lease. Its end deletes all of it in one revision, which is one atomic batch: so a lease never
 * holds more than one request may write.
 */
export const LEASE_KEYS_MAX = REQUEST_WRITES_MAX;
export const LEASE_KEY_BYTES_MAX = REQUEST_WRITE_BYTES_MAX;

interface Attached {
  readonly keys: Set<ByteString>;
  bytes: number;
}

/** What others than apply may do with it. */
export type LeaseView = Pick<LeaseTable, 'size' | 'get' | 'keyCount' | 'keysOf' | 'all'>;

export class LeaseTable {
  readonly #leases = new Map<bigint, LeaseInfo>();
  /** Of leases with keys only: most leases of many have one key or none. */
  readonly #attached = new Map<bigint, Attached>();

  get size(): number {
    return this.#leases.size;
  }

  get(id: bigint): LeaseInfo | undefined {
    return this.#leases.get(id);
  }

  /** In the order in which they came to be. The iterator goes on over leases that come and go meanwhile. */
  all(): IterableIterator<LeaseInfo> {
    return this.#leases.values();
  }

  keyCount(id: bigint): number {
    return this.#attached.get(id)?.keys.size ?? 0;
  }

  /** In byte order. */
  keysOf(id: bigint): readonly ByteString[] {
    return [...(this.#attached.get(id)?.keys ?? [])].sort(compareByteStrings);
  }

  /** A new lease, or a known one with another remaining time. */
  set(lease: LeaseInfo): void {
    this.#leases.set(lease.id, lease);
  }

  /** Its keys have to be deleted before. */
  remove(id: bigint): void {
    assert(!this.#attached.has(id), 'a lease ends while keys hang on it', { id });
    this.#leases.delete(id);
  }

  /** `from` and `to`: 0n for no lease. */
  move(key: ByteString, from: bigint, to: bigint): void {
    if (from === to) return;
    if (from !== 0n) this.#detach(key, from);
    if (to !== 0n) this.#attach(key, to);
  }

  /** An end for the rebuild: what it attached before it knew the leases must hang on leases that exist. */
  assertComplete(): void {
    for (const id of this.#attached.keys()) assert(this.#leases.has(id), 'a key hangs on a lease that is not', { id });
  }

  /** Whether `keys` more, of `bytes` together, may hang on the lease. */
  checkRoom(id: bigint, keys: number, bytes: number): Refusal | undefined {
    const attached = this.#attached.get(id);
    if ((attached?.keys.size ?? 0) + keys > LEASE_KEYS_MAX) {
      return refuse('LEASE_TOO_LARGE', `more than ${LEASE_KEYS_MAX} keys on lease ${id}`);
    }
    if ((attached?.bytes ?? 0) + bytes <= LEASE_KEY_BYTES_MAX) return undefined;
    return refuse('LEASE_TOO_LARGE', `more than ${LEASE_KEY_BYTES_MAX} bytes of keys on lease ${id}`);
  }

  #attach(key: ByteString, id: bigint): void {
    const attached = this.#attached.get(id);
    if (attached === undefined) {
      this.#attached.set(id, { keys: new Set([key]), bytes: key.length });
      return;
    }
    attached.keys.add(key);
    attached.bytes += key.length;
  }

  #detach(key: ByteString, id: bigint): void {
    const attached = this.#attached.get(id);
    const wasThere = attached?.keys.delete(key) === true;
    assert(wasThere, 'a key leaves a lease that it did not hang on', { id });
    attached.bytes -= key.length;
    if (attached.keys.size === 0) this.#attached.delete(id);
  }
}
