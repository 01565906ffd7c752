/**
 * The Engine port: an ordered store of byte keys and values with atomic batches. RocksDB, classic-level, the memory
 * engine of the tests and the simulated disk stand behind it; one contract suite runs on all of them.
 */
export type EngineOp =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer };

/** Half-open: gte <= key < lt, in byte order. */
export interface KeyRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

export type EngineName = 'rocksdb' | 'classic-level' | 'memory';

export interface Engine {
  readonly name: EngineName;
  /** Takes the lock of the data directory: a second opener fails with EngineError code LOCKED. */
  open(): Promise<void>;
  /** Waits for what is in flight, then closes. Every later call rejects with code CLOSED; none crashes. */
  close(): Promise<void>;
  /**
   * One atomic batch. Batches take effect in the order of the calls. With `sync`, it resolves only when this batch and
   * every earlier one survive a power cut; without, it resolves when reads see it. A rejected write leaves the engine
   * FAILED for good: later writes reject too, because a failed sync cannot be retried.
   */
  write(ops: readonly EngineOp[], options: { readonly sync: boolean }): Promise<void>;
  get(key: Buffer): Promise<Buffer | undefined>;
  /** Positional: answer i belongs to key i. */
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>;
  /** Iterates over the state at the moment of this call, whatever is written afterwards. */
  iterate(range: KeyRange): EngineIterator;
  /** Gives space back after large deletes. Never needed for correctness. */
  compactRange(range: KeyRange): Promise<void>;
}

export interface EngineIterator {
  /** Up to `maxEntries` next pairs in key order; an empty list at the end. One call at a time. */
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
