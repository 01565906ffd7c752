/**
 * The events of a range, over as many streams as it takes: each goes on where the last one ended, at whichever member
 * answers. What the reader has not taken yet is bounded: the stream is paused, and the member remembers for it.
 */
import { backoffMs } from '../core/backoff.js';
import type { Revision } from '../core/ids.js';
import type { MemberRotation } from '../core/member-rotation.js';
import { QuorateError } from '../core/quorate-error.js';
import { WatchPosition } from '../core/watch-position.js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { CallStatus, Connection, Stream } from '../transport/transport.js';
import { MalformedMessage } from '../wire/byte-reader.js';
import type { KeyRange, Namespace } from '../wire/key-range.js';
import { readWatchAnswer, type WatchAnswer, watchCreateMessage, type WatchEvent } from '../wire/watch-wire.js';
import { faultOf, faultOfText } from './call-faults.js';
import type { Tokens } from './unary-caller.js';

const METHOD = '/etcdserverpb.Watch/Watch';
/** A member that accepts a watch and says nothing is left after so long. */
const CREATE_MS = 3_000;
const WAITING_MAX = 64;

export type StreamNews =
  /** The watch stands: everything after `revision` will be told. Once, before any events of streams that begin now. */
  | { readonly kind: 'began'; readonly revision: Revision }
  | { readonly kind: 'events'; readonly events: readonly WatchEvent[]; readonly revision: Revision }
  /** History now begins at `revision`: what lay between the last event and that is lost. */
  | { readonly kind: 'compacted'; readonly revision: Revision };

export interface WatchStreamOptions {
  readonly rotation: MemberRotation;
  readonly connectionTo: (address: string) => Connection;
  readonly tokens: Tokens;
  readonly namespace: Namespace;
  readonly clock: Clock;
  readonly random: Random;
  readonly onReconnect: (member: string, reason: string) => void;
}

export class WatchStream {
  readonly #options: WatchStreamOptions;
  readonly #range: KeyRange;
  readonly #prevKv: boolean;
  readonly #position: WatchPosition;
  #news: StreamNews[] = [];
  #wake: (() => void) | undefined;
  #error: QuorateError | undefined;
  #stream: Stream | undefined;
  #member = '';
  #isPaused = false;
  #hasBegun = false;
  #isOver = false;
  #failures = 0;
  #timer: Timer | undefined;

  /** `from`: the first revision of interest; undefined: whatever comes. */
  constructor(range: KeyRange, from: number | undefined, prevKv: boolean, options: WatchStreamOptions) {
    this.#range = range;
    this.#prevKv = prevKv;
    this.#options = options;
    this.#position = new WatchPosition(from);
    this.#open();
  }

  /** What came next; undefined once the stream was ended. Rejects with what no other member can mend. */
  async next(): Promise<StreamNews | undefined> {
    for (;;) {
      const news = this.#news.shift();
      if (news !== undefined) {
        if (this.#isPaused && this.#news.length < WAITING_MAX / 2) this.#resume();
        return news;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#isOver) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Safe to call again. What was not taken is forgotten. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#news = [];
    this.#timer?.cancel();
    this.#leave();
    this.#wake?.();
  }

  #open(): void {
    const { rotation, connectionTo, tokens, namespace, clock } = this.#options;
    this.#member = rotation.current;
    // A member that has no leader knows no news; with this it says so instead of keeping still.
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
    this.#isPaused = false;
    this.#timer = clock.setTimer(() => this.#lost('it does not answer'), CREATE_MS);
    stream.send(watchCreateMessage(namespace, this.#range, { from: this.#position.next, prevKv: this.#prevKv }));
  }

  #onMessage(bytes: Uint8Array): void {
    let answer: WatchAnswer;
    try {
      answer = readWatchAnswer(bytes, this.#options.namespace?.length ?? 0);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      return this.#lost(error.message);
    }
    if (answer.created && !answer.canceled) this.#onCreated(answer.revision);
    if (answer.events.length > 0) this.#onEvents(answer.events);
    else if (!answer.created && !answer.canceled) this.#position.toldUpTo(answer.revision);
    if (answer.canceled) this.#onCanceled(answer);
  }

  #onCreated(revision: Revision): void {
    this.#timer?.cancel();
    this.#failures = 0;
    this.#position.began(revision);
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#push({ kind: 'began', revision });
  }

  #onEvents(all: readonly WatchEvent[]): void {
    const events = all.filter((event) => this.#position.isNews(revisionOf(event)));
    const last = events.at(-1);
    if (last === undefined) return;
    const revision = revisionOf(last);
    this.#position.toldUpTo(revision);
    this.#push({ kind: 'events', events, revision });
  }

  #onCanceled({ compactRevision, cancelReason }: WatchAnswer): void {
    if (compactRevision > 0) {
      this.#position.compactedTo(compactRevision);
      this.#push({ kind: 'compacted', revision: compactRevision });
      this.#leave();
      return this.#open();
    }
    const fault = faultOfText(cancelReason);
    if (fault === undefined || fault.retryable) return this.#lost(cancelReason);
    this.#fail(new QuorateError(fault.code, { detail: cancelReason, member: this.#member, outcome: 'notApplied' }));
  }

  #onEnd(status: CallStatus): void {
    this.#stream = undefined;
    const { code, detail, retryable } = faultOf(status);
    if (code === 'INVALID_AUTH_TOKEN') return this.#refresh();
    // etcd ends a stream whose member stops or loses its leader in many words: what cannot be mended is named.
    const isFinal = !retryable && code !== 'UNRECOGNIZED' && status.name !== 'OK';
    if (isFinal) return this.#fail(new QuorateError(code, { detail, member: this.#member, outcome: 'notApplied' }));
    this.#lost(`${status.name}: ${status.text}`);
  }

  #refresh(): void {
    this.#timer?.cancel();
    this.#options.tokens.refresh().then(
      () => {
        if (!this.#isOver) this.#open();
      },
      (error: QuorateError) => this.#fail(error),
    );
  }

  #lost(reason: string): void {
    this.#leave();
    if (this.#isOver) return;
    const { rotation, clock, random, onReconnect } = this.#options;
    rotation.failed(this.#member);
    onReconnect(this.#member, reason);
    this.#timer?.cancel();
    const pauseMs = this.#failures === 0 ? 0 : backoffMs(this.#failures, random);
    this.#failures += 1;
    this.#timer = clock.setTimer(() => this.#open(), pauseMs);
  }

  #fail(error: QuorateError): void {
    this.#error = error;
    this.#timer?.cancel();
    this.#leave();
    this.#wake?.();
  }

  #leave(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
  }

  #push(news: StreamNews): void {
    this.#news.push(news);
    if (this.#news.length >= WAITING_MAX && !this.#isPaused) {
      this.#isPaused = true;
      this.#stream?.pause();
    }
    this.#wake?.();
  }

  #resume(): void {
    this.#isPaused = false;
    this.#stream?.resume();
  }
}

function revisionOf(event: WatchEvent): Revision {
  return event.kind === 'put' ? event.kv.modRevision : event.revision;
}
