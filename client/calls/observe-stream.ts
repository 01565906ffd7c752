/**
 * Who holds a name, over as many streams as it takes. Only the newest state counts: what the reader has not taken is
 * replaced, and no member is believed that is behind what was told before.
 */
import type { QuorateError } from '../core/quorate-error.js';
import { MalformedMessage } from '../wire/byte-reader.js';
import { type Observed, observeMessage, readObserved } from '../wire/observe-wire.js';
import { MemberStream, type MemberStreamOptions } from './member-stream.js';

const METHOD = '/quorate.v1.Coordination/Observe';

export class ObserveStream {
  readonly #stream: MemberStream;
  #change = 0;
  #news: Observed | undefined;
  #wake: (() => void) | undefined;
  #error: QuorateError | undefined;

  constructor(name: Buffer, options: MemberStreamOptions) {
    this.#stream = new MemberStream(METHOD, options, {
      first: () => observeMessage(name, this.#change),
      onMessage: (bytes) => this.#onMessage(bytes),
      onLeft: () => undefined,
      onFailed: (error) => {
        this.#error = error;
        this.#wake?.();
      },
    });
    this.#stream.open();
  }

  /** The newest state that was not taken yet; undefined once it was ended. Rejects with what no other member can mend. */
  async next(): Promise<Observed | undefined> {
    for (;;) {
      const news = this.#news;
      this.#news = undefined;
      if (news !== undefined) return news;
      if (this.#error !== undefined) throw this.#error;
      if (this.#stream.isOver) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Safe to call again. */
  end(): void {
    this.#stream.end();
    this.#wake?.();
  }

  #onMessage(bytes: Uint8Array): void {
    try {
      const observed = readObserved(bytes);
      this.#stream.isWell();
      if (observed.change <= this.#change) return;
      this.#change = observed.change;
      this.#news = observed;
      this.#wake?.();
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#stream.lost(error.message);
    }
  }
}
