/**
 * Reads that wait before they may look at this member's state.
 *
 * Linearizable ones (Thesis §6.4) share one confirmation round; the next round starts when it is answered. A round that
 * gets no answer is asked again under a new token, never the old one: an answer to the old question says nothing about
 * reads that came later. The last round also says how old this member's state can be. Others wait for a revision alone.
 */
import { QuorateError } from '../lib/quorate-error.js';
import type { ReadState } from '../raft/ready.js';
import type { LogIndex } from '../raft/types.js';
import { LIMITS } from './limits.js';
import type { ReadWaiter } from './read-waiter.js';
import { RevisionWaits } from './revision-waits.js';

export type { ReadWaiter };

export interface ReadPoints {
  /** Undefined when no leader is known. */
  requestRead(): number | undefined;
  forgetRead(token: number): void;
}

interface Round {
  readonly token: number;
  readonly waiters: ReadWaiter[];
  readonly askedAt: number;
}

interface Confirmed {
  readonly index: LogIndex;
  readonly waiters: readonly ReadWaiter[];
}

/** Whoever has applied this far knows everything that was acknowledged before `askedAt`. */
interface Fresh {
  readonly index: LogIndex;
  readonly askedAt: number;
}

export class Reads {
  readonly #points: ReadPoints;
  /** Without an answer for this long, ask again. */
  readonly #retryMs: number;
  #waiting: ReadWaiter[] = [];
  #round: Round | undefined;
  /** Confirmed, waiting for apply. Ascending by index. */
  #confirmed: Confirmed[] = [];
  #size = 0;
  #earliestDeadline = Infinity;
  readonly #forRevisions = new RevisionWaits();
  /** Of the last round that was confirmed. */
  #confirmedPoint: Fresh | undefined;
  /** Since when this member's state is surely the newest of the cluster; the start of a round that is applied here. */
  #freshAt = -Infinity;

  constructor(points: ReadPoints, retryMs: number) {
    this.#points = points;
    this.#retryMs = retryMs;
  }

  get size(): number {
    return this.#size + this.#forRevisions.size;
  }

  /** This member's state, as it was released last, holds all that was acknowledged before this moment of its clock. */
  get freshAt(): number {
    return this.#freshAt;
  }

  /** With `revision` it waits for nothing but that. Throws TOO_MANY_REQUESTS when the queue is full. */
  add(waiter: ReadWaiter, revision?: number): void {
    if (this.size >= LIMITS.readsMax) {
      throw new QuorateError('TOO_MANY_REQUESTS', `${LIMITS.readsMax} reads wait already`);
    }
    if (revision !== undefined) this.#forRevisions.add(revision, waiter);
    else {
      this.#size += 1;
      this.#waiting.push(waiter);
    }
    this.#earliestDeadline = Math.min(this.#earliestDeadline, waiter.deadline);
  }

  get canAsk(): boolean {
    return this.#round === undefined && this.#waiting.length > 0;
  }

  /** Starts a round for all that wait, unless one is under way. */
  ask(now: number): void {
    if (!this.canAsk) return;
    const token = this.#points.requestRead();
    if (token === undefined) return;
    this.#round = { token, waiters: this.#waiting, askedAt: now };
    this.#waiting = [];
  }

  confirmed(state: ReadState): void {
    const round = this.#round;
    if (round?.token !== state.token) return;
    this.#round = undefined;
    this.#confirmed.push({ index: state.index, waiters: round.waiters });
    this.#confirmedPoint = { index: state.index, askedAt: round.askedAt };
  }

  dropped(token: number): void {
    if (this.#round?.token === token) this.#giveUpRound();
  }

  /** Answers every read that waits for no more than this: the state in memory is at both. */
  release(appliedIndex: LogIndex, revision: number): void {
    if (this.#confirmedPoint !== undefined && this.#confirmedPoint.index <= appliedIndex) {
      this.#freshAt = this.#confirmedPoint.askedAt;
      this.#confirmedPoint = undefined;
    }
    this.#releaseConfirmed(appliedIndex);
    this.#forRevisions.release(revision);
  }

  #releaseConfirmed(appliedIndex: LogIndex): void {
    for (let head = this.#confirmed[0]; head !== undefined && head.index <= appliedIndex; head = this.#confirmed[0]) {
      const { index, waiters } = head;
      let told = 0;
      try {
        for (const waiter of waiters) {
          told += 1;
          this.#size -= 1;
          waiter.ready();
        }
      } finally {
        // One that throws is a bug that stops the member; the others still wait for their word of that.
        if (told < waiters.length) this.#confirmed[0] = { index, waiters: waiters.slice(told) };
        else this.#confirmed.shift();
      }
    }
  }

  tick(now: number): void {
    if (this.#round !== undefined && now - this.#round.askedAt >= this.#retryMs) {
      this.#points.forgetRead(this.#round.token);
      this.#giveUpRound();
    }
    if (now >= this.#earliestDeadline) this.#expire(now);
  }

  failAll(error: QuorateError): void {
    this.#filter((waiter) => {
      waiter.failed(error);
      return false;
    });
    this.#forRevisions.failAll(error);
  }

  #giveUpRound(): void {
    const waiters = this.#round?.waiters ?? [];
    this.#round = undefined;
    this.#waiting = [...waiters, ...this.#waiting];
  }

  #expire(now: number): void {
    this.#earliestDeadline = this.#forRevisions.expire(now);
    this.#filter((waiter) => {
      if (waiter.deadline <= now) {
        waiter.failed(new QuorateError('TIMEOUT', 'not confirmed in time'));
        return false;
      }
      this.#earliestDeadline = Math.min(this.#earliestDeadline, waiter.deadline);
      return true;
    });
  }

  #filter(keep: (waiter: ReadWaiter) => boolean): void {
    const kept = (waiters: readonly ReadWaiter[]): ReadWaiter[] => {
      const rest = waiters.filter(keep);
      this.#size -= waiters.length - rest.length;
      return rest;
    };
    this.#waiting = kept(this.#waiting);
    if (this.#round !== undefined) this.#round = { ...this.#round, waiters: kept(this.#round.waiters) };
    this.#confirmed = this.#confirmed.map(({ index, waiters }) => ({ index, waiters: kept(waiters) }));
  }
}
