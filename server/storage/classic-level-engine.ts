/**
 * LevelDB behind the Engine port, by the package `classic-level`: prebuilt for every Node release and for arm64, the
 * default where RocksDB's binding cannot load. Nothing here guards arguments or order of calls: GuardedEngine does.
 */
import { mkdir } from 'node:fs/promises';
import type { ClassicLevel, Iterator as LevelIterator } from 'classic-level';
import type { BindingIterator, EngineBinding } from './engine-binding.js';
import { EngineError, engineLimits } from './engine.js';
import type { EngineErrorCode, EngineOp, KeyRange } from './engine.js';
import { directoryBytes } from './files.js';
import { GuardedEngine } from './guarded-engine.js';

type Database = ClassicLevel<Buffer, Buffer>;

/** Fewer and larger table files, as with RocksDB; a start replays at most this much of LevelDB's own log. */
const WRITE_BUFFER_BYTES = 64 * 1024 * 1024;
/** Reads are those of old revisions and of a start; the current state is in memory already. */
const CACHE_BYTES = 32 * 1024 * 1024;
/** At the default of 2 MiB a large state is thousands of files. */
const TABLE_FILE_BYTES = 16 * 1024 * 1024;
/** Well below the usual limit of 1024 descriptors, which the peers and clients need too. */
const OPEN_FILES_MAX = 500;

export class ClassicLevelEngine extends GuardedEngine {
  /** `location`: the folder of the database; made with its parents, mode 0700, when missing. */
  constructor(location: string) {
    super(new ClassicLevelBinding(location));
  }
}

class ClassicLevelBinding implements EngineBinding {
  readonly name = 'classic-level';
  readonly #location: string;
  #opened: Database | undefined;

  constructor(location: string) {
    this.#location = location;
  }

  async open(): Promise<void> {
    await mkdir(this.#location, { recursive: true, mode: 0o700 });
    const { ClassicLevel: Level } = await import('classic-level');
    const database = new Level<Buffer, Buffer>(this.#location, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
    const options = {
      createIfMissing: true,
      compression: true,
      cacheSize: CACHE_BYTES,
      writeBufferSize: WRITE_BUFFER_BYTES,
      maxFileSize: TABLE_FILE_BYTES,
      maxOpenFiles: OPEN_FILES_MAX,
    };
    await translated(database.open(options));
    this.#opened = database;
  }

  close(): Promise<void> {
    return translated(this.#database.close());
  }

  write(batches: readonly (readonly EngineOp[])[], sync: boolean): Promise<void> {
    return translated(this.#database.batch(batches.flat(), { sync }));
  }

  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    return translated(this.#database.getMany([...keys]));
  }

  iterate({ gte, lt }: KeyRange): BindingIterator {
    const highWaterMarkBytes = engineLimits.iterateBytesTarget;
    return new ClassicLevelBindingIterator(this.#database.iterator({ gte, lt, highWaterMarkBytes }));
  }

  compactRange({ gte, lt }: KeyRange): Promise<void> {
    return translated(this.#database.compactRange(gte, lt));
  }

  allocatedBytes(): Promise<number> {
    return directoryBytes(this.#location);
  }

  get #database(): Database {
    if (this.#opened === undefined) throw new EngineError('CLOSED', 'the database is not open');
    return this.#opened;
  }
}

class ClassicLevelBindingIterator implements BindingIterator {
  readonly #iterator: LevelIterator<Database, Buffer, Buffer>;

  constructor(iterator: LevelIterator<Database, Buffer, Buffer>) {
    this.#iterator = iterator;
  }

  next(maxEntries: number): Promise<readonly (readonly [key: Buffer, value: Buffer])[]> {
    return translated(this.#iterator.nextv(maxEntries));
  }

  close(): Promise<void> {
    return translated(this.#iterator.close());
  }
}

async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error: unknown) {
    throw engineErrorFrom(error);
  }
}

/** The reason of a failed open stands in `cause`; LevelDB's own text is the only sign of a full disk. */
function engineErrorFrom(error: unknown): EngineError {
  const chain = errorChain(error);
  const text = chain.map(({ message }) => message).join(': ');
  return new EngineError(codeOf(chain.map(codeOfError), text), `classic-level: ${text}`, { cause: error });
}

function codeOf(codes: readonly string[], text: string): EngineErrorCode {
  if (codes.includes('LEVEL_LOCKED')) return 'LOCKED';
  if (/No space left on device|Disk quota exceeded/.test(text)) return 'NO_SPACE';
  if (codes.includes('LEVEL_CORRUPTION') || /Corruption:/.test(text)) return 'CORRUPTION';
  return 'IO';
}

function errorChain(error: unknown): readonly Error[] {
  const chain: Error[] = [];
  for (let link = error; link instanceof Error && chain.length < 5; link = link.cause) chain.push(link);
  return chain;
}

function codeOfError(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
