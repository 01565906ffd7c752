/** A watch as users see it: the state of a range first, if they like, and then everything that happens to it. */
import type { Revision } from '../core/ids.js';
import { isQuorateError, QuorateError } from '../core/quorate-error.js';
import type { StreamNews } from '../calls/watch-stream.js';
import { isSingleKey, type KeyRange, rangeAfter } from '../wire/key-range.js';
import type { KeyValue } from '../wire/key-value.js';
import type { RangeResult } from '../wire/kv-answers.js';
import type { Consistency } from '../wire/request.js';
import type { WatchEvent } from '../wire/watch-wire.js';
import { endable } from './endable.js';

export interface WatchOptions {
  /** The first revision of interest. Default: whatever happens from now on. Not together with `initial`. */
  readonly from?: Revision;
  /** Begin with the range as it is now. */
  readonly initial?: boolean;
  /** Add to each event the key as it was before. */
  readonly prevKv?: boolean;
  /** Ends the watch: the loop over it is left. */
  readonly signal?: AbortSignal;
}

export type WatchBatch =
  /** A part of the range as it was at `revision`. Only with `initial`; the next `synced` says that it is complete. */
  | { readonly kind: 'initial'; readonly entries: readonly KeyValue[]; readonly revision: Revision }
  /** Everything up to and with `revision` has been told; what comes next happened after it. Not with `from`. */
  | { readonly kind: 'synced'; readonly revision: Revision }
  /** In order; all events of one revision are in one batch. `revision` is that of the last. */
  | { readonly kind: 'events'; readonly events: readonly WatchEvent[]; readonly revision: Revision }
  /**
   * A compaction was faster than this reader: what happened before `revision` and was not told is lost. With `initial`
   * the state follows anew; without, events go on from `revision`.
   */
  | { readonly kind: 'resync'; readonly revision: Revision };

/** One stream of events under a watch. */
export interface NewsSource {
  next(): Promise<StreamNews | undefined>;
  end(): void;
}

export interface WatchPorts {
  readonly open: (range: KeyRange, from: number | undefined, prevKv: boolean) => NewsSource;
  /** Reads a page of the range. */
  readonly read: (
    range: KeyRange,
    consistency: Consistency,
    limit: number,
    signal: AbortSignal,
  ) => Promise<RangeResult>;
  /** Waits a while before what failed so many times in a row is tried again. Rejects when the signal is aborted first. */
  readonly pause: (failures: number, signal: AbortSignal) => Promise<void>;
  /** False: the client is closed. */
  readonly onBegin: (watch: Watch) => boolean;
  readonly onOver: (watch: Watch) => void;
}

const PAGE_SIZE = 1_000;

/** Can be iterated once. Leaving the loop ends the watch; so does the end of its client. */
export class Watch implements AsyncIterable<WatchBatch> {
  readonly #range: KeyRange;
  readonly #options: WatchOptions;
  readonly #ports: WatchPorts;
  readonly #ending = new AbortController();
  #source: NewsSource | undefined;
  #isTaken = false;

  /** @internal */
  constructor(range: KeyRange, options: WatchOptions, ports: WatchPorts) {
    this.#range = range;
    this.#options = options;
    this.#ports = ports;
  }

  /** Ends the watch from outside its loop. Safe to call again. */
  close(): void {
    this.#ending.abort();
    this.#source?.end();
    this.#ports.onOver(this);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<WatchBatch> {
    if (this.#isTaken) throw new QuorateError('INVALID_ARGUMENT', { detail: 'a watch can be iterated only once' });
    this.#isTaken = true;
    if (this.#options.initial === true && this.#options.from !== undefined) {
      throw new QuorateError('INVALID_ARGUMENT', { detail: 'a watch begins with the state, or from a revision' });
    }
    if (!this.#ports.onBegin(this)) this.close();
    return endable(this.#batches(), () => this.close());
  }

  async *#batches(): AsyncGenerator<WatchBatch, void, undefined> {
    const { signal, from, initial = false } = this.#options;
    const close = (): void => this.close();
    signal?.addEventListener('abort', close);
    try {
      if (signal?.aborted === true || this.#ending.signal.aborted) return;
      if (initial) yield* this.#withState();
      else yield* this.#events(from, false);
    } catch (error) {
      // Ended from here, in the middle of a read.
      if (!this.#ending.signal.aborted) throw error;
    } finally {
      signal?.removeEventListener('abort', close);
      this.close();
    }
  }

  /** The state and what follows it, and once more from the beginning whenever a compaction tears them apart. */
  async *#withState(): AsyncGenerator<WatchBatch, void, undefined> {
    for (;;) {
      const state = yield* this.#state();
      if (state.isComplete) {
        yield { kind: 'synced', revision: state.revision };
        const compacted = yield* this.#events(state.revision + 1, true);
        if (compacted === undefined) return;
        yield { kind: 'resync', revision: compacted };
      } else {
        yield { kind: 'resync', revision: state.revision };
      }
    }
  }

  async *#state(): AsyncGenerator<
    WatchBatch,
    { readonly revision: Revision; readonly isComplete: boolean },
    undefined
  > {
    let page = await this.#page(this.#range, 'linearizable');
    const { revision } = page;
    for (;;) {
      if (page.entries.length > 0) yield { kind: 'initial', entries: page.entries, revision };
      const last = page.entries.at(-1);
      if (!page.more || last === undefined || isSingleKey(this.#range)) return { revision, isComplete: true };
      try {
        page = await this.#page(rangeAfter(this.#range, last.keyBytes), { revision });
      } catch (error) {
        if (isQuorateError(error, 'COMPACTED')) return { revision, isComplete: false };
        throw error;
      }
    }
  }

  /** A watch waits for members that cannot be reached, in its state as in its events. */
  async #page(range: KeyRange, consistency: Consistency): Promise<RangeResult> {
    const { signal } = this.#ending;
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#ports.read(range, consistency, PAGE_SIZE, signal);
      } catch (error) {
        if (!isQuorateError(error) || !error.retryable) throw error;
      }
      await this.#ports.pause(failures, signal);
    }
  }

  /** Returns the revision at which history begins after a compaction, if the state is to be read anew then. */
  async *#events(
    from: number | undefined,
    endsAtCompaction: boolean,
  ): AsyncGenerator<WatchBatch, Revision | undefined, undefined> {
    const source = this.#ports.open(this.#range, from, this.#options.prevKv ?? false);
    this.#source = source;
    try {
      if (this.#ending.signal.aborted) return undefined;
      for (let news = await source.next(); news !== undefined; news = await source.next()) {
        switch (news.kind) {
          case 'began':
            // From a revision on: how far back that lies, only the events themselves will show.
            if (from === undefined) yield { kind: 'synced', revision: news.revision };
            break;
          case 'events':
            yield news;
            break;
          case 'compacted':
            if (endsAtCompaction) return news.revision;
            yield { kind: 'resync', revision: news.revision };
            break;
        }
      }
      return undefined;
    } finally {
      source.end();
    }
  }
}
