/**
 * What this member wants to know of the leader about leases, from the request to the answer: renewals, and how much time
 * is left. To renew twice does no harm, so what is lost or refused is simply asked again, until its deadline.
 */
import { QuorateError } from '../lib/quorate-error.js';
import type { LeaseTime } from './lease-keeper.js';
import { LIMITS } from './limits.js';
import type { LeaseAnswers, LeaseAsk } from './ports.js';

export interface LeaseWaiter {
  answered(time: LeaseTime): void;
  failed(error: QuorateError): void;
}

interface Pending extends LeaseAsk {
  /** Another for each time it is sent: an answer to an earlier one may be from before a pause of this process. */
  number: number;
  /** Monotonic ms. */
  readonly deadline: number;
  readonly waiter: LeaseWaiter;
  sentAt: number;
}

export class LeaseAsks {
  /** An answer that took longer than this says nothing about now. */
  readonly #staleMs: number;
  readonly #byNumber = new Map<number, Pending>();
  #unsent = new Set<Pending>();
  #refused: Pending[] = [];
  #lastNumber = 0;
  #earliestDeadline = Infinity;
  #oldestSentAt = Infinity;

  constructor(staleMs: number) {
    this.#staleMs = staleMs;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  get hasUnsent(): boolean {
    return this.#unsent.size > 0;
  }

  /** Throws TOO_MANY_REQUESTS. */
  add({ id, renew }: Omit<LeaseAsk, 'number'>, deadline: number, waiter: LeaseWaiter): void {
    if (this.#byNumber.size >= LIMITS.leaseAsksMax) {
      throw new QuorateError('TOO_MANY_REQUESTS', `${LIMITS.leaseAsksMax} questions about leases wait already`);
    }
    this.#lastNumber += 1;
    // Field by field: a spread costs more than all the rest of a renewal.
    const pending = { id, renew, number: this.#lastNumber, deadline, waiter, sentAt: Infinity };
    this.#byNumber.set(pending.number, pending);
    this.#unsent.add(pending);
    this.#earliestDeadline = Math.min(this.#earliestDeadline, deadline);
  }

  /** All that has to be sent to whoever leads now. */
  takeUnsent(now: number): readonly LeaseAsk[] {
    const unsent = [...this.#unsent];
    this.#unsent.clear();
    for (const pending of unsent) {
      if (pending.sentAt !== Infinity) this.#renumber(pending);
      pending.sentAt = now;
    }
    if (unsent.length > 0) this.#oldestSentAt = Math.min(this.#oldestSentAt, now);
    return unsent;
  }

  take({ answers, refused }: Pick<LeaseAnswers, 'answers' | 'refused'>, now: number): void {
    for (const { number, ttlMs, leftMs } of answers) {
      const pending = this.#byNumber.get(number);
      if (pending === undefined) continue;
      if (now - pending.sentAt > this.#staleMs) {
        this.#refused.push(pending);
        continue;
      }
      this.#remove(pending);
      pending.waiter.answered({ ttlMs, leftMs });
    }
    for (const number of refused) {
      const pending = this.#byNumber.get(number);
      if (pending !== undefined) this.#refused.push(pending);
    }
  }

  /** Another leader, or none: what the old one was asked is asked anew. */
  leaderChanged(): void {
    for (const pending of this.#byNumber.values()) this.#unsent.add(pending);
  }

  /**
   * Once a tick: a member that does not know yet who leads would be refused again at once. What was sent by `before` and
   * not answered is probably lost.
   */
  tick(now: number, before: number, isLeaderKnown: boolean): void {
    for (const pending of this.#refused.splice(0)) if (this.#isOpen(pending)) this.#unsent.add(pending);
    if (this.#oldestSentAt <= before) this.#resend(before);
    if (now >= this.#earliestDeadline) this.#expire(now, isLeaderKnown);
  }

  failAll(error: QuorateError): void {
    for (const pending of [...this.#byNumber.values()]) {
      this.#remove(pending);
      pending.waiter.failed(error);
    }
  }

  #resend(before: number): void {
    this.#oldestSentAt = Infinity;
    for (const pending of this.#byNumber.values()) {
      if (pending.sentAt <= before) this.#unsent.add(pending);
      else this.#oldestSentAt = Math.min(this.#oldestSentAt, pending.sentAt);
    }
  }

  #expire(now: number, isLeaderKnown: boolean): void {
    this.#earliestDeadline = Infinity;
    for (const pending of [...this.#byNumber.values()]) {
      if (pending.deadline > now) {
        this.#earliestDeadline = Math.min(this.#earliestDeadline, pending.deadline);
        continue;
      }
      this.#remove(pending);
      pending.waiter.failed(new QuorateError(isLeaderKnown ? 'TIMEOUT' : 'NO_LEADER', 'the leader did not answer'));
    }
  }

  #renumber(pending: Pending): void {
    this.#byNumber.delete(pending.number);
    this.#lastNumber += 1;
    pending.number = this.#lastNumber;
    this.#byNumber.set(pending.number, pending);
  }

  #isOpen(pending: Pending): boolean {
    return this.#byNumber.get(pending.number) === pending;
  }

  #remove(pending: Pending): void {
    this.#byNumber.delete(pending.number);
    this.#unsent.delete(pending);
  }
}
