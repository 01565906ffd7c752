/**
 * Proposals of this member's clients, from the request to the answer. Each is answered exactly once: with the result
 * of the entry that carries its id, or with an error that says honestly whether it may still be applied.
 *
 *     waiting    no leader to give it to: surely not proposed
 *     forwarded  sent to the leader of a term, not acknowledged: nobody knows
 *     placed     in that leader's log at (term, index)
 *
 * Terms never fall along the log, and a leader of one term appends nothing in another. So an applied entry of a later
 * term decides all that was forwarded or placed before and is not applied by then: it never will be.
 */
import { QuorateError } from '../lib/quorate-error.js';
import type { LogIndex, Term } from '../raft/types.js';
import type { Applied } from '../state/result.js';
import { LIMITS } from './limits.js';

export interface ProposalWaiter {
  /** Called in the turn that applied the entry, so that reads of the result can be pinned. */
  applied(applied: Applied, term: Term): void;
  failed(error: QuorateError): void;
}

type Place =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'forwarded'; readonly term: Term; readonly attempt: number; readonly sentAt: number }
  | { readonly kind: 'placed'; readonly term: Term; readonly index: LogIndex };

export interface Proposal {
  readonly seq: number;
  readonly data: Uint8Array;
  /** It may share an entry of the log with others. */
  readonly isBatchable: boolean;
  readonly deadline: number;
  readonly waiter: ProposalWaiter;
  place: Place;
}

const WAITING: Place = { kind: 'waiting' };

export class Proposals {
  /** Ascending by seq, which is the order of arrival. */
  readonly #bySeq = new Map<number, Proposal>();
  /**
   * Each attempt to forward has a number of its own: a leader takes a number once, and only a refusal frees a retry.
   * Ascending by sentAt.
   */
  readonly #byAttempt = new Map<number, Proposal>();
  #lastAttempt = 0;
  readonly #waiting = new Set<Proposal>();
  /** Refused by a leader with leave to try again; some may be answered meanwhile. */
  #refused: Proposal[] = [];
  /** Of the last applied entry. */
  #appliedTerm: Term = 0;
  #lastSeq = 0;
  #bytes = 0;
  #earliestDeadline = Infinity;

  get size(): number {
    return this.#bySeq.size;
  }

  nextSeq(): number {
    return this.#lastSeq + 1;
  }

  /** A number for an entry that nobody waits for. */
  takeSeq(): number {
    this.#lastSeq += 1;
    return this.#lastSeq;
  }

  /** `data` carries the id made of nextSeq(). Throws TOO_MANY_REQUESTS when the window is full. */
  add(data: Uint8Array, deadline: number, waiter: ProposalWaiter, isBatchable = false): Proposal {
    this.assertRoom(data.length);
    this.#lastSeq += 1;
    const proposal: Proposal = { seq: this.#lastSeq, data, isBatchable, deadline, waiter, place: WAITING };
    this.#bySeq.set(proposal.seq, proposal);
    this.#waiting.add(proposal);
    this.#bytes += data.length;
    this.#earliestDeadline = Math.min(this.#earliestDeadline, deadline);
    return proposal;
  }

  assertRoom(bytes: number): void {
    if (this.#bySeq.size >= LIMITS.proposalsMax) {
      throw new QuorateError('TOO_MANY_REQUESTS', `${LIMITS.proposalsMax} proposals wait already`);
    }
    if (this.#bytes + bytes > LIMITS.proposalBytesMax) {
      throw new QuorateError('TOO_MANY_REQUESTS', `${LIMITS.proposalBytesMax} bytes of proposals wait already`);
    }
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Takes out all that wait for a leader; each must be placed, forwarded, put back or failed. */
  takeWaiting(): readonly Proposal[] {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    return waiting;
  }

  putBack(proposal: Proposal): void {
    proposal.place = WAITING;
    this.#waiting.add(proposal);
  }

  /** Returns the number of the attempt, to be sent along. */
  forwarded(proposal: Proposal, term: Term, now: number): number {
    this.#lastAttempt += 1;
    this.#sent(proposal, term, this.#lastAttempt, now);
    return this.#lastAttempt;
  }

  /** Attempts sent to the leader of `term` by `before` that it is silent about. They count as sent anew, at `now`. */
  resend(term: Term, before: number, now: number): readonly { readonly attempt: number; readonly data: Uint8Array }[] {
    const silent: { attempt: number; data: Uint8Array }[] = [];
    for (const [attempt, proposal] of this.#byAttempt) {
      const { place, data } = proposal;
      if (place.kind !== 'forwarded' || place.sentAt > before) break;
      if (place.term !== term) continue;
      this.#byAttempt.delete(attempt);
      this.#sent(proposal, term, attempt, now);
      silent.push({ attempt, data });
    }
    return silent;
  }

  placed(proposal: Proposal, term: Term, index: LogIndex): void {
    proposal.place = { kind: 'placed', term, index };
  }

  /** The leader of `term` said where it appended. Unknown attempts are decided already. */
  forwardAccepted(term: Term, attempt: number, index: LogIndex): void {
    const proposal = this.#takeAttempt(term, attempt);
    if (proposal !== undefined) this.placed(proposal, term, index);
  }

  /** The leader of `term` surely did not append it. Without an error it is tried again after retryRefused(). */
  forwardRefused(term: Term, attempt: number, error: QuorateError | undefined): void {
    const proposal = this.#takeAttempt(term, attempt);
    if (proposal === undefined) return;
    if (error !== undefined) {
      this.#fail(proposal, error);
      return;
    }
    proposal.place = WAITING;
    this.#refused.push(proposal);
  }

  /** Once per tick: a member that does not know yet who leads would ask the same one again at once, and again. */
  retryRefused(): void {
    for (const proposal of this.#refused.splice(0)) if (this.#bySeq.has(proposal.seq)) this.#waiting.add(proposal);
  }

  /** An entry of `term` was applied; `seq` is ours when this life of this member proposed it. */
  entryApplied(term: Term, seq: number | undefined, applied: Applied | undefined): void {
    if (term > this.#appliedTerm) this.#endTermsBefore(term);
    if (seq === undefined || applied === undefined) return;
    const proposal = this.#bySeq.get(seq);
    if (proposal === undefined) return;
    this.#remove(proposal);
    proposal.waiter.applied(applied, term);
  }

  /** The state jumped to `index` by a snapshot: what became of entries before it cannot be told here. */
  snapshotInstalled(index: LogIndex): void {
    for (const proposal of [...this.#bySeq.values()]) {
      const { place } = proposal;
      if (place.kind === 'forwarded' || (place.kind === 'placed' && place.index <= index)) {
        this.#fail(proposal, new QuorateError('OUTCOME_UNKNOWN', 'a snapshot replaced the log it stood in'));
      }
    }
  }

  expire(now: number): void {
    if (now < this.#earliestDeadline) return;
    let earliest = Infinity;
    for (const proposal of [...this.#bySeq.values()]) {
      if (proposal.deadline <= now) this.#fail(proposal, timeoutOf(proposal));
      else earliest = Math.min(earliest, proposal.deadline);
    }
    this.#earliestDeadline = earliest;
  }

  /** The client is gone. Whether the write happens is none of its business any more; the entry may still be applied. */
  abandon(proposal: Proposal): void {
    if (!this.#bySeq.has(proposal.seq)) return;
    this.#fail(proposal, new QuorateError(proposal.place.kind === 'waiting' ? 'CANCELED' : 'OUTCOME_UNKNOWN'));
  }

  /** The member stops: what waits was not proposed, of the rest nobody here will learn. */
  failAll(): void {
    for (const proposal of [...this.#bySeq.values()]) {
      this.#fail(proposal, new QuorateError(proposal.place.kind === 'waiting' ? 'STOPPED' : 'OUTCOME_UNKNOWN'));
    }
  }

  fail(proposal: Proposal, error: QuorateError): void {
    this.#fail(proposal, error);
  }

  #endTermsBefore(term: Term): void {
    this.#appliedTerm = term;
    for (const proposal of [...this.#bySeq.values()]) {
      const { place } = proposal;
      if (place.kind === 'waiting' || place.term >= term) continue;
      if (place.kind === 'placed') {
        this.#fail(proposal, new QuorateError('PROPOSAL_DROPPED', 'another leader took its place in the log'));
      } else {
        this.#byAttempt.delete(place.attempt);
        this.putBack(proposal);
      }
    }
  }

  #sent(proposal: Proposal, term: Term, attempt: number, sentAt: number): void {
    proposal.place = { kind: 'forwarded', term, attempt, sentAt };
    this.#byAttempt.set(attempt, proposal);
  }

  #takeAttempt(term: Term, attempt: number): Proposal | undefined {
    const proposal = this.#byAttempt.get(attempt);
    if (proposal?.place.kind !== 'forwarded' || proposal.place.term !== term) return undefined;
    this.#byAttempt.delete(attempt);
    return proposal;
  }

  #fail(proposal: Proposal, error: QuorateError): void {
    this.#remove(proposal);
    proposal.waiter.failed(error);
  }

  #remove(proposal: Proposal): void {
    this.#bySeq.delete(proposal.seq);
    this.#waiting.delete(proposal);
    this.#bytes -= proposal.data.length;
    if (proposal.place.kind === 'forwarded') this.#byAttempt.delete(proposal.place.attempt);
  }
}

function timeoutOf(proposal: Proposal): QuorateError {
  return proposal.place.kind === 'waiting'
    ? new QuorateError('DEADLINE_EXCEEDED', 'no leader took it in time')
    : new QuorateError('OUTCOME_UNKNOWN', 'not decided in time');
}
