/** How requests are made, whatever carries them: over a session's stream, or one by one. */
import type { AnswerReader } from '../wire/answer-reader.js';
import type { Request } from '../wire/request.js';

export interface CallOptions {
  /** Gives the call up when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; Infinity: none. Default: the client's. */
  readonly timeout?: number | undefined;
}

export interface Caller {
  /** Rejects with QuorateError only. */
  call<Answer>(request: Request<Answer>, options: CallOptions): Promise<Answer>;
  /** Takes no more calls, and ends when those that were made have ended, or `timeoutMs` later. Never rejects. */
  close(timeoutMs: number): Promise<void>;
}

export type Decode = (reader: AnswerReader) => unknown;

/** What happens to a client besides its calls. */
export type CallerEvent =
  | { readonly kind: 'connected'; readonly member: string }
  | { readonly kind: 'reconnecting'; readonly member: string; readonly reason: string }
  | { readonly kind: 'leaderChanged'; readonly leader: string | undefined; readonly term: number }
  | { readonly kind: 'sessionExpired' }
  | { readonly kind: 'retry'; readonly member: string; readonly code: string };

export interface CallerStats {
  /** Requests that were sent and not answered. */
  inFlight: number;
  /** Requests that wait to be sent. */
  waiting: number;
  /** Times that requests were sent. */
  sent: number;
  /** Of these, again. */
  retries: number;
  /** Streams of sessions, or messages of single calls. */
  frames: number;
  /** Connections that were lost. */
  reconnects: number;
  /** The highest revision that any answer showed. */
  seenRevision: number;
}
