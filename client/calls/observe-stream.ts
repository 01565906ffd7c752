/**
 * Who holds a name, over as many streams as it takes. Only the newest state counts: what the reader has not taken is
 * replaced, and no member is believed that is behind what was told before.
 */
import { backoffMs } from '../core/backoff.js';
import type { MemberRotation } from '../core/member-rotation.js';
import { QuorateError } from '../core/quorate-error.js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { CallStatus, Connection, Stream } from '../transport/transport.js';
import { MalformedMessage } from '../wire/byte-reader.js';
import { type Observed, observeMessage, readObserved } from '../wire/observe-wire.js';
import { faultOf } from './call-faults.js';
import type { Tokens } from './unary-caller.js';

const METHOD = '/quorate.v1.Coordination/Observe';

export interface ObserveStreamOptions {
  readonly rotation: MemberRotation;
  readonly connectionTo: (address: string) => Connection;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly onReconnect: (member: string, reason: string) => void;
}

export class ObserveStream {
  readonly #options: ObserveStreamOptions;
  readonly #name: Buffer;
  #change = 0;
  #news: Observed | undefined;
  #wake: (() => void) | undefined;
  #error: QuorateError | undefined;
  #stream: Stream | undefined;
  #member = '';
  #isOver = false;
  #failures = 0;
  #timer: Timer | undefined;

  constructor(name: Buffer, options: ObserveStreamOptions) {
    this.#name = name;
    this.#options = options;
    this.#open();
  }

  /** The newest state that was not taken yet; undefined once it was ended. Rejects with what no other member can mend. */
  async next(): Promise<Observed | undefined> {
    for (;;) {
      const news = this.#news;
      this.#news = undefined;
      if (news !== undefined) return news;
      if (this.#error !== undefined) throw this.#error;
      if (this.#isOver) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Safe to call again. */
  end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#leave();
    this.#wake?.();
  }

  #open(): void {
    const { rotation, connectionTo, tokens } = this.#options;
    this.#member = rotation.current;
    const metadata = { ...tokens.metadata(), hasleader: 'true' };
    const stream = connectionTo(this.#member).stream(METHOD, metadata, {
      onMessage: (bytes) => {
        if (this.#stream === stream) this.#onMessage(bytes);
      },
      onEnd: (status) => {
        if (this.#stream === stream) this.#onEnd(status);
      },
    });
    this.#stream = stream;
    stream.send(observeMessage(this.#name, this.#change));
  }

  #onMessage(bytes: Uint8Array): void {
    try {
      const observed = readObserved(bytes);
      this.#failures = 0;
      if (observed.change <= this.#change) return;
      this.#change = observed.change;
      this.#news = observed;
      this.#wake?.();
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#lost(error.message);
    }
  }

  #onEnd(status: CallStatus): void {
    this.#stream = undefined;
    const { code, detail, retryable } = faultOf(status);
    const isFinal = !retryable && code !== 'UNRECOGNIZED' && code !== 'INVALID_AUTH_TOKEN' && status.name !== 'OK';
    if (!isFinal) return this.#lost(`${status.name}: ${status.text}`);
    this.#error = new QuorateError(code, { detail, member: this.#member, outcome: 'notApplied' });
    this.#wake?.();
  }

  #lost(reason: string): void {
    this.#leave();
    if (this.#isOver) return;
    const { rotation, clock, random, onReconnect } = this.#options;
    rotation.failed(this.#member);
    onReconnect(this.#member, reason);
    const pauseMs = this.#failures === 0 ? 0 : backoffMs(this.#failures, random);
    this.#failures += 1;
    this.#timer = clock.setTimer(() => this.#open(), pauseMs);
  }

  #leave(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
  }
}
