/**
 * When each lease runs out, by the clock of the leader that counts. A renewal only writes the new deadline down; the
 * heap finds out when the old one comes up. So a renewal costs no more than that, however many leases there are.
 */

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
  #heap: TimedLease[] = [];

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
    this.#push(timed);
    return timed;
  }

  /** What is gone stays in the heap until its time comes, or until there is too much of it. */
  remove(id: bigint): void {
    const timed = this.#byId.get(id);
    if (timed === undefined) return;
    timed.isGone = true;
    this.#byId.delete(id);
    if (this.#heap.length > STALE_FACTOR * this.#byId.size + STALE_FREE) this.#rebuild();
  }

  /** Whether nextDue may find one. */
  mayBeDue(now: number): boolean {
    const first = this.#heap[0];
    return first !== undefined && first.heapAt <= now;
  }

  /**
   * Takes leases that have run out from the heap, at most `max`, after at most `steps` looks. They are still known;
   * those that live on must be given back.
   */
  takeDue(now: number, max: number, steps: number): readonly TimedLease[] {
    const due: TimedLease[] = [];
    for (let step = 0; step < steps && due.length < max && this.mayBeDue(now); step += 1) {
      const timed = this.#pop();
      if (timed === undefined || timed.isGone) continue;
      if (timed.deadline <= now) due.push(timed);
      else this.giveBack(timed);
    }
    return due;
  }

  giveBack(timed: TimedLease): void {
    timed.heapAt = timed.deadline;
    this.#push(timed);
  }

  #rebuild(): void {
    // A sorted list is a heap.
    const live = this.#heap.filter((timed) => !timed.isGone);
    this.#heap = live.sort((a, b) => a.heapAt - b.heapAt);
  }

  #push(timed: TimedLease): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(timed);
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const parent = heap[above];
      if (parent === undefined || parent.heapAt <= timed.heapAt) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = timed;
  }

  #pop(): TimedLease | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const child = this.#lower(left, left + 1);
      const below = heap[child];
      if (below === undefined || last.heapAt <= below.heapAt) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = last;
    return first;
  }

  /** Of two places, the one that comes first; the right one may be beyond the end. */
  #lower(left: number, right: number): number {
    const [a, b] = [this.#heap[left], this.#heap[right]];
    return a !== undefined && b !== undefined && b.heapAt < a.heapAt ? right : left;
  }
}
