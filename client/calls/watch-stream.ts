/**
 * The events of a range, over as many streams as it takes: each goes on where the last one ended, at whichever member
 * answers. What the reader has not taken yet is bounded: the stream is paused, and the member remembers for it.
 */
import type { Revision } from '../core/ids.js';
import { QuorateError } from '../core/quorate-error.js';
import { WatchPosition } from '../core/watch-position.js';
import type { Timer } from '../lib/clock.js';
import { MalformedMessage } from '../wire/byte-reader.js';
import type { KeyRange, Namespace } from '../wire/key-range.js';
import { readWatchAnswer, type WatchAnswer, watchCreateMessage, type WatchEvent } from '../wire/watch-wire.js';
import { faultOfText } from './call-faults.js';
import { MemberStream, type MemberStreamOptions } from './member-stream.js';

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

export interface WatchStreamOptions extends MemberStreamOptions {
  readonly namespace: Namespace;
}

export class WatchStream {
  readonly #options: WatchStreamOptions;
  readonly #position: WatchPosition;
  readonly #stream: MemberStream;
  #news: StreamNews[] = [];
  #wake: (() => void) | undefined;
  #error: QuorateError | undefined;
  #isPaused = false;
  #hasBegun = false;
  /** Until the member answers that the watch stands. */
  #creating: Timer | undefined;

  /** `from`: the first revision of interest; undefined: whatever comes. */
  constructor(range: KeyRange, from: number | undefined, prevKv: boolean, options: WatchStreamOptions) {
    this.#options = options;
    this.#position = new WatchPosition(from);
    this.#stream = new MemberStream(METHOD, options, {
      first: () => {
        this.#isPaused = false;
        this.#creating = options.clock.setTimer(() => this.#stream.lost('it does not answer'), CREATE_MS);
        return watchCreateMessage(options.namespace, range, { from: this.#position.next, prevKv });
      },
      onMessage: (bytes) => this.#onMessage(bytes),
      onLeft: () => this.#creating?.cancel(),
      onFailed: (error) => {
        this.#error = error;
        this.#wake?.();
      },
    });
    this.#stream.open();
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
      if (this.#stream.isOver) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Safe to call again. What was not taken is forgotten. */
  end(): void {
    this.#stream.end();
    this.#news = [];
    this.#wake?.();
  }

  #onMessage(bytes: Uint8Array): void {
    let answer: WatchAnswer;
    try {
      answer = readWatchAnswer(bytes, this.#options.namespace?.length ?? 0);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      return this.#stream.lost(error.message);
    }
    if (answer.created && !answer.canceled) this.#onCreated(answer.revision);
    if (answer.events.length > 0) this.#onEvents(answer.events);
    else if (!answer.created && !answer.canceled) this.#position.toldUpTo(answer.revision);
    if (answer.canceled) this.#onCanceled(answer);
  }

  #onCreated(revision: Revision): void {
    this.#creating?.cancel();
    this.#stream.isWell();
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
      return this.#stream.open();
    }
    const fault = faultOfText(cancelReason);
    if (fault === undefined || fault.retryable) return this.#stream.lost(cancelReason);
    const { member } = this.#stream;
    this.#stream.fail(new QuorateError(fault.code, { detail: cancelReason, member, outcome: 'notApplied' }));
  }

  #push(news: StreamNews): void {
    this.#news.push(news);
    if (this.#news.length >= WAITING_MAX && !this.#isPaused) {
      this.#isPaused = true;
      this.#stream.pause();
    }
    this.#wake?.();
  }

  #resume(): void {
    this.#isPaused = false;
    this.#stream.resume();
  }
}

function revisionOf(event: WatchEvent): Revision {
  return event.kind === 'put' ? event.kv.modRevision : event.revision;
}
