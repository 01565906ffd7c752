/**
 * A stream that outlives members: it is opened at one of them, and again at the next one when it is lost, until it is ended
 * or fails for good. Whoever holds it knows what to ask first and what the messages mean.
 */
import { backoffMs } from '../core/backoff.js';
import type { MemberRotation } from '../core/member-rotation.js';
import { QuorateError } from '../core/quorate-error.js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { CallStatus, Connection, Stream } from '../transport/transport.js';
import { faultOf } from './call-faults.js';
import type { Tokens } from './unary-caller.js';

export interface MemberStreamOptions {
  readonly rotation: MemberRotation;
  readonly connectionTo: (address: string) => Connection;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly onReconnect: (member: string, reason: string) => void;
}

export interface MemberStreamHooks {
  /** What is asked of each member that it is opened at. */
  readonly first: () => Uint8Array;
  /** Throws MalformedMessage. */
  readonly onMessage: (bytes: Uint8Array) => void;
  /** The present stream is over, by whatever end. */
  readonly onLeft: () => void;
  /** No other member can mend it. */
  readonly onFailed: (error: QuorateError) => void;
}

export class MemberStream {
  readonly #method: string;
  readonly #options: MemberStreamOptions;
  readonly #hooks: MemberStreamHooks;
  #stream: Stream | undefined;
  #member = '';
  #failures = 0;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(method: string, options: MemberStreamOptions, hooks: MemberStreamHooks) {
    this.#method = method;
    this.#options = options;
    this.#hooks = hooks;
  }

  get member(): string {
    return this.#member;
  }
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Leaves the present stream, if there is one, and opens one at the member whose turn it is. */
  open(): void {
    this.#leave();
    if (this.#isOver) return;
    const { rotation, connectionTo, tokens } = this.#options;
    this.#member = rotation.current;
    // A member that has no leader knows no news; with this it says so instead of keeping still.
    const metadata = { ...tokens.metadata(), hasleader: 'true' };
    const stream = connectionTo(this.#member).stream(this.#method, metadata, {
      onMessage: (bytes) => {
        if (this.#stream === stream) this.#hooks.onMessage(bytes);
      },
      onEnd: (status) => {
        if (this.#stream === stream) this.#onEnd(status);
      },
    });
    this.#stream = stream;
    stream.send(this.#hooks.first());
  }

  /** The member does its job: the next loss is the first one. */
  isWell(): void {
    this.#failures = 0;
  }

  /** The present stream is no good: another one is opened after a while. */
  lost(reason: string): void {
    this.#leave();
    if (this.#isOver) return;
    const { rotation, clock, random, onReconnect } = this.#options;
    rotation.failed(this.#member);
    onReconnect(this.#member, reason);
    const pauseMs = this.#failures === 0 ? 0 : backoffMs(this.#failures, random);
    this.#failures += 1;
    this.#timer = clock.setTimer(() => this.open(), pauseMs);
  }

  pause(): void {
    this.#stream?.pause();
  }
  resume(): void {
    this.#stream?.resume();
  }

  /** Safe to call again. */
  end(): void {
    this.#isOver = true;
    this.#leave();
  }

  fail(error: QuorateError): void {
    this.end();
    this.#hooks.onFailed(error);
  }

  #onEnd(status: CallStatus): void {
    this.#stream = undefined;
    const { code, detail, retryable } = faultOf(status);
    if (code === 'INVALID_AUTH_TOKEN') return this.#refresh();
    // etcd ends a stream whose member stops or loses its leader in many words: what cannot be mended is named.
    const isFinal = !retryable && code !== 'UNRECOGNIZED' && status.name !== 'OK';
    if (isFinal) return this.fail(new QuorateError(code, { detail, member: this.#member, outcome: 'notApplied' }));
    this.lost(`${status.name}: ${status.text}`);
  }

  #refresh(): void {
    this.#leave();
    this.#options.tokens.refresh().then(
      () => this.open(),
      (error: QuorateError) => {
        if (!this.#isOver) this.fail(error);
      },
    );
  }

  #leave(): void {
    this.#timer?.cancel();
    const stream = this.#stream;
    this.#stream = undefined;
    this.#hooks.onLeft();
    stream?.cancel();
  }
}
