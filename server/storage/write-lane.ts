/**
 * The one lane through which every batch of an engine goes: in call order, one write in flight, whatever waits merged
 * into the next (group commit). It never retries: the first failed write ends the lane for good.
 *
 * Neither binding keeps a prefix of unsynced batches over a power cut: their logs skip a block that never reached the
 * disk and keep what stands behind it. So an unsynced batch is carried: the next write holds it once more, and is
 * synced. Repeating puts and deletes changes nothing, and no batch can outlive one that came before it:
 *
 *   U1 unsynced          log: U1           U1 lost: nothing after it
 *   U2 unsynced, synced  log: U1 [U1 U2]   first U1 lost: the second one stands
 *   S3 synced            log: ... [S3]     everything before S3 was on disk when S3 was handed over
 */
import { createDeferred, type Deferred } from '../lib/deferred.js';
import { EngineError, engineLimits, type EngineOp } from './engine.js';

type Batch = readonly EngineOp[];
type WriteBatches = (batches: readonly Batch[], sync: boolean) => Promise<void>;

/** Merging ends here: a merged batch is copied into the binding on the main thread, about 1 ms for each MiB. */
const GROUP_BYTES_MAX = 1024 * 1024;
/** Larger unsynced batches are synced at once: writing them twice would cost more than the sync it saves. */
const CARRIED_BYTES_MAX = 64 * 1024;

interface WaitingBatch {
  readonly ops: Batch;
  readonly bytes: number;
  readonly sync: boolean;
  readonly done: Deferred<void>;
}

interface Group {
  readonly members: readonly WaitingBatch[];
  readonly bytes: number;
  readonly sync: boolean;
}

export class WriteLane {
  readonly #write: WriteBatches;
  readonly #waiting: WaitingBatch[] = [];
  #running: Promise<void> | undefined;
  /** In the engine, but not surely on disk. */
  #carried: readonly Batch[] = [];
  #failure: EngineError | undefined;

  constructor(write: WriteBatches) {
    this.#write = write;
  }

  /** `bytes`: keys and values of `ops` together. */
  enqueue(ops: Batch, bytes: number, sync: boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(laterFailure(this.#failure));
    if (this.#waiting.length >= engineLimits.waitingBatchesMax) {
      const text = `${this.#waiting.length} batches wait already, the limit is ${engineLimits.waitingBatchesMax}`;
      return Promise.reject(new EngineError('INVALID_ARGUMENT', text));
    }
    const done = createDeferred<void>();
    this.#waiting.push({ ops, bytes, sync, done });
    this.#running ??= this.#run();
    return done.promise;
  }

  /** Resolves when nothing waits and nothing is in flight. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // One turn later, so that all batches of one synchronous run share a write.
    await Promise.resolve();
    while (this.#waiting.length > 0 && this.#failure === undefined) await this.#writeGroup(this.#takeGroup());
    this.#running = undefined;
  }

  #takeGroup(): Group {
    let bytes = 0;
    let count = 0;
    for (const { bytes: more } of this.#waiting) {
      if (count > 0 && bytes + more > GROUP_BYTES_MAX) break;
      bytes += more;
      count += 1;
    }
    const members = this.#waiting.splice(0, count);
    return { members, bytes, sync: members.some(({ sync }) => sync) };
  }

  async #writeGroup({ members, bytes, sync }: Group): Promise<void> {
    const fresh = members.map(({ ops }) => ops).filter((ops) => ops.length > 0);
    const hasCarried = this.#carried.length > 0;
    const mustSync = sync || (hasCarried && fresh.length > 0) || bytes > CARRIED_BYTES_MAX;
    try {
      // Nothing new and nothing carried: whatever was written before is on disk already.
      if (fresh.length > 0 || (hasCarried && mustSync)) {
        await this.#write([...this.#carried, ...fresh], mustSync);
        this.#carried = mustSync ? [] : fresh;
      }
    } catch (error: unknown) {
      this.#fail(asEngineError(error), members);
      return;
    }
    for (const { done } of members) done.resolve();
  }

  #fail(failure: EngineError, members: readonly WaitingBatch[]): void {
    this.#failure = failure;
    for (const { done } of members) done.reject(failure);
    for (const { done } of this.#waiting.splice(0)) done.reject(laterFailure(failure));
  }
}

export function asEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  return new EngineError('IO', `the engine failed: ${String(error)}`, { cause: error });
}

function laterFailure(failure: EngineError): EngineError {
  return new EngineError(failure.code, `refused: an earlier write failed (${failure.message})`, { cause: failure });
}
