/**
 * Linearizable reads (Thesis §6.4). All reads that wait share one confirmation round; the next round starts when it is
 * answered. A round that gets no answer is asked again under a new token, never the old one: an answer to the old
 * question says nothing about reads that came later.
 */
import { QuorateError } from '../lib/quorate-error.js';
import type { ReadState } from '../raft/ready.js';
import type { LogIndex } from '../raft/types.js';
import { LIMITS } from './limits.js';

export interface ReadWaiter {
  /** Monotonic ms after which the read is refused. */
  readonly deadline: number;
  /** Everything acknowledged before the read came is applied here. */
  ready(): void;
  failed(error: QuorateError): void;
}

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

  constructor(points: ReadPoints, retryMs: number) {
    this.#points = points;
    this.#retryMs = retryMs;
  }

  get size(): number {
    return this.#size;
  }

  /** Throws TOO_MANY_REQUESTS when the queue is full. */
  add(waiter: ReadWaiter): void {
    if (this.#size >= LIMITS.readsMax) {
      throw new QuorateError('TOO_MANY_REQUESTS', `${LIMITS.readsMax} reads wait already`);
    }
    this.#size += 1;
    this.#waiting.push(waiter);
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
  }

  dropped(token: number): void {
    if (this.#round?.token === token) this.#giveUpRound();
  }

  /** Answers every confirmed read whose index is applied. */
  release(appliedIndex: LogIndex): void {
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
  }

  #giveUpRound(): void {
    const waiters = this.#round?.waiters ?? [];
    this.#round = undefined;
    this.#waiting = [...waiters, ...this.#waiting];
  }

  #expire(now: number): void {
    this.#earliestDeadline = Infinity;
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
