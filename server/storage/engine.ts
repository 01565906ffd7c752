/**
 * The Engine port: an ordered store of byte keys and values with atomic batches. RocksDB, classic-level, the memory
 * engine of the tests and the simulated disk stand behind it; one contract suite runs on all of them.
 */
export type EngineOp =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer };

/** What one call may ask for. Beyond it, a call is refused with INVALID_ARGUMENT and changes nothing. */
export const engineLimits = {
  keyBytesMax: 64 * 1024,
  valueBytesMax: 64 * 1024 * 1024,
  /** Keys and values of one batch together: far above what a Ready or a snapshot slice holds. */
  batchBytesMax: 256 * 1024 * 1024,
  batchOpsMax: 1_000_000,
  /** Batches that wait behind the one in flight. The driver awaits its writes; only a runaway loop gets here. */
  waitingBatchesMax: 4096,
  getKeysMax: 10_000,
  iterateEntriesMax: 10_000,
  /** One answer of an iterator ends after the entry that reaches this, so large values cannot pile up in memory. */
  iterateBytesTarget: 256 * 1024,
} as const;

/** Half-open: gte <= key < lt, in byte order. Neither bound is empty. */
export interface KeyRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

export type EngineName = 'rocksdb' | 'classic-level' | 'memory';

export interface Engine {
  readonly name: EngineName;
  /**
   * Takes the lock of the data directory: a second opener fails with EngineError code LOCKED. An engine has one life:
   * it is opened once, and what was closed stays closed.
   */
  open(): Promise<void>;
  /** Waits for what is in flight, then closes. Every later call rejects with code CLOSED; none crashes. */
  close(): Promise<void>;
  /**
   * One atomic batch. Batches take effect in the order of the calls. With `sync`, it resolves only when this batch and
   * every earlier one survive a power cut; without, it resolves when reads see it. After a power cut the engine holds
   * a prefix of the batches, in the order of the calls: never a later batch without an earlier one. A rejected write
   * leaves the engine FAILED for good: later writes reject too, because a failed sync cannot be retried. Only a refused
   * argument (INVALID_ARGUMENT) changes nothing and leaves it usable. The buffers belong to the engine from the call
   * on: never change them.
   */
  write(ops: readonly EngineOp[], options: { readonly sync: boolean }): Promise<void>;
  get(key: Buffer): Promise<Buffer | undefined>;
  /** Positional: answer i belongs to key i. */
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>;
  /**
   * Iterates over the state at the moment of this call, whatever is written afterwards. A write that has not resolved
   * yet may be in it, wholly or not at all. Throws EngineError, as the other calls reject.
   */
  iterate(range: KeyRange): EngineIterator;
  /** Gives space back after large deletes. Never needed for correctness. */
  compactRange(range: KeyRange): Promise<void>;
  /** Bytes this engine takes on its disk, its own log included. */
  allocatedBytes(): Promise<number>;
}

export interface EngineIterator {
  /** Up to `maxEntries` next pairs in key order, fewer when they are large; empty only at the end. One at a time. */
  next(maxEntries: number): Promise<readonly (readonly [key: Buffer, value: Buffer])[]>;
  /** Frees the pinned state. Idempotent; required on every path. */
  close(): Promise<void>;
}

export type EngineErrorCode =
  | 'LOCKED'
  | 'CLOSED'
  | 'NO_SPACE'
  | 'CORRUPTION'
  | 'IO'
  | 'INVALID_ARGUMENT'
  | 'UNSUPPORTED';

export class EngineError extends Error {
  override readonly name = 'EngineError';

  constructor(
    readonly code: EngineErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
