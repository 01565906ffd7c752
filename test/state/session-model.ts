/**
 * Sessions as simply as they can be told: every answer is kept for ever, nothing is counted ahead, and each question is
 * answered by looking at all of it. `Answer`: whatever the test wants to be told again.
 */
import type { Stamp } from '../../server/state/command.js';

export interface ModelSession<Answer> {
  readonly id: number;
  readonly ttlMs: number;
  readonly answers: Map<number, Answer>;
  settled: number;
  contactMs: number;
}

export type Verdict<Answer> =
  | { readonly kind: 'apply' }
  | { readonly kind: 'again'; readonly answer: Answer }
  | { readonly kind: 'refused'; readonly code: string };

const PERIOD_MS = 10_000;

export class SessionModel<Answer> {
  timeMs = 0;
  lastId = 0;
  sessions: ModelSession<Answer>[] = [];

  open(ttlMs: number): number {
    this.lastId += 1;
    this.sessions.push({ id: this.lastId, ttlMs, answers: new Map(), settled: 0, contactMs: this.timeMs });
    return this.lastId;
  }

  get(id: number): ModelSession<Answer> | undefined {
    return this.sessions.find((session) => session.id === id);
  }

  verdict({ session: id, sequence, settled }: Stamp): Verdict<Answer> {
    const session = this.get(id);
    if (session === undefined) return { kind: 'refused', code: 'SESSION_EXPIRED' };
    session.contactMs = this.timeMs;
    session.settled = Math.max(session.settled, settled);
    if (sequence < 1) return { kind: 'refused', code: 'INVALID_SEQUENCE' };
    if (sequence <= session.settled) return { kind: 'refused', code: 'SEQUENCE_SETTLED' };
    const answer = session.answers.get(sequence);
    if (answer !== undefined) return { kind: 'again', answer };
    for (let before = session.settled + 1; before < sequence; before += 1) {
      if (!session.answers.has(before)) return { kind: 'refused', code: 'SEQUENCE_GAP' };
    }
    return { kind: 'apply' };
  }

  keep({ session: id, sequence }: Stamp, answer: Answer): void {
    this.get(id)?.answers.set(sequence, answer);
  }

  /** Those that it ended. */
  pass(ms: number): number[] {
    this.timeMs = Math.max(this.timeMs, Math.min(ms, this.timeMs + PERIOD_MS));
    const over = this.sessions.filter(({ contactMs, ttlMs }) => this.timeMs > contactMs + ttlMs + PERIOD_MS);
    this.sessions = this.sessions.filter((session) => !over.includes(session));
    return over.map(({ id }) => id);
  }

  /** The numbers whose replies are kept, of each session. */
  kept(): (readonly [id: number, settled: number, contactMs: number, sequences: readonly number[]])[] {
    return this.sessions.map(({ id, settled, contactMs, answers }) => {
      return [id, settled, contactMs, [...answers.keys()].filter((sequence) => sequence > settled)] as const;
    });
  }
}
