/**
 * All names, and who holds or waits for them. Whatever frees a place (a release, the end of a lease, an operator, time)
 * grants what then fits in the same command, so nobody has to be told that a place is free, and nobody can be granted
 * one on a lease that is gone. Only apply may write.
 *
 * Invariants: an entry is in the queue of each of its names, and on its lease while it is alive; its lease exists. After
 * each command nothing waits that would fit: no first one of any name has room in all of its names.
 */
import { assert } from '../../lib/assert.js';
import { type ByteString, compareByteStrings } from '../../lib/bytes.js';
import { Heap } from '../../lib/heap.js';
import { type Refusal, refuse } from '../refusal.js';
import type { GrantClock, StateWrite } from '../result.js';
import { checkWish } from '../check-wish.js';
import { SortedKeys } from '../mvcc/sorted-keys.js';
import {
  BAR_NOT_BEGUN,
  BAR_TOLD_ONCE,
  compareTurns,
  type GrantEntry,
  type GrantWish,
  isHeld,
  newEntry,
} from './grant-entry.js';
import {
  ENTRIES_PER_LEASE_MAX,
  ENTRIES_PER_NAME_MAX,
  GRANT_METADATA_BYTES_MAX,
  GRANT_NAMES_MAX,
} from './grant-limits.js';
import { GrantQueue } from './grant-queue.js';

/** Why an entry goes. */
export type GrantEnd = 'released' | 'leaseRevoked' | 'leaseExpired' | 'forced' | 'barOver';

/** What one command has done. */
export interface GrantChanges {
  /** Ascending: each name whose holders or waiters are not what they were. */
  readonly names: readonly ByteString[];
  readonly writes: readonly StateWrite[];
}

export const NO_GRANT_CHANGES: GrantChanges = { names: [], writes: [] };

export type Acquired = Refusal | { readonly entry: GrantEntry | undefined; readonly changes: GrantChanges };

/** What the disk holds of grants. */
export type GrantRecord = Extract<StateWrite, { readonly kind: 'grantClock' | 'putGrant' }>;

/** What others than apply may do with it. */
export type GrantView = Pick<
  GrantTable,
  'clock' | 'size' | 'isTimeWanted' | 'queue' | 'names' | 'find' | 'isCurrent' | 'onLease'
>;

export class GrantTable {
  readonly #queues = new SortedKeys<GrantQueue>();
  /** The living, by attempt id. */
  readonly #attempts = new Map<string, GrantEntry>();
  readonly #leases = new Map<bigint, Map<number, GrantEntry>>();
  /** Those that keep others out, by place. */
  readonly #bars = new Map<number, GrantEntry>();
  #clock: GrantClock = { lastPlace: 0, lastToken: 0, changes: 0 };
  /** Of the command that is being applied. */
  readonly #dirty = new Set<ByteString>();
  readonly #changed = new Map<number, GrantEntry | undefined>();

  get clock(): GrantClock {
    return this.#clock;
  }
  /** Entries, those among them that only keep others out. */
  get size(): number {
    return this.#attempts.size + this.#bars.size;
  }
  /** Whether it makes a difference that the cluster's time comes to this. */
  isTimeWanted(timeMs: number): boolean {
    for (const { barsUntilMs } of this.#bars.values()) {
      if (barsUntilMs >= BAR_TOLD_ONCE || barsUntilMs <= timeMs) return true;
    }
    return false;
  }

  /** Undefined when nobody is there. */
  queue(name: ByteString): Pick<GrantQueue, 'size' | 'granted' | 'waiting' | 'capacity'> | undefined {
    return this.#queues.get(name);
  }

  /** Ascending, from <= name, and name < end unless that is undefined; at most `max` of them. */
  names(from: ByteString = '', end?: ByteString, max = Infinity): readonly ByteString[] {
    const names: ByteString[] = [];
    this.#queues.scan(from, end, max, (_, name) => names.push(name) > 0);
    return names;
  }

  find(attempt: string): GrantEntry | undefined {
    return this.#attempts.get(attempt);
  }

  /** Whether the token is of a grant of the name that holds now. */
  isCurrent(name: ByteString, token: number): boolean {
    return this.#queues.get(name)?.held(token) !== undefined;
  }

  onLease(lease: bigint): number {
    return this.#leases.get(lease)?.size ?? 0;
  }

  /**
   * The lease exists. A known attempt finds its entry as it stands. Without `mayWait` the entry is undefined when it
   * would have to wait, and nothing is left of it.
   */
  acquire(wish: GrantWish, mayWait: boolean, timeMs: number): Acquired {
    const malformed = checkWish(wish);
    if (malformed !== undefined) return malformed;
    const known = this.#attempts.get(wish.attempt);
    if (known !== undefined)
      return isSameWish(known, wish) ? { entry: known, changes: NO_GRANT_CHANGES } : otherWish(known);
    const refusal = this.#checkRoom(wish);
    if (refusal !== undefined) return refusal;
    const place = this.#clock.lastPlace + 1;
    const entry = newEntry(wish, place, timeMs);
    if (!mayWait && !this.#hasRoom(entry)) return { entry: undefined, changes: NO_GRANT_CHANGES };
    this.#clock = { ...this.#clock, lastPlace: place };
    this.#insert(entry);
    const changes = this.#finish(timeMs);
    return { entry: this.#attempts.get(wish.attempt), changes };
  }

  /** The end of an attempt, granted or not; undefined when there is none. `to`: a holder's choice of who comes next. */
  release(attempt: string, to: string, timeMs: number): Refusal | GrantChanges | undefined {
    const entry = this.#attempts.get(attempt);
    if (entry === undefined) return undefined;
    if (to !== '') {
      const next = this.#attempts.get(to);
      const mayFollow = entry.token > 0 && next?.token === 0 && isSameNames(next.names, entry.names);
      if (!mayFollow) return refuse('GRANT_NOT_FOUND', `attempt ${to} does not wait for what ${attempt} holds`);
      this.#replace(next, { ...next, isFirst: true });
    }
    this.#end(entry, 'released');
    return this.#finish(timeMs);
  }

  /** An operator's: the holder goes, whether it wants or not, and its lease stays. */
  force(name: ByteString, token: number, timeMs: number): Refusal | GrantChanges {
    const entry = this.#queues.get(name)?.held(token);
    if (entry === undefined) return refuse('GRANT_NOT_FOUND', `token ${token} is not current`);
    this.#end(entry, 'forced');
    return this.#finish(timeMs);
  }

  /** A holder says something new of itself. */
  proclaim(attempt: string, token: number, value: ByteString, timeMs: number): Refusal | GrantChanges {
    if (value.length > GRANT_METADATA_BYTES_MAX) {
      return refuse('INVALID_GRANT', `a value of ${value.length} bytes, at most ${GRANT_METADATA_BYTES_MAX}`);
    }
    const entry = this.#attempts.get(attempt);
    if (entry === undefined || token === 0 || entry.token !== token) {
      return refuse('GRANT_NOT_FOUND', `attempt ${attempt} does not hold token ${token}`);
    }
    this.#replace(entry, { ...entry, value });
    return this.#finish(timeMs);
  }

  /** All entries of all these leases go before anything is granted. */
  endLeases(leases: readonly bigint[], end: 'leaseRevoked' | 'leaseExpired', timeMs: number): GrantChanges {
    for (const lease of leases) for (const entry of this.#leases.get(lease)?.values() ?? []) this.#end(entry, end);
    return this.#finish(timeMs);
  }

  /** The cluster's time has moved on. */
  advance(timeMs: number): GrantChanges {
    for (const entry of [...this.#bars.values()]) {
      if (entry.barsUntilMs === BAR_NOT_BEGUN) this.#replace(entry, { ...entry, barsUntilMs: BAR_TOLD_ONCE });
      else if (entry.barsUntilMs === BAR_TOLD_ONCE)
        this.#replace(entry, { ...entry, barsUntilMs: timeMs + entry.lockDelayMs });
      else if (entry.barsUntilMs <= timeMs) this.#end(entry, 'barOver');
    }
    return this.#finish(timeMs);
  }

  /** From the disk, in any order. */
  restore(record: GrantRecord): void {
    if (record.kind === 'grantClock') {
      this.#clock = record.clock;
      return;
    }
    this.#insert(record.entry);
    this.#dirty.clear();
    this.#changed.clear();
  }

  #checkRoom(wish: GrantWish): Refusal | undefined {
    if (this.onLease(wish.lease) >= ENTRIES_PER_LEASE_MAX) {
      return refuse('TOO_MANY_GRANTS', `${ENTRIES_PER_LEASE_MAX} on lease ${wish.lease} already`);
    }
    const newNames = wish.names.filter((name) => this.#queues.get(name) === undefined).length;
    if (this.#queues.size + newNames > GRANT_NAMES_MAX) {
      return refuse(
        'TOO_MANY_GRANTS',
        `${this.#queues.size} names and ${newNames} new ones, at most ${GRANT_NAMES_MAX}`,
      );
    }
    for (const name of wish.names) {
      const queue = this.#queues.get(name);
      if (queue === undefined) continue;
      if (queue.size >= ENTRIES_PER_NAME_MAX) {
        return refuse('TOO_MANY_GRANTS', `${ENTRIES_PER_NAME_MAX} for one name already`);
      }
      if (queue.isInItsOwnWay(wish)) return refuse('GRANT_OWNED', `owner ${wish.owner} waits for it or holds it`);
      const { capacity } = queue;
      if (wish.mode === 'shared' && capacity !== undefined && capacity !== wish.capacity) {
        return refuse('INVALID_GRANT', `a capacity of ${wish.capacity}, others of the name say ${capacity}`);
      }
    }
    return undefined;
  }

  /** Whether it could be granted as it stands, or as it would stand. */
  #hasRoom(entry: GrantEntry): boolean {
    return entry.names.every((name) => this.#queues.get(name)?.hasRoom(entry) ?? true);
  }

  #end(entry: GrantEntry, end: GrantEnd): void {
    const isLoss = end === 'leaseExpired' || end === 'forced';
    this.#delete(entry);
    if (!isLoss || !isHeld(entry) || entry.lockDelayMs === 0) return;
    this.#insert({ ...entry, barsUntilMs: BAR_NOT_BEGUN });
  }

  /**
   * Grants what has room now in what has changed, the first turn first, until nothing has. Each name is looked at once, and
   * again when somebody was granted it. Whoever is ready is the first of all of its names: two that are ready have none in
   * common, so granting one takes no room from the other.
   */
  #promote(timeMs: number): void {
    const ready = new Heap<GrantEntry>(compareTurns);
    const look = (name: ByteString): void => {
      const first = this.#queues.get(name)?.first;
      if (first !== undefined && this.#hasRoom(first)) ready.push(first);
    };
    for (const name of this.#dirty) look(name);
    for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
      // It was granted already, found under another of its names.
      if (this.#attempts.get(next.attempt) !== next) continue;
      const token = this.#clock.lastToken + 1;
      this.#clock = { ...this.#clock, lastToken: token };
      const [name = ''] = next.names;
      const slots = this.#queues.get(name)?.freeSlots(next) ?? [];
      this.#replace(next, { ...next, token, slots, grantedMs: timeMs });
      for (const taken of next.names) look(taken);
    }
  }

  #finish(timeMs: number): GrantChanges {
    if (this.#dirty.size === 0) return NO_GRANT_CHANGES;
    this.#promote(timeMs);
    this.#clock = { ...this.#clock, changes: this.#clock.changes + 1 };
    const names = [...this.#dirty].sort(compareByteStrings);
    const writes: StateWrite[] = [{ kind: 'grantClock', clock: this.#clock }];
    for (const [place, entry] of this.#changed) {
      writes.push(entry === undefined ? { kind: 'deleteGrant', place } : { kind: 'putGrant', entry });
    }
    this.#dirty.clear();
    this.#changed.clear();
    return { names, writes };
  }

  #replace(entry: GrantEntry, by: GrantEntry): void {
    this.#delete(entry);
    this.#insert(by);
  }

  #insert(entry: GrantEntry): void {
    for (const name of entry.names) {
      const queue = this.#queues.get(name) ?? new GrantQueue();
      this.#queues.set(name, queue);
      queue.add(entry);
      this.#dirty.add(name);
    }
    if (entry.barsUntilMs > 0) this.#bars.set(entry.place, entry);
    else {
      assert(!this.#attempts.has(entry.attempt), 'an attempt that is there twice', { place: entry.place });
      this.#attempts.set(entry.attempt, entry);
      const onLease = this.#leases.get(entry.lease) ?? new Map<number, GrantEntry>();
      this.#leases.set(entry.lease, onLease.set(entry.place, entry));
    }
    this.#changed.set(entry.place, entry);
  }

  #delete(entry: GrantEntry): void {
    for (const name of entry.names) {
      const queue = this.#queues.get(name);
      assert(queue !== undefined, 'an entry of a name that is not there', { place: entry.place });
      queue.remove(entry);
      if (queue.size === 0) this.#queues.delete(name);
      this.#dirty.add(name);
    }
    if (entry.barsUntilMs > 0) this.#bars.delete(entry.place);
    else {
      this.#attempts.delete(entry.attempt);
      const onLease = this.#leases.get(entry.lease);
      onLease?.delete(entry.place);
      if (onLease?.size === 0) this.#leases.delete(entry.lease);
    }
    this.#changed.set(entry.place, undefined);
  }
}

function isSameNames(a: readonly ByteString[], b: readonly ByteString[]): boolean {
  return a.length === b.length && a.every((name, place) => name === b[place]);
}

function isSameWish(entry: GrantEntry, wish: GrantWish): boolean {
  const { mode, lease, weight } = wish;
  return (
    isSameNames(entry.names, wish.names) && entry.mode === mode && entry.lease === lease && entry.weight === weight
  );
}

function otherWish({ attempt }: GrantEntry): Refusal {
  return refuse('INVALID_GRANT', `attempt ${attempt} is there already, with another wish`);
}
