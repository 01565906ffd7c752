/**
 * How much one request hangs on each lease. Counted before anything is written, and without what the request itself
 * takes off again: close to the limit a request may be refused that would just have fitted, the same on every member.
 */
import type { PutCommand } from '../command.js';
import type { Store } from '../mvcc/store.js';
import type { Refusal } from '../refusal.js';

interface Load {
  keys: number;
  bytes: number;
}

export class LeaseRoom {
  readonly #store: Store;
  /** Made when there is something to count: hardly any put has a lease. */
  #loads: Map<bigint, Load> | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  add({ key, lease }: PutCommand): Refusal | undefined {
    if (lease === 0n || this.#store.live(key)?.lease === lease) return undefined;
    this.#loads ??= new Map();
    const load = this.#loads.get(lease) ?? { keys: 0, bytes: 0 };
    this.#loads.set(lease, load);
    load.keys += 1;
    load.bytes += key.length;
    return this.#store.leases.checkRoom(lease, load.keys, load.bytes);
  }
}
