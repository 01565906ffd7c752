/**
 * When each lease runs out, by the clock of the leader that counts. A renewal only writes the new deadline down; the
 * heap finds out when the old one comes up. So a renewal costs no more than that, however many leases there are.
 */
import { Heap } from '../lib/heap.js';

/** Live leases whose place in the heap is stale may be this many for each live one before the heap is made anew. */
const STALE_FACTOR = 2;
const STALE_FREE = 1_000;

export interface TimedLease {
  readonly id: bigint;
  /** Monotonic ms. Never moved back. */
  deadline: number;
  /** Where it stands in the heap: not after its deadline. */
  heapAt: number;
  isGone: boolean;
}

export class LeaseDeadlines {
  readonly #byId = new Map<bigint, TimedLease>();
  readonly #heap = new Heap<TimedLease>((a, b) => a.heapAt - b.heapAt);

  get size(): number {
    return this.#byId.size;
  }

  get(id: bigint): TimedLease | undefined {
    return this.#byId.get(id);
  }

  all(): IterableIterator<TimedLease> {
    return this.#byId.values();
  }

  add(id: bigint, deadline: number): TimedLease {
    const timed = { id, deadline, heapAt: deadline, isGone: false };
    this.#byId.set(id, timed);
    this.#heap.push(timed);
    return timed;
  }

  /** What is gone stays in the heap until its time comes, or until there is too much of it. */
  remove(id: bigint): void {
    const timed = this.#byId.get(id);
    if (timed === undefined) return;
    timed.isGone = true;
    this.#byId.delete(id);
    if (this.#heap.size > STALE_FACTOR * this.#byId.size + STALE_FREE) {
      this.#heap.retain(({ isGone }) => !isGone);
    }
  }

  /** Whether nextDue may find one. */
  mayBeDue(now: number): boolean {
    const { first } = this.#heap;
    return first !== undefined && first.heapAt <= now;
  }

  /**
   * Takes leases that have run out from the heap, at most `max`, after at most `steps` looks. They are still known;
   * those that live on must be given back.
   */
  takeDue(now: number, max: number, steps: number): readonly TimedLease[] {
    const due: TimedLease[] = [];
    for (let step = 0; step < steps && due.length < max && this.mayBeDue(now); step += 1) {
      const timed = this.#heap.pop();
      if (timed === undefined || timed.isGone) continue;
      if (timed.deadline <= now) due.push(timed);
      else this.giveBack(timed);
    }
    return due;
  }

  giveBack(timed: TimedLease): void {
    timed.heapAt = timed.deadline;
    this.#heap.push(timed);
  }
}
