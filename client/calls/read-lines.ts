/**
 * Spreads reads that any member may answer over all members, in turn. A member whose line is not open takes none: the line
 * is opened for the reads to come, and after a failure not before a pause that grows.
 */
import { BACKOFF_CAP_MS } from '../core/backoff.js';
import type { Clock } from '../lib/clock.js';
import type { PendingCall } from './pending-call.js';
import { ReadLine, type ReadLineHooks, type ReadLineOptions } from './read-line.js';

const PAUSE_MS_MAX = 60_000;

interface Place {
  line: ReadLine | undefined;
  failures: number;
  /** No line is opened before. */
  closedUntil: number;
}

export interface ReadLinesOptions {
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly optionsFor: (member: string) => ReadLineOptions;
  /** What a line has left unanswered is returned call by call. */
  readonly hooks: Omit<ReadLineHooks, 'onEnd'>;
}

export class ReadLines {
  readonly #options: ReadLinesOptions;
  readonly #places: ReadonlyMap<string, Place>;
  #turn = 0;
  #isClosed = false;

  constructor(options: ReadLinesOptions) {
    this.#options = options;
    const place = (): Place => ({ line: undefined, failures: 0, closedUntil: 0 });
    this.#places = new Map(options.addresses.map((address) => [address, place()]));
  }

  /** Takes the read unless it is the turn of `main`, the member of the main stream, or of one that is not there. */
  take(call: PendingCall, main: string): boolean {
    const { addresses } = this.#options;
    this.#turn = (this.#turn + 1) % addresses.length;
    const member = addresses[this.#turn] as string;
    const place = this.#places.get(member);
    if (member === main || place === undefined || this.#isClosed) return false;
    if (place.line === undefined) this.#open(member, place);
    if (place.line?.isOpen !== true) return false;
    place.failures = 0;
    place.line.submit(call);
    return true;
  }

  /** The session is another one now, or none. */
  leaveAll(): void {
    for (const { line } of this.#places.values()) line?.leave();
  }

  close(): void {
    this.#isClosed = true;
    this.leaveAll();
  }

  #open(member: string, place: Place): void {
    const { clock, optionsFor, hooks } = this.#options;
    if (clock.now() < place.closedUntil) return;
    const line = new ReadLine(optionsFor(member), {
      ...hooks,
      onEnd: (unanswered) => {
        if (place.line !== line) return;
        place.line = undefined;
        place.failures += 1;
        const pauseMs = Math.min(PAUSE_MS_MAX, BACKOFF_CAP_MS * 2 ** Math.min(place.failures - 1, 10));
        place.closedUntil = clock.now() + pauseMs;
        for (const call of unanswered) hooks.onReturned(call);
      },
    });
    place.line = line;
  }
}
