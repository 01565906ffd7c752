/**
 * What a store has to bring to become an Engine: the bare calls, without any guard. GuardedEngine makes them safe and
 * is the only caller: it checks every argument, never calls before open or after close, and has one write in flight
 * at a time. Every rejection is an EngineError.
 */
import type { EngineName, EngineOp, KeyRange } from './engine.js';

export interface EngineBinding {
  readonly name: EngineName;
  open(): Promise<void>;
  /** Called once, with nothing in flight and every iterator closed. */
  close(): Promise<void>;
  /** Applies all batches, in order, as one atomic write. `sync`: resolves only when they survive a power cut. */
  write(batches: readonly (readonly EngineOp[])[], sync: boolean): Promise<void>;
  /** Positional. Sees every write that has resolved. */
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>;
  /** Pins the state synchronously. */
  iterate(range: KeyRange): BindingIterator;
  compactRange(range: KeyRange): Promise<void>;
  allocatedBytes(): Promise<number>;
}

export interface BindingIterator {
  /** As EngineIterator.next: at most `maxEntries`, fewer after about `iterateBytesTarget`, empty only at the end. */
  next(maxEntries: number): Promise<readonly (readonly [key: Buffer, value: Buffer])[]>;
  /** Called once, with no `next` in flight. */
  close(): Promise<void>;
}
