/**
 * The deadlines of everything that waits, without a timer each: entries hang in slots of a few milliseconds, so that
 * adding and removing one costs the same however many there are. An entry is found no earlier than its deadline and at
 * most one slot later.
 */
export const SLOT_MS = 4;

/** What can hang in the wheel. An entry is in one wheel at a time, or in none. */
export class WheelEntry {
  /** Set before the entry is added, and left alone while it is in. */
  deadlineAt = Infinity;
  previous: WheelEntry = this;
  next: WheelEntry = this;
}

export class DeadlineWheel<Entry extends WheelEntry> {
  /** By slot number; each is the head of a ring of entries. */
  readonly #slots = new Map<number, WheelEntry>();
  #earliest = Infinity;

  add(entry: Entry): void {
    if (entry.deadlineAt === Infinity) return;
    const slot = Math.ceil(entry.deadlineAt / SLOT_MS);
    let head = this.#slots.get(slot);
    if (head === undefined) {
      head = new WheelEntry();
      this.#slots.set(slot, head);
      if (slot < this.#earliest) this.#earliest = slot;
    }
    entry.previous = head.previous;
    entry.next = head;
    head.previous.next = entry;
    head.previous = entry;
  }

  /** Safe for an entry that is not in. */
  remove(entry: Entry): void {
    entry.previous.next = entry.next;
    entry.next.previous = entry.previous;
    entry.previous = entry;
    entry.next = entry;
  }

  /** Takes out every entry whose time has come. */
  takeExpired(now: number): readonly Entry[] {
    const expired: Entry[] = [];
    const last = Math.floor(now / SLOT_MS);
    if (last < this.#earliest) return expired;
    this.#earliest = Infinity;
    for (const [slot, head] of this.#slots) {
      if (slot <= last) {
        this.#slots.delete(slot);
        this.#empty(head, expired);
      } else if (head.next === head) {
        this.#slots.delete(slot);
      } else if (slot < this.#earliest) {
        this.#earliest = slot;
      }
    }
    return expired.sort((a, b) => a.deadlineAt - b.deadlineAt);
  }

  /** When to look next; Infinity: when something is added. There may be nothing to find by then. */
  get nextAt(): number {
    return this.#earliest * SLOT_MS;
  }

  #empty(head: WheelEntry, into: Entry[]): void {
    while (head.next !== head) {
      const entry = head.next as Entry;
      this.remove(entry);
      into.push(entry);
    }
  }
}
