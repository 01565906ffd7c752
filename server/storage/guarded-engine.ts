/**
 * Makes an Engine of an EngineBinding. The native bindings crash the process when they are called before open or after
 * close, write nonsense when a key is not a Buffer, and read an empty bound as none: nothing of that gets past here.
 * It never interprets keys or values and never retries.
 */
import type { BindingIterator, EngineBinding } from './engine-binding.js';
import { EngineError, engineLimits } from './engine.js';
import type { Engine, EngineIterator, EngineName, EngineOp, KeyRange } from './engine.js';
import { asEngineError, WriteLane } from './write-lane.js';

type Status = 'new' | 'opening' | 'open' | 'closed';

export class GuardedEngine implements Engine {
  readonly #binding: EngineBinding;
  readonly #lane: WriteLane;
  /** Reads and compactions in flight: close waits for them. They never reject here. */
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #iterators = new Set<GuardedIterator>();
  #status: Status = 'new';
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(binding: EngineBinding) {
    this.#binding = binding;
    this.#lane = new WriteLane((batches, sync) => binding.write(batches, sync));
  }

  get name(): EngineName {
    return this.#binding.name;
  }

  async open(): Promise<void> {
    if (this.#status === 'closed') throw closedError('open', this.#status);
    if (this.#status !== 'new') throw new EngineError('INVALID_ARGUMENT', 'open was called before');
    this.#status = 'opening';
    this.#opening = this.#binding.open();
    try {
      await this.#opening;
    } catch (error: unknown) {
      this.#status = 'closed';
      this.#closing = Promise.resolve();
      throw asEngineError(error);
    }
    // A close that came while the binding opened has moved on already.
    if (this.#status === 'opening') this.#status = 'open';
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async write(ops: readonly EngineOp[], options: { readonly sync: boolean }): Promise<void> {
    this.#assertOpen('write');
    const bytes = checkBatch(ops);
    return this.#lane.enqueue(ops, bytes, options.sync);
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    const [value] = await this.getMany([key]);
    return value;
  }

  async getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    this.#assertOpen('getMany');
    checkLimit('keys of a read', keys.length, engineLimits.getKeysMax);
    for (const key of keys) checkKey(key);
    if (keys.length === 0) return [];
    return this.#track(this.#binding.getMany(keys));
  }

  iterate(range: KeyRange): EngineIterator {
    this.#assertOpen('iterate');
    checkRange(range);
    const iterator: GuardedIterator = new GuardedIterator(this.#binding.iterate(range), () => {
      this.#iterators.delete(iterator);
    });
    this.#iterators.add(iterator);
    return iterator;
  }

  async compactRange(range: KeyRange): Promise<void> {
    this.#assertOpen('compactRange');
    checkRange(range);
    return this.#track(this.#binding.compactRange(range));
  }

  async allocatedBytes(): Promise<number> {
    this.#assertOpen('allocatedBytes');
    return this.#track(this.#binding.allocatedBytes());
  }

  async #close(): Promise<void> {
    const wasNew = this.#status === 'new';
    this.#status = 'closed';
    if (wasNew) return;
    try {
      await this.#opening;
    } catch {
      return; // Nothing was opened; `open` has told its caller why.
    }
    await this.#lane.idle();
    await Promise.all(this.#inFlight);
    await Promise.all([...this.#iterators].map((iterator) => iterator.close()));
    await this.#binding.close();
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    this.#inFlight.add(settled);
    try {
      return await work;
    } catch (error: unknown) {
      throw asEngineError(error);
    } finally {
      this.#inFlight.delete(settled);
    }
  }

  #assertOpen(call: string): void {
    if (this.#status !== 'open') throw closedError(call, this.#status);
  }
}

/** One `next` at a time; `close` waits for it. After close, also by the engine's close, `next` rejects with CLOSED. */
class GuardedIterator implements EngineIterator {
  readonly #binding: BindingIterator;
  readonly #onClosed: () => void;
  #nexting: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  constructor(binding: BindingIterator, onClosed: () => void) {
    this.#binding = binding;
    this.#onClosed = onClosed;
  }

  async next(maxEntries: number): Promise<readonly (readonly [key: Buffer, value: Buffer])[]> {
    if (this.#closing !== undefined) throw new EngineError('CLOSED', 'next was called on a closed iterator');
    if (this.#nexting !== undefined) throw new EngineError('INVALID_ARGUMENT', 'next is still in flight');
    if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) {
      throw new EngineError('INVALID_ARGUMENT', `maxEntries is ${maxEntries}, it must be at least 1`);
    }
    checkLimit('entries of one next', maxEntries, engineLimits.iterateEntriesMax);
    const work = this.#binding.next(maxEntries);
    this.#nexting = work;
    try {
      return await work;
    } catch (error: unknown) {
      throw asEngineError(error);
    } finally {
      this.#nexting = undefined;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#nexting;
    } catch {
      // The caller of `next` has the error; here only its end counts.
    }
    await this.#binding.close();
    this.#onClosed();
  }
}

function closedError(call: string, status: Status): EngineError {
  const text = status === 'closed' ? 'the engine is closed' : 'the engine is not open yet';
  return new EngineError('CLOSED', `${call}: ${text}`);
}

function checkBatch(ops: readonly EngineOp[]): number {
  checkLimit('operations of a batch', ops.length, engineLimits.batchOpsMax);
  let bytes = 0;
  for (const op of ops) {
    checkKey(op.key);
    bytes += op.key.length;
    if (op.type === 'put') {
      checkBuffer('value', op.value);
      checkLimit('bytes of a value', op.value.length, engineLimits.valueBytesMax);
      bytes += op.value.length;
    }
  }
  checkLimit('bytes of a batch', bytes, engineLimits.batchBytesMax);
  return bytes;
}

function checkRange({ gte, lt }: KeyRange): void {
  checkKey(gte);
  checkKey(lt);
}

function checkKey(key: Buffer): void {
  checkBuffer('key', key);
  if (key.length === 0) throw new EngineError('INVALID_ARGUMENT', 'the key is empty');
  checkLimit('bytes of a key', key.length, engineLimits.keyBytesMax);
}

/** A plain Uint8Array would be stored by the bindings as its decimal digits: "1,2,3". */
function checkBuffer(what: string, bytes: unknown): void {
  if (!Buffer.isBuffer(bytes)) throw new EngineError('INVALID_ARGUMENT', `the ${what} is not a Buffer`);
}

function checkLimit(what: string, value: number, limit: number): void {
  if (value > limit) throw new EngineError('INVALID_ARGUMENT', `${value} ${what}, the limit is ${limit}`);
}
