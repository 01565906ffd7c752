/**
 * RocksDB behind the Engine port, on the bare binding `rocksdb`. On a Node release it was not built for, importing the
 * binding aborts the process and no catch can help, so it is imported in `open` only: choose-engine.ts has to be asked
 * first. Nothing here guards arguments or order of calls: GuardedEngine does.
 */
import { mkdir } from 'node:fs/promises';
import type { Database, Iterator as RocksdbIterator } from 'rocksdb';
import type { BindingIterator, EngineBinding } from './engine-binding.js';
import { EngineError, engineLimits } from './engine.js';
import type { EngineErrorCode, EngineOp, KeyRange } from './engine.js';
import { directoryBytes } from './files.js';
import { GuardedEngine } from './guarded-engine.js';

/** At the binding's default of 4 MiB a busy member stalls on memtable switches (batch p99 1.9 ms, here 0.35 ms). */
const WRITE_BUFFER_BYTES = 64 * 1024 * 1024;
/** Reads are those of old revisions and of a start; the current state is in memory already. */
const CACHE_BYTES = 32 * 1024 * 1024;
/** Well below the usual limit of 1024 descriptors, which the peers and clients need too. */
const OPEN_FILES_MAX = 500;

export class RocksdbEngine extends GuardedEngine {
  /** `location`: the folder of the database; made with its parents, mode 0700, when missing. */
  constructor(location: string) {
    super(new RocksdbBinding(location));
  }
}

class RocksdbBinding implements EngineBinding {
  readonly name = 'rocksdb';
  readonly #location: string;
  #opened: Database | undefined;

  constructor(location: string) {
    this.#location = location;
  }

  async open(): Promise<void> {
    await mkdir(this.#location, { recursive: true, mode: 0o700 });
    const { default: rocksdb } = await import('rocksdb');
    const database = rocksdb(this.#location);
    const options = {
      createIfMissing: true,
      compression: true,
      cacheSize: CACHE_BYTES,
      writeBufferSize: WRITE_BUFFER_BYTES,
      maxOpenFiles: OPEN_FILES_MAX,
    };
    await call<void>((done) => database.open(options, done));
    this.#opened = database;
  }

  async close(): Promise<void> {
    await call<void>((done) => this.#database.close(done));
  }

  async write(batches: readonly (readonly EngineOp[])[], sync: boolean): Promise<void> {
    // Half the cost of handing over an array: the binding need not look into objects.
    const batch = this.#database.batch();
    for (const ops of batches) {
      for (const op of ops) {
        if (op.type === 'put') batch.put(op.key, storedValue(op.value));
        else batch.del(op.key);
      }
    }
    await call<void>((done) => batch.write({ sync }, done));
  }

  async getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    // Unlike the binding's get, its getMany pins the state in the call itself.
    const values = await call<(Buffer | undefined)[]>((done) => {
      this.#database.getMany([...keys], { asBuffer: true }, done);
    });
    return values.map((value) => (value === undefined ? undefined : loadedValue(value)));
  }

  iterate({ gte, lt }: KeyRange): BindingIterator {
    const highWaterMark = engineLimits.iterateBytesTarget;
    return new RocksdbBindingIterator(this.#database.iterator({ gte, lt, highWaterMark }));
  }

  async compactRange({ gte, lt }: KeyRange): Promise<void> {
    await call<void>((done) => this.#database.compactRange(gte, lt, done));
  }

  allocatedBytes(): Promise<number> {
    return directoryBytes(this.#location);
  }

  get #database(): Database {
    if (this.#opened === undefined) throw new EngineError('CLOSED', 'the database is not open');
    return this.#opened;
  }
}

class RocksdbBindingIterator implements BindingIterator {
  readonly #iterator: RocksdbIterator;
  #isAtEnd = false;

  constructor(iterator: RocksdbIterator) {
    this.#iterator = iterator;
  }

  async next(maxEntries: number): Promise<readonly (readonly [key: Buffer, value: Buffer])[]> {
    const pairs: (readonly [Buffer, Buffer])[] = [];
    let bytes = 0;
    // Past its end the binding answers with an error.
    while (!this.#isAtEnd && pairs.length < maxEntries && bytes < engineLimits.iterateBytesTarget) {
      const pair = await this.#nextPair();
      if (pair === undefined) {
        this.#isAtEnd = true;
        break;
      }
      pairs.push(pair);
      bytes += pair[0].length + pair[1].length;
    }
    return pairs;
  }

  async close(): Promise<void> {
    await call<void>((done) => this.#iterator.end(done));
  }

  #nextPair(): Promise<readonly [Buffer, Buffer] | undefined> {
    return call((done) => {
      this.#iterator.next((error, key, value) => {
        done(error, key === undefined || value === undefined ? undefined : [key, loadedValue(value)]);
      });
    });
  }
}

/**
 * The binding leaks memory for each empty value that is written, so none is: a value of n zero bytes, n = 0 included,
 * is stored as n + 1 of them. Every other value is stored as it is.
 */
function storedValue(value: Buffer): Buffer {
  return isAllZero(value) ? Buffer.alloc(value.length + 1) : value;
}

function loadedValue(stored: Buffer): Buffer {
  return stored.length > 0 && isAllZero(stored) ? stored.subarray(1) : stored;
}

function isAllZero(bytes: Buffer): boolean {
  return (bytes[0] ?? 0) === 0 && bytes.every((byte) => byte === 0);
}

function call<T>(start: (done: (error: Error | null | undefined, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error instanceof Error) reject(engineErrorFrom(error));
      else resolve(value);
    });
  });
}

/** The binding's errors carry no code, only RocksDB's text. */
function engineErrorFrom(error: Error): EngineError {
  return new EngineError(codeOf(error.message), `rocksdb: ${error.message}`, { cause: error });
}

function codeOf(text: string): EngineErrorCode {
  if (/lock hold by current process|[Ww]hile lock file|LOCK: (Resource temporarily|No locks)/.test(text))
    return 'LOCKED';
  if (/No space left on device|Disk quota exceeded/.test(text)) return 'NO_SPACE';
  if (/Corruption:/.test(text)) return 'CORRUPTION';
  return 'IO';
}
