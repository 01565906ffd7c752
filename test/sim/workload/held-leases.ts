/** The leases that the clients of a run hold, all of them together, and the keys that they hung on them. May be stale. */
import type { Random } from '../../../server/lib/random.js';
import { chance, pick } from './draw.js';

export interface HeldLease {
  readonly id: string;
  readonly ttlMs: number;
  /** When its time last began anew, as far as its client knows. */
  sentMs: number;
}

const KEYS_REMEMBERED = 30;
const LOST_REMEMBERED = 10;

export class HeldLeases {
  readonly #held = new Map<string, HeldLease>();
  #lost: string[] = [];
  #keys: string[] = [];

  get size(): number {
    return this.#held.size;
  }

  has(lease: HeldLease): boolean {
    return this.#held.get(lease.id) === lease;
  }

  add(lease: HeldLease): void {
    this.#held.set(lease.id, lease);
  }

  lose(lease: HeldLease): void {
    if (this.has(lease)) this.loseId(lease.id);
  }

  loseId(id: string): void {
    if (this.#held.delete(id)) this.#lost = [...this.#lost, id].slice(-LOST_REMEMBERED);
  }

  /** Now and then one that is lost, or was never there; '0' is no id of a lease. */
  any(random: Random): string {
    const ids = chance(random, 15) ? [...this.#lost, '99'] : [...this.#held.keys()];
    return ids.length === 0 ? '99' : pick(random, ids);
  }

  hung(key: string): void {
    this.#keys = [...this.#keys, key].slice(-KEYS_REMEMBERED);
  }

  /** One that hangs on some lease, or did. */
  anyKey(random: Random): string | undefined {
    return this.#keys.length === 0 ? undefined : pick(random, this.#keys);
  }
}
