/** The newest events, whole revisions without a gap: enough for most who are behind, and all that is not yet on disk. */
import type { Event } from '../state/result.js';
import type { WatchLimits } from './watch-limits.js';
import { bytesOf } from './event-run.js';

interface Entry {
  readonly events: readonly Event[];
  readonly bytes: number;
}

export class RecentEvents {
  readonly #limits: WatchLimits;
  /** Of revision #first + i at #start + i. */
  #entries: (Entry | undefined)[] = [];
  #start = 0;
  #first: number;
  #bytes = 0;

  /** `first`: the revision that is added next. */
  constructor(first: number, limits: WatchLimits) {
    this.#first = first;
    this.#limits = limits;
  }

  /** The oldest revision kept; the next one to come when there is none. */
  get first(): number {
    return this.#first;
  }

  /** All events of the revision that follows the last one. */
  add(events: readonly Event[]): void {
    const bytes = events.reduce((sum, event) => sum + bytesOf(event, true), 0);
    this.#entries.push({ events, bytes });
    this.#bytes += bytes;
    while (this.#isOverfull) this.#dropFirst();
  }

  /** Forgets everything; the next one to come is `first`. */
  restart(first: number): void {
    this.#entries = [];
    this.#start = 0;
    this.#bytes = 0;
    this.#first = first;
  }

  /** Events from revision `from` on, as many as fit one slice, and the last revision that is among them. */
  slice(from: number): { readonly events: readonly Event[]; readonly to: number } {
    const events: Event[] = [];
    let bytes = 0;
    let to = from - 1;
    for (let at = this.#start + (from - this.#first); at < this.#entries.length; at += 1) {
      const entry = this.#entries[at];
      const isFull = to - from + 1 >= this.#limits.sliceRevisionsMax || bytes >= this.#limits.sliceBytesMax;
      if (entry === undefined || isFull) break;
      for (const event of entry.events) events.push(event);
      bytes += entry.bytes;
      to += 1;
    }
    return { events, to };
  }

  get #isOverfull(): boolean {
    const count = this.#entries.length - this.#start;
    return count > 0 && (count > this.#limits.recentRevisionsMax || this.#bytes > this.#limits.recentBytesMax);
  }

  #dropFirst(): void {
    this.#bytes -= this.#entries[this.#start]?.bytes ?? 0;
    this.#entries[this.#start] = undefined;
    this.#start += 1;
    this.#first += 1;
    if (this.#start * 2 < this.#entries.length || this.#start < 64) return;
    this.#entries.splice(0, this.#start);
    this.#start = 0;
  }
}
