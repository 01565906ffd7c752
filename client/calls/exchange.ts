/**
 * One stream of a session to one member, from its opening to its end. Knows frames, and nothing of what the requests in
 * them are for. A member that owes an answer and says nothing for a while is left: it may be stopped, or cut off.
 */
import type { Refusal } from '../core/session-ledger.js';
import type { Clock, Timer } from '../lib/clock.js';
import type { CallStatus, Connection, Metadata, Stream } from '../transport/transport.js';
import { MalformedMessage } from '../wire/byte-reader.js';
import { openFrame } from '../wire/client-frames.js';
import { type Leadership, serverFrame, type Welcome } from '../wire/server-frames.js';

const METHOD = '/quorate.v1.Session/Exchange';
/** A member registers a session through the log, which may have to find a leader first. */
const WELCOME_MS = 3_000;
/** After so many looks at a silent member that owes an answer it is left. */
const LOOK_MS = 1_000;
const SILENT_LOOKS_MAX = 3;

export type ExchangeEnd =
  | { readonly kind: 'goodbye'; readonly refusal: Refusal }
  | { readonly kind: 'status'; readonly status: CallStatus }
  /** The member said nothing for too long, or something that is no frame. */
  | { readonly kind: 'left'; readonly reason: string };

/** In words. */
export function reasonOf(end: ExchangeEnd): string {
  if (end.kind === 'left') return end.reason;
  if (end.kind === 'goodbye') return `${end.refusal.code}: ${end.refusal.message}`;
  return `${end.status.name}: ${end.status.text}`;
}

export interface ExchangeHandler {
  /** Once, and before anything else. */
  onWelcome(welcome: Welcome): void;
  onReplies(bytes: Uint8Array): void;
  onLeadership(leadership: Leadership): void;
  /** Once, and the last thing; not after `leave`. */
  onEnd(end: ExchangeEnd): void;
  /** Whether the member owes an answer. */
  isOwed(): boolean;
}

export interface ExchangeOptions {
  readonly connection: Connection;
  readonly metadata: Metadata;
  /** 0: begins a new session. */
  readonly sessionId: bigint;
  readonly clientName: string;
  readonly clock: Clock;
  /** How many looks may find the member silent though it owes an answer. Default: 3. */
  readonly silentLooksMax?: number;
}

export class Exchange {
  readonly #handler: ExchangeHandler;
  readonly #clock: Clock;
  readonly #stream: Stream;
  readonly #silentLooksMax: number;
  #isWelcome = false;
  #hasEnded = false;
  #silentLooks = 0;
  #timer: Timer;

  constructor(options: ExchangeOptions, handler: ExchangeHandler) {
    const { connection, metadata, sessionId, clientName, clock, silentLooksMax = SILENT_LOOKS_MAX } = options;
    this.#handler = handler;
    this.#clock = clock;
    this.#silentLooksMax = silentLooksMax;
    this.#stream = connection.stream(METHOD, metadata, {
      onMessage: (bytes) => this.#onMessage(bytes),
      onEnd: (status) => this.#end({ kind: 'status', status }),
    });
    this.#timer = clock.setTimer(() => this.#endWith('no welcome in time'), WELCOME_MS);
    this.#stream.send(openFrame(sessionId, clientName));
  }

  /** Calls `done` when the next frame may follow; never once the exchange has ended. */
  send(frame: Uint8Array, done: () => void): void {
    this.#stream.send(frame, () => {
      if (!this.#hasEnded) done();
    });
  }

  /** Ends it from here, and says nothing more. Safe to call again. */
  leave(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#timer.cancel();
    this.#stream.cancel();
  }

  #onMessage(bytes: Uint8Array): void {
    if (this.#hasEnded) return;
    this.#silentLooks = 0;
    try {
      this.#onFrame(bytes);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#endWith(`a frame that makes no sense: ${error.message}`);
    }
  }

  #onFrame(bytes: Uint8Array): void {
    const frame = serverFrame(bytes);
    switch (frame.kind) {
      case 'replies':
        this.#handler.onReplies(bytes);
        return;
      case 'welcome':
        if (this.#isWelcome) return;
        this.#isWelcome = true;
        this.#timer.cancel();
        this.#look();
        this.#handler.onWelcome(frame.welcome);
        return;
      case 'leadership':
        this.#handler.onLeadership(frame.leadership);
        return;
      case 'goodbye':
        this.#end({ kind: 'goodbye', refusal: frame.refusal });
        this.#stream.cancel();
        return;
      case 'other':
        return;
    }
  }

  /** Counts looks, not time: a process that stood still itself has looked but once. */
  #look(): void {
    this.#timer = this.#clock.setTimer(() => {
      this.#silentLooks = this.#handler.isOwed() ? this.#silentLooks + 1 : 0;
      if (this.#silentLooks > this.#silentLooksMax) this.#endWith('it owes answers and says nothing');
      else this.#look();
    }, LOOK_MS);
  }

  #endWith(reason: string): void {
    this.#end({ kind: 'left', reason });
    this.#stream.cancel();
  }

  #end(end: ExchangeEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#timer.cancel();
    this.#handler.onEnd(end);
  }
}
