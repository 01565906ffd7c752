/** Reads that wait until this member has come to a revision that their client has seen elsewhere. */
import { QuorateError } from '../lib/quorate-error.js';
import type { ReadWaiter } from './read-waiter.js';

interface Waiting {
  readonly revision: number;
  readonly waiter: ReadWaiter;
}

export class RevisionWaits {
  #waiting: Waiting[] = [];
  #lowest = Infinity;

  get size(): number {
    return this.#waiting.length;
  }

  add(revision: number, waiter: ReadWaiter): void {
    this.#waiting.push({ revision, waiter });
    this.#lowest = Math.min(this.#lowest, revision);
  }

  /** The state in memory is at `revision`. */
  release(revision: number): void {
    if (revision < this.#lowest) return;
    const reached = this.#waiting.filter((waiting) => waiting.revision <= revision);
    this.#keep((waiting) => waiting.revision > revision);
    let told = 0;
    try {
      for (const { waiter } of reached) {
        told += 1;
        waiter.ready();
      }
    } finally {
      // One that throws is a bug that stops the member; the others still wait for their word of that.
      if (told < reached.length) this.#waiting.push(...reached.slice(told));
    }
  }

  /** Answers when to ask again: the earliest deadline of those that still wait. */
  expire(now: number): number {
    const late = new QuorateError('TIMEOUT', 'this member has not come so far in time');
    this.#fail(({ deadline }) => deadline <= now, late);
    return this.#waiting.reduce((earliest, { waiter }) => Math.min(earliest, waiter.deadline), Infinity);
  }

  failAll(error: QuorateError): void {
    this.#fail(() => true, error);
  }

  #fail(isOver: (waiter: ReadWaiter) => boolean, error: QuorateError): void {
    const over = this.#waiting.filter(({ waiter }) => isOver(waiter));
    this.#keep(({ waiter }) => !isOver(waiter));
    for (const { waiter } of over) waiter.failed(error);
  }

  #keep(stays: (waiting: Waiting) => boolean): void {
    this.#waiting = this.#waiting.filter(stays);
    this.#lowest = this.#waiting.reduce((lowest, { revision }) => Math.min(lowest, revision), Infinity);
  }
}
