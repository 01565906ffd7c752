/**
 * A disk that is a value in memory, for tests and the simulator. It knows what was written and what was synced, so a
 * power cut takes back exactly what a real one may take back: whole unsynced batches, newest first, never a part of
 * one. Nothing here outlives the process.
 */
import { EngineError, type EngineOp } from './engine.js';
import { SortedTable } from './sorted-table.js';

type Batch = readonly EngineOp[];

/** Where a test or a simulator stands beside the disk. Both may delay; a rejection fails the write and the engine. */
export interface MemoryDiskHooks {
  /** Before the batches take effect. A crash meanwhile loses them. */
  readonly beforeWrite?: (batches: readonly Batch[], sync: boolean) => Promise<void> | void;
  /** After they took effect and before they count as durable. A crash meanwhile may keep or lose them. */
  readonly beforeSync?: () => Promise<void> | void;
}

/** The disk of one member. Engines come and go on it: one at a time. */
export class MemoryDisk {
  /** What reads see. */
  readonly table: SortedTable;
  readonly #hooks: MemoryDiskHooks;
  /** What a power cut surely leaves. */
  readonly #durable: SortedTable;
  #unsynced: Batch[] = [];
  #isLocked = false;
  #isCrashed = false;
  #nextWriteFailure: EngineError | undefined;
  #nextSyncFailure: EngineError | undefined;

  constructor(hooks: MemoryDiskHooks = {}, content: SortedTable = new SortedTable()) {
    this.#hooks = hooks;
    this.table = content;
    this.#durable = content.clone();
  }

  /** How many batches a power cut now could take back. */
  get unsyncedBatches(): number {
    return this.#unsynced.length;
  }

  /** The next write changes nothing and rejects with `error`. */
  failNextWrite(error: EngineError): void {
    this.#nextWriteFailure = error;
  }

  /** The next synced write takes effect, is not durable and rejects with `error`. */
  failNextSync(error: EngineError): void {
    this.#nextSyncFailure = error;
  }

  /**
   * The power goes out: answers the disk as the next start finds it, with the first `keepUnsynced` (default 0) of the
   * unsynced batches. Writes on the old disk never settle from now on, for the process that made them is gone: leave
   * it, its engine and whatever stood on them alone.
   */
  crash({
    keepUnsynced = 0,
    hooks = this.#hooks,
  }: {
    keepUnsynced?: number;
    hooks?: MemoryDiskHooks;
  } = {}): MemoryDisk {
    this.#isCrashed = true;
    const content = this.#durable.clone();
    for (const batch of this.#unsynced.slice(0, keepUnsynced)) content.apply(batch);
    return new MemoryDisk(hooks, content);
  }

  lock(): void {
    if (this.#isLocked) throw new EngineError('LOCKED', 'the memory disk is in use by another engine');
    this.#isLocked = true;
  }

  unlock(): void {
    this.#isLocked = false;
  }

  async write(batches: readonly Batch[], sync: boolean): Promise<void> {
    await this.#hooks.beforeWrite?.(batches, sync);
    await this.#stopIfCrashed();
    const writeFailure = this.#nextWriteFailure;
    this.#nextWriteFailure = undefined;
    if (writeFailure !== undefined) throw writeFailure;
    for (const batch of batches) this.table.apply(batch);
    this.#unsynced.push(...batches);
    if (sync) await this.#sync();
  }

  async #sync(): Promise<void> {
    await this.#hooks.beforeSync?.();
    await this.#stopIfCrashed();
    const syncFailure = this.#nextSyncFailure;
    this.#nextSyncFailure = undefined;
    if (syncFailure !== undefined) throw syncFailure;
    for (const batch of this.#unsynced) this.#durable.apply(batch);
    this.#unsynced = [];
  }

  async #stopIfCrashed(): Promise<void> {
    if (this.#isCrashed) await new Promise<never>(() => undefined);
  }
}
