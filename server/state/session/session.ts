/**
 * One session: how far its writes have come, and the replies that its client has not settled.
 *
 *     1 ... settled | settled+1 ... applied | next
 *     no reply kept | a reply kept for each |
 *
 * Invariant: a reply is kept for every number above `settled` up to `applied`, and for no other. `settled` may be ahead
 * of `applied`: then the numbers between are given up, and the next one comes after them.
 */
import { assert } from '../../lib/assert.js';
import type { Outcome, SessionInfo, SessionReply } from '../result.js';
import { replyBytes } from './reply-size.js';
import { WINDOW_REPLIES } from './session-limits.js';

export interface KeptReply {
  readonly outcome: Outcome;
  /** The store revision after the entry. */
  readonly revision: number;
  readonly bytes: number;
}

export class Session {
  readonly #identity: Pick<SessionInfo, 'id' | 'clientName' | 'ttlMs'>;
  /** Ascending by sequence number. */
  readonly #replies = new Map<number, KeptReply>();
  #bytes = 0;
  #settled: number;
  #applied: number;
  #contactMs: number;

  constructor({ settled, applied, contactMs, ...identity }: SessionInfo) {
    this.#identity = identity;
    this.#settled = settled;
    this.#applied = applied;
    this.#contactMs = contactMs;
  }

  get info(): SessionInfo {
    return { ...this.#identity, settled: this.#settled, applied: this.#applied, contactMs: this.#contactMs };
  }
  get id(): number {
    return this.#identity.id;
  }
  get settled(): number {
    return this.#settled;
  }
  /** The only number that a write may have now to be applied. */
  get next(): number {
    return Math.max(this.#applied, this.#settled) + 1;
  }
  /** Ascending by sequence number. */
  get replies(): ReadonlyMap<number, KeptReply> {
    return this.#replies;
  }
  /** Of the replies. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Those that may stand on the disk: replies that were settled do until others take their place. */
  storedSequences(): readonly number[] {
    return Array.from({ length: Math.min(this.#applied, WINDOW_REPLIES) }, (_, back) => this.#applied - back);
  }

  /** Whether its client was silent for longer than its time. `marginMs`: what a contact may be younger than noted. */
  isOver(timeMs: number, marginMs: number): boolean {
    return timeMs - this.#contactMs > this.#identity.ttlMs + marginMs;
  }

  /** A command of it came. True when that changes what is on the disk of it. */
  contact(timeMs: number, settled: number): boolean {
    const hasChanged = timeMs > this.#contactMs || settled > this.#settled;
    this.#contactMs = timeMs;
    if (settled > this.#settled) this.#settle(settled);
    return hasChanged;
  }

  /** `sequence` is `next`. */
  keep(sequence: number, outcome: Outcome, revision: number): SessionReply {
    assert(sequence === this.next, 'a write of a session is applied out of turn', { sequence, next: this.next });
    this.#applied = sequence;
    this.#add(sequence, outcome, revision);
    return { session: this.id, sequence, outcome, revision, settled: this.#settled, contactMs: this.#contactMs };
  }

  /** From the disk, in any order. What was settled may still stand there. */
  restore(reply: SessionReply): void {
    this.#settled = Math.max(this.#settled, reply.settled);
    this.#applied = Math.max(this.#applied, reply.sequence);
    this.#contactMs = Math.max(this.#contactMs, reply.contactMs);
    const { sequence, outcome, revision, before = 0 } = reply;
    for (let back = before; back >= 0; back -= 1) this.#add(sequence - back, outcome, revision - back);
  }

  /** All of it is restored. */
  finishRestore(): void {
    const restored = [...this.#replies].sort(([a], [b]) => a - b);
    this.#replies.clear();
    this.#bytes = 0;
    for (const [sequence, { outcome, revision }] of restored) {
      if (sequence > this.#settled) this.#add(sequence, outcome, revision);
    }
    const kept = Math.max(0, this.#applied - this.#settled);
    assert(this.#replies.size === kept, 'replies of a session are missing', { session: this.id, kept });
  }

  #add(sequence: number, outcome: Outcome, revision: number): void {
    const bytes = replyBytes(outcome);
    this.#replies.set(sequence, { outcome, revision, bytes });
    this.#bytes += bytes;
  }

  #settle(settled: number): void {
    this.#settled = settled;
    for (const [sequence, { bytes }] of this.#replies) {
      if (sequence > settled) break;
      this.#replies.delete(sequence);
      this.#bytes -= bytes;
    }
  }
}
