/**
 * The entries of one name: those that are granted, and those that wait, in the order of their turns.
 *
 * Invariant: the granted ones fit together: one exclusive entry alone, or shared ones whose weights do not exceed the
 * capacity. Nothing that waits is granted before what waits ahead of it.
 */
import { assert } from '../../lib/assert.js';
import { compareTurns, type GrantEntry, type GrantWish, isHeld } from './grant-entry.js';

export class GrantQueue {
  /** By token. */
  readonly #granted = new Map<number, GrantEntry>();
  readonly #waiting: GrantEntry[] = [];
  /** How many entries each owner has here, and how many of them are exclusive. */
  readonly #owners = new Map<string, { entries: number; exclusive: number }>();
  #shared = 0;
  #capacity = 0;

  get size(): number {
    return this.#granted.size + this.#waiting.length;
  }
  /** Also those that only keep others out. In the order of their tokens, whatever became of them since they were granted. */
  get granted(): readonly GrantEntry[] {
    return [...this.#granted.values()].sort((a, b) => a.token - b.token);
  }
  /** The next one first. */
  get waiting(): readonly GrantEntry[] {
    return this.#waiting;
  }
  get first(): GrantEntry | undefined {
    return this.#waiting[0];
  }

  /** The holder under this token. */
  held(token: number): GrantEntry | undefined {
    const entry = this.#granted.get(token);
    return entry !== undefined && isHeld(entry) ? entry : undefined;
  }

  /** What shared entries say of the name; undefined while there are none. */
  get capacity(): number | undefined {
    return this.#shared === 0 ? undefined : this.#capacity;
  }

  /** Whether an entry of the owner would wait for another one of its own, now or later. */
  isInItsOwnWay({ owner, mode }: GrantWish): boolean {
    const own = this.#owners.get(owner);
    return own !== undefined && (mode === 'exclusive' || own.exclusive > 0);
  }

  /** Whether it may be granted now: it is its turn, and it fits. */
  hasRoom(entry: GrantEntry): boolean {
    return this.#turn(entry) === 0 && this.#fits(entry);
  }

  /** The lowest parts of the capacity that are free. */
  freeSlots({ mode, weight, capacity }: GrantEntry): readonly number[] {
    if (mode === 'exclusive' || capacity === 0) return [];
    const taken = new Set([...this.#granted.values()].flatMap(({ slots }) => slots));
    const free: number[] = [];
    for (let slot = 0; free.length < weight; slot += 1) if (!taken.has(slot)) free.push(slot);
    return free;
  }

  add(entry: GrantEntry): void {
    this.#count(entry, 1);
    if (entry.token > 0) this.#granted.set(entry.token, entry);
    else this.#waiting.splice(this.#turn(entry), 0, entry);
  }

  remove(entry: GrantEntry): void {
    this.#count(entry, -1);
    if (entry.token > 0) {
      assert(this.#granted.delete(entry.token), 'an entry leaves a name that it was not granted', { ...entry });
      return;
    }
    const turn = this.#turn(entry);
    assert(this.#waiting[turn]?.place === entry.place, 'an entry leaves a name that it did not wait for', { ...entry });
    this.#waiting.splice(turn, 1);
  }

  #fits({ mode, weight, capacity }: GrantEntry): boolean {
    if (mode === 'exclusive') return this.#granted.size === 0;
    let taken = 0;
    for (const granted of this.#granted.values()) {
      if (granted.mode === 'exclusive') return false;
      taken += granted.weight;
    }
    return capacity === 0 || taken + weight <= capacity;
  }

  /** Where it stands among those that wait, or would stand. */
  #turn(entry: GrantEntry): number {
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#waiting[middle];
      assert(other !== undefined, 'a turn outside of the queue', { middle });
      if (compareTurns(other, entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #count({ owner, mode, capacity, barsUntilMs }: GrantEntry, by: 1 | -1): void {
    if (mode === 'shared') {
      this.#shared += by;
      this.#capacity = capacity;
    }
    if (owner === '' || barsUntilMs > 0) return;
    const own = this.#owners.get(owner) ?? { entries: 0, exclusive: 0 };
    own.entries += by;
    if (mode === 'exclusive') own.exclusive += by;
    if (own.entries === 0) this.#owners.delete(owner);
    else this.#owners.set(owner, own);
  }
}
