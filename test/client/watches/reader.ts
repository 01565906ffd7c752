/** A reader of one watch of the client, and what it notes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../../client/api/client.js';
import type { WatchBatch, WatchOptions } from '../../../client/api/watch.js';
import { revision } from '../../../client/core/ids.js';
import type { KeyRange } from '../../../client/wire/key-range.js';
import { type Asked, type Told, toldOf, type Watched } from './watched.js';

export interface ReaderOptions {
  readonly asked: Asked;
  /** Ends the watch after so many batches, and begins another behind the last one that it was given. */
  readonly hopsAfter?: number;
  /** Takes up to so long over a batch. */
  readonly slowMs?: number;
}

export class Reader {
  readonly #client: Client;
  readonly #options: ReaderOptions;
  readonly #compactedRevision: () => number;
  readonly #told: Told[] = [];
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #last = Infinity;
  #gate: { readonly opens: Promise<void>; readonly open: () => void } | undefined;

  constructor(client: Client, options: ReaderOptions, compactedRevision: () => number) {
    this.#client = client;
    this.#options = options;
    this.#compactedRevision = compactedRevision;
    this.#done = this.#read();
    this.#done.catch(() => undefined);
  }

  get watched(): Watched {
    return { asked: this.#options.asked, told: this.#told };
  }

  /** How far it has been told everything: a state is nothing before its mark. */
  get revision(): number {
    return this.#told.findLast(({ kind }) => kind !== 'initial')?.revision ?? 0;
  }

  /** Takes nothing more until it goes on. */
  pause(): void {
    let open = (): void => undefined;
    const opens = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gate = { opens, open };
  }

  get isPaused(): boolean {
    return this.#gate !== undefined;
  }

  goOn(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  /** Resolves once it has been told of `last`, which concerns it; rejects when that takes too long. */
  async until(last: number, timeoutMs: number): Promise<void> {
    this.#last = last;
    if (this.revision >= last) this.#abort.abort();
    const timer = setTimeout(() => this.#abort.abort(), timeoutMs);
    await this.#done;
    clearTimeout(timer);
  }

  async #read(): Promise<void> {
    const { asked, hopsAfter = Infinity } = this.#options;
    let from = asked.from;
    for (let isFirst = true; ; isFirst = false) {
      let count = 0;
      for await (const batch of this.#watch(isFirst, from)) {
        await this.#take(batch);
        if (this.revision >= this.#last || this.#abort.signal.aborted) return;
        count += 1;
        // Only what has been told up to a revision can be gone on behind.
        if (count >= hopsAfter && batch.kind === 'events') break;
      }
      if (count < hopsAfter) return;
      from = this.revision + 1;
    }
  }

  #watch(isFirst: boolean, from: number): AsyncIterable<WatchBatch> {
    const { key, rangeEnd, initial, prevKv } = this.#options.asked;
    const range: KeyRange = rangeEnd === '' ? key : rangeEnd === '\0' ? { start: key } : { start: key, end: rangeEnd };
    const start: WatchOptions = isFirst && initial ? { initial } : from > 0 ? { from: revision(from) } : {};
    return this.#client.watch(range, { ...start, prevKv, signal: this.#abort.signal });
  }

  async #take(batch: WatchBatch): Promise<void> {
    this.#told.push(toldOf(batch, this.#compactedRevision()));
    const { slowMs = 0 } = this.#options;
    if (slowMs > 0) await delay((this.revision * 7919) % slowMs);
    await this.#gate?.opens;
  }
}
