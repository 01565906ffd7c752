/**
 * Deletes ranges that nothing refers to any more, in slices, behind whatever else the engine has to write. It never
 * decides what is garbage, and losing its work in a crash loses nothing: the next start finds the leftovers.
 */
import { EngineError, type Engine, type EngineOp, type KeyRange } from './engine.js';

/** One slice: deleting it takes the engine well under a millisecond of the main thread. */
const SLICE_KEYS = 500;
/** From this many deletions on the engine is asked to give the space back; scans would step over every tombstone. */
const COMPACT_FROM_KEYS = 10_000;

export class RangeCleaner {
  readonly #engine: Engine;
  #work: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Deletes the range after all earlier ones. Resolves when it is empty, or when the cleaner was stopped. */
  clean(range: KeyRange): Promise<void> {
    const work = this.#work.then(() => this.#deleteAll(range));
    this.#work = work.catch(() => undefined);
    return work;
  }

  /** Deletes the range in the background. A failed write fails the engine for good, so the next save reports it. */
  cleanLater(range: KeyRange): void {
    this.clean(range).catch((error: unknown) => {
      if (!(error instanceof EngineError)) throw error;
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
  }

  async #deleteAll(range: KeyRange): Promise<void> {
    let deleted = 0;
    const iterator = this.#engine.iterate(range);
    try {
      while (!this.#isStopped) {
        const pairs = await iterator.next(SLICE_KEYS);
        if (pairs.length === 0) break;
        await this.#engine.write(
          pairs.map(([key]): EngineOp => ({ type: 'del', key })),
          { sync: false },
        );
        deleted += pairs.length;
      }
    } finally {
      await iterator.close();
    }
    if (deleted >= COMPACT_FROM_KEYS && !this.#isStopped) await this.#engine.compactRange(range);
  }
}
