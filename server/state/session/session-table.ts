/**
 * The sessions of the cluster and its time (server/adr/0008). It decides for each write of a session whether it is to be
 * applied, was applied before, or is refused; and it ends sessions whose clients are silent. Time comes from the log
 * alone: `advance` is the only clock there is. Only apply may write.
 */
import { assert } from '../../lib/assert.js';
import type { ClusterTimeCommand, SessionOpenCommand, Stamp } from '../command.js';
import { type Refusal, refuse } from '../refusal.js';
import type { Outcome, SessionInfo, StateWrite } from '../result.js';
import { type KeptReply, Session } from './session.js';
import {
  CLIENT_NAME_LENGTH_MAX,
  CLUSTER_TIME_PERIOD_MS,
  EXPIRE_RECORDS_TARGET,
  REPLIES_BYTES_MAX,
  REPLY_BYTES_MAX,
  SESSION_TTL_MS_MAX,
  SESSIONS_MAX,
  WINDOW_BYTES,
  WINDOW_REPLIES,
} from './session-limits.js';
import { replyBytes } from './reply-size.js';

/** What is to be done with a write of a session. `writes`: what changes all the same when it is not applied. */
export type Admission =
  | { readonly kind: 'apply' }
  | { readonly kind: 'known'; readonly reply: KeptReply; readonly writes: readonly StateWrite[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly writes: readonly StateWrite[] };

/** What the disk holds of sessions. */
export type SessionRecord = Extract<StateWrite, { readonly kind: 'sessionClock' | 'putSession' | 'putReply' }>;

/** What others than apply may do with it. */
export type SessionView = Pick<SessionTable, 'size' | 'timeMs' | 'lastId' | 'hasOverdue' | 'get' | 'all'>;

export class SessionTable {
  /** Ascending by id, which is the order in which they came to be. */
  readonly #sessions = new Map<number, Session>();
  #timeMs = 0;
  #lastId = 0;
  /** Of all replies kept. */
  #bytes = 0;
  #hasOverdue = false;

  get size(): number {
    return this.#sessions.size;
  }
  /** The cluster's time. It never goes back. */
  get timeMs(): number {
    return this.#timeMs;
  }
  get lastId(): number {
    return this.#lastId;
  }
  /** Sessions whose time is over were too many for one entry: another one should follow. */
  get hasOverdue(): boolean {
    return this.#hasOverdue;
  }

  get(id: number): SessionInfo | undefined {
    return this.#sessions.get(id)?.info;
  }

  /** Ascending by id. */
  all(): IterableIterator<Pick<Session, 'info' | 'replies'>> {
    return this.#sessions.values();
  }

  open({ clientName, ttlMs }: SessionOpenCommand): Refusal | { readonly id: number; readonly writes: StateWrite[] } {
    if (clientName.length > CLIENT_NAME_LENGTH_MAX) {
      return refuse('INVALID_SESSION', `a name of ${clientName.length} characters, at most ${CLIENT_NAME_LENGTH_MAX}`);
    }
    if (!Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > SESSION_TTL_MS_MAX) {
      return refuse('INVALID_SESSION', `a ttl of ${ttlMs} ms, at most ${SESSION_TTL_MS_MAX}`);
    }
    if (this.size >= SESSIONS_MAX) return refuse('TOO_MANY_SESSIONS', `there are ${SESSIONS_MAX} already`);
    this.#lastId += 1;
    const id = this.#lastId;
    const session = new Session({ id, clientName, ttlMs, settled: 0, applied: 0, contactMs: this.#timeMs });
    this.#sessions.set(id, session);
    return { id, writes: [this.#clockWrite(), { kind: 'putSession', session: session.info }] };
  }

  /** After `apply` the outcome has to be kept at once. */
  admit({ session: id, sequence, settled }: Stamp): Admission {
    const session = this.#sessions.get(id);
    if (session === undefined) return refused(refuse('SESSION_EXPIRED', `session ${id}`), []);
    const bytesBefore = session.bytes;
    const writes: StateWrite[] = [];
    if (session.contact(this.#timeMs, settled)) writes.push({ kind: 'putSession', session: session.info });
    this.#bytes += session.bytes - bytesBefore;
    const reply = session.replies.get(sequence);
    if (reply !== undefined) return { kind: 'known', reply, writes };
    const refusal = this.#checkSequence(session, sequence) ?? this.#checkWindow(session);
    return refusal === undefined ? { kind: 'apply' } : refused(refusal, writes);
  }

  /** What became of the write that was admitted just now. */
  keep({ session: id, sequence }: Stamp, outcome: Outcome, revision: number): StateWrite {
    const session = this.#sessions.get(id);
    assert(session !== undefined, 'the reply to a session that is not there', { id });
    const bytesBefore = session.bytes;
    const reply = session.keep(sequence, keepable(outcome), revision);
    this.#bytes += session.bytes - bytesBefore;
    return { kind: 'putReply', reply };
  }

  /** By one period at most: a contact is never more than that younger than it is noted, however late a leader comes. */
  advance({ term, ms }: ClusterTimeCommand, entryTerm: number): { expired: readonly number[]; writes: StateWrite[] } {
    const expired: number[] = [];
    const writes: StateWrite[] = [];
    if (term !== entryTerm || !Number.isSafeInteger(ms)) return { expired, writes };
    const to = Math.min(ms, this.#timeMs + CLUSTER_TIME_PERIOD_MS);
    if (to > this.#timeMs) {
      this.#timeMs = to;
      writes.push(this.#clockWrite());
    }
    this.#hasOverdue = false;
    let deletes = 0;
    for (const session of this.#sessions.values()) {
      if (!session.isOver(this.#timeMs, CLUSTER_TIME_PERIOD_MS)) continue;
      const sequences = session.storedSequences();
      deletes += sequences.length + 1;
      if (expired.length > 0 && deletes > EXPIRE_RECORDS_TARGET) {
        this.#hasOverdue = true;
        break;
      }
      this.#sessions.delete(session.id);
      this.#bytes -= session.bytes;
      expired.push(session.id);
      for (const sequence of sequences) writes.push({ kind: 'deleteReply', session: session.id, sequence });
      writes.push({ kind: 'deleteSession', id: session.id });
    }
    return { expired, writes };
  }

  /** From the disk: a session before its replies. */
  restore(record: SessionRecord): void {
    if (record.kind === 'sessionClock') {
      this.#timeMs = record.clock.timeMs;
      this.#lastId = record.clock.lastId;
    } else if (record.kind === 'putSession') {
      this.#sessions.set(record.session.id, new Session(record.session));
    } else {
      const session = this.#sessions.get(record.reply.session);
      assert(session !== undefined, 'a reply of a session that is not there', { session: record.reply.session });
      session.restore(record.reply);
    }
  }

  /** All records are restored. */
  finishRestore(): void {
    for (const session of this.#sessions.values()) {
      session.finishRestore();
      this.#bytes += session.bytes;
    }
  }

  #checkSequence(session: Session, sequence: number): Refusal | undefined {
    const { settled, next } = session;
    if (!Number.isSafeInteger(sequence) || sequence < 1) return refuse('INVALID_SEQUENCE', `${sequence}`);
    if (sequence <= settled) return refuse('SEQUENCE_SETTLED', `${sequence}, settled up to ${settled}`);
    return sequence === next ? undefined : refuse('SEQUENCE_GAP', `${sequence}, the next one is ${next}`);
  }

  #checkWindow({ replies, bytes }: Session): Refusal | undefined {
    if (replies.size >= WINDOW_REPLIES) {
      return refuse('SESSION_WINDOW_FULL', `${replies.size} replies are not settled, at most ${WINDOW_REPLIES}`);
    }
    if (bytes >= WINDOW_BYTES) {
      return refuse('SESSION_WINDOW_FULL', `${bytes} bytes of replies are not settled, at most ${WINDOW_BYTES}`);
    }
    if (this.#bytes < REPLIES_BYTES_MAX) return undefined;
    return refuse('SESSION_WINDOW_FULL', `all sessions keep ${this.#bytes} bytes, at most ${REPLIES_BYTES_MAX}`);
  }

  #clockWrite(): StateWrite {
    return { kind: 'sessionClock', clock: { timeMs: this.#timeMs, lastId: this.#lastId } };
  }
}

function refused(refusal: Refusal, writes: readonly StateWrite[]): Admission {
  return { kind: 'refused', refusal, writes };
}

function keepable(outcome: Outcome): Outcome {
  const bytes = replyBytes(outcome);
  if (bytes <= REPLY_BYTES_MAX) return outcome;
  return refuse('REPLY_TOO_LARGE', `the reply had ${bytes} bytes, at most ${REPLY_BYTES_MAX} are kept`);
}
