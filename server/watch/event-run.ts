/**
 * Events in the order in which watchers are told them. Whoever is told the same events shares one run, so that what is
 * made of it, such as its bytes on the wire, is made once: with() makes the longer run for the first who asks, and the
 * others get that one.
 */
import type { Event } from '../state/result.js';

export class EventRun {
  readonly last: Event;
  readonly count: number;
  readonly #before: EventRun | undefined;
  readonly #bytes: number;
  readonly #bytesWithPrevKv: number;
  #next: EventRun | undefined;
  #events: readonly Event[] | undefined;

  constructor(last: Event, before?: EventRun) {
    this.last = last;
    this.#before = before;
    this.count = before === undefined ? 1 : before.count + 1;
    this.#bytes = bytesOf(last, false) + (before?.bytes(false) ?? 0);
    this.#bytesWithPrevKv = bytesOf(last, true) + (before?.bytes(true) ?? 0);
  }

  /** This one and another event. */
  with(event: Event): EventRun {
    if (this.#next?.last !== event) this.#next = new EventRun(event, this);
    return this.#next;
  }

  /** This one and then all of another. */
  withAll(later: EventRun): EventRun {
    if (later.count === 1) return this.with(later.last);
    return later.events.reduce<EventRun>((run, event) => run.with(event), this);
  }

  /** What it counts in a buffer. */
  bytes(withPrevKv: boolean): number {
    return withPrevKv ? this.#bytesWithPrevKv : this.#bytes;
  }

  /** The same list whenever it is asked. */
  get events(): readonly Event[] {
    this.#events ??= this.#listed();
    return this.#events;
  }

  #listed(): readonly Event[] {
    const events = [this.last];
    for (let run = this.#before; run !== undefined; run = run.#before) events.push(run.last);
    return events.reverse();
  }
}

/** What one event counts in a buffer, its share of the message around it included. */
const EVENT_OVERHEAD_BYTES = 96;

export function bytesOf({ kv, prevKv }: Event, withPrevKv: boolean): number {
  const before = withPrevKv && prevKv !== undefined ? prevKv.key.length + prevKv.value.length : 0;
  return EVENT_OVERHEAD_BYTES + kv.key.length + kv.value.length + before;
}
