/**
 * What sessions are: the committed log, entry by entry. A write that carries a session's stamp takes effect in its turn and
 * once: one that comes again is told what it was told, and anything else is refused; neither changes anything. A session
 * ends when the cluster's time says that its client was silent for too long, and never comes back. Every outcome is kept for
 * ever and looked for, so nothing here is shared with the state machine whose effects are judged.
 */
import type { Command, Stamp } from '../../server/state/command.js';
import type { Applied, Outcome } from '../../server/state/result.js';

export interface StampedEntry {
  readonly index: number;
  readonly term: number;
  readonly atMs: number;
  readonly command: Command;
  readonly stamp: Stamp | undefined;
  /** What the state machine made of it. */
  readonly applied: Applied;
}

export interface SessionComplaint {
  readonly checker: 'session-once' | 'session-reply' | 'session-expiry';
  readonly message: string;
}

type Turn =
  | { readonly kind: 'takesEffect' }
  | { readonly kind: 'again'; readonly outcome: Outcome; readonly revision: number }
  | { readonly kind: 'refused'; readonly code: string };

interface Kept {
  readonly outcome: Outcome;
  readonly revision: number;
}

interface Session {
  readonly id: number;
  readonly ttlMs: number;
  /** Of every write that took effect. */
  readonly kept: Map<number, Kept>;
  settled: number;
  contactMs: number;
}

/** The cluster's time moves on by so much in an entry at most, and a session is given so much more than its ttl. */
const PERIOD_MS = 10_000;
/** Replies of a session that its client has not settled. */
const WINDOW = 1024;
/** Of the fastest clock, and what a rounded time may be off. */
const RATE_MAX = 1.1;
const ROUNDING_MS = 5;
/** What replies become when they cannot be told again: the write has happened all the same. */
const LOST_REPLIES: ReadonlySet<string> = new Set(['REPLY_TOO_LARGE', 'REPLY_TOO_OLD']);

export class SessionSpec {
  readonly #sessions = new Map<number, Session>();
  #lastId = 0;
  #timeMs = 0;
  /** The least by which the cluster's time was ever behind the true one. */
  #leastAheadMs = 0;
  readonly counts = { opened: 0, expired: 0, writes: 0, again: 0, refused: 0, windowsFilled: 0 };

  /** Whether the entry may change anything, as far as sessions decide that; and what is wrong with what it did. */
  take(entry: StampedEntry): { readonly takesEffect: boolean; readonly complaints: readonly SessionComplaint[] } {
    const { command, stamp } = entry;
    if (stamp !== undefined) return this.#takeStamped(entry, stamp);
    const complaints =
      command.kind === 'sessionOpen'
        ? this.#open(entry, command.ttlMs)
        : command.kind === 'clusterTime'
          ? this.#pass(entry, command.term, command.ms)
          : [];
    return { takesEffect: true, complaints: complaints.map((message) => said('session-expiry', entry, message)) };
  }

  #open({ applied }: StampedEntry, ttlMs: number): readonly string[] {
    if (!applied.outcome.ok) return [`no session, ${applied.outcome.code}`];
    const { result } = applied.outcome;
    this.#lastId += 1;
    this.counts.opened += 1;
    const id = this.#lastId;
    this.#sessions.set(id, { id, ttlMs, kept: new Map(), settled: 0, contactMs: this.#timeMs });
    return result.kind === 'sessionOpen' && result.id === id ? [] : [`another session than ${id}`];
  }

  #pass({ term, atMs, applied }: StampedEntry, said: number, ms: number): readonly string[] {
    if (said === term) this.#timeMs = Math.max(this.#timeMs, Math.min(ms, this.#timeMs + PERIOD_MS));
    const over = [...this.#sessions.values()].filter(
      ({ contactMs, ttlMs }) => said === term && this.#timeMs > contactMs + ttlMs + PERIOD_MS,
    );
    for (const { id } of over) this.#sessions.delete(id);
    this.counts.expired += over.length;
    const wanted = over.map(({ id }) => id).join();
    const { outcome } = applied;
    const is = outcome.ok && outcome.result.kind === 'clusterTime' ? outcome.result.expired.join() : 'nothing';
    return [
      ...(is === wanted ? [] : [`ended sessions [${is}], and should have ended [${wanted}]`]),
      ...this.#ahead(atMs),
    ];
  }

  /** What was told before was told later than it was said, and what is told now by a period at most. */
  #ahead(atMs: number): readonly string[] {
    const aheadMs = this.#timeMs - atMs * RATE_MAX;
    if (aheadMs > this.#leastAheadMs + PERIOD_MS + ROUNDING_MS) {
      return [
        `the cluster's time is ${this.#timeMs}, ${Math.round(aheadMs - this.#leastAheadMs)} ms ahead of the true one`,
      ];
    }
    this.#leastAheadMs = Math.min(this.#leastAheadMs, aheadMs);
    return [];
  }

  #takeStamped(entry: StampedEntry, stamp: Stamp) {
    const turn = this.#turnOf(stamp);
    const { applied } = entry;
    const wrong = (checker: SessionComplaint['checker'], is: string): SessionComplaint =>
      said(checker, entry, `${is}; ${describeTurn(turn)}`, stamp);
    const complaints: SessionComplaint[] = [];
    if (turn.kind === 'takesEffect') {
      this.counts.writes += 1;
      if (stamp.sequence - this.#settledOf(stamp) === WINDOW) this.counts.windowsFilled += 1;
      this.#sessions.get(stamp.session)?.kept.set(stamp.sequence, applied);
      if (applied.isReplay === true) complaints.push(wrong('session-once', 'told again'));
      return { takesEffect: true, complaints };
    }
    this.counts[turn.kind] += 1;
    if (applied.events.length > 0) complaints.push(wrong('session-once', `it did ${applied.events.length} things`));
    if (turn.kind === 'again') {
      if (applied.isReplay !== true) complaints.push(wrong('session-once', 'not told again'));
      else if (!isSameReply(turn, applied)) complaints.push(wrong('session-reply', textOf(applied)));
    } else if (applied.outcome.ok || applied.outcome.code !== turn.code) {
      complaints.push(wrong('session-once', textOf(applied)));
    }
    return { takesEffect: false, complaints };
  }

  #settledOf({ session }: Stamp): number {
    return this.#sessions.get(session)?.settled ?? 0;
  }

  #turnOf({ session: id, sequence, settled }: Stamp): Turn {
    const session = this.#sessions.get(id);
    if (session === undefined) return { kind: 'refused', code: 'SESSION_EXPIRED' };
    session.contactMs = this.#timeMs;
    session.settled = Math.max(session.settled, settled);
    if (sequence <= session.settled) return { kind: 'refused', code: 'SEQUENCE_SETTLED' };
    const kept = session.kept.get(sequence);
    if (kept !== undefined) return { kind: 'again', ...kept };
    for (let before = session.settled + 1; before < sequence; before += 1) {
      if (!session.kept.has(before)) return { kind: 'refused', code: 'SEQUENCE_GAP' };
    }
    const isFull = sequence - session.settled > WINDOW;
    return isFull ? { kind: 'refused', code: 'SESSION_WINDOW_FULL' } : { kind: 'takesEffect' };
  }
}

function isSameReply(was: Kept, { outcome, revision }: Applied): boolean {
  if (was.revision !== revision) return false;
  if (!outcome.ok && was.outcome.ok) return LOST_REPLIES.has(outcome.code);
  return plain(was.outcome) === plain(outcome);
}

function textOf({ outcome, revision }: Applied): string {
  return `${outcome.ok ? plain(outcome.result) : outcome.code} at revision ${revision}`;
}

function describeTurn(turn: Turn): string {
  switch (turn.kind) {
    case 'takesEffect':
      return 'it was its turn';
    case 'again':
      return `it came again, and was ${plain(turn.outcome)} at revision ${turn.revision}`;
    case 'refused':
      return `it should be refused with ${turn.code}`;
  }
}

/** The same text for the same content, whoever made it. */
function plain(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return String(part);
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function said(
  checker: SessionComplaint['checker'],
  { term, index, command }: StampedEntry,
  message: string,
  stamp?: Stamp,
): SessionComplaint {
  const whose = stamp === undefined ? '' : ` of session ${stamp.session}, ${stamp.sequence} (settled ${stamp.settled})`;
  return { checker, message: `entry ${term}/${index}, ${command.kind}${whose}: ${message}` };
}
