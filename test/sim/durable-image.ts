/**
 * What a disk surely holds, decoded: the promises of one member that a power cut cannot take back. Kept up to date from
 * the batches as they become durable, with the codecs that a start would read them by.
 */
import type { ByteString } from '../../server/lib/bytes.js';
import { bytesFrom } from '../../server/lib/bytes.js';
import type { Entry, EntryId, HardState, LogIndex, SnapshotMeta, Term } from '../../server/raft/types.js';
import * as codec from '../../server/storage/codec.js';
import type { EngineOp } from '../../server/storage/engine.js';
import { appliedSubkey, logIndexOf, metaKey, stateSubkey } from '../../server/storage/keys.js';
import type { AppliedPoint } from '../../server/storage/member-store.js';
import { openRecord } from '../../server/storage/record.js';

const META_PREFIX = 0x6d;
const LOG_PREFIX = 0x6c;
const STATE_PREFIX = 0x73;
const GENERATION_STEP = 2 ** 32;

/** Entries by their stored bytes: members store the same one again and again, and decoding is dear. */
export interface EntryBook {
  entryOf(index: LogIndex, key: Buffer, record: Buffer): Entry;
}

/** A place in the log whose entry changed. */
export interface LogChange {
  readonly index: LogIndex;
  /** What stood there; undefined: nothing. */
  readonly before: Term | undefined;
}

export class DurableImage {
  readonly #book: EntryBook;
  #changes: LogChange[] = [];
  /** By generation and index: what stands in the logs. */
  readonly #terms = new Map<number, Term>();
  #hardStateRecord: Buffer | undefined;
  #hardState: HardState | undefined;
  #activeRecord: Buffer | undefined;
  #active: codec.ActiveGeneration | undefined;
  readonly #appliedRecords = new Map<number, Buffer>();
  #lastIndex: LogIndex = 0;

  constructor(book: EntryBook) {
    this.#book = book;
  }

  /** What the next start would find in `table`. */
  static of(table: ReadonlyMap<ByteString, Buffer>, book: EntryBook): DurableImage {
    const image = new DurableImage(book);
    for (const [key, value] of table) image.#put(bytesFrom(key), value);
    image.#findLast();
    return image;
  }

  /** False before the first boot: nothing was promised. */
  get isBooted(): boolean {
    return this.#hardStateRecord !== undefined && this.#activeRecord !== undefined;
  }

  get hardState(): HardState {
    if (this.#hardStateRecord === undefined) return { term: 0, vote: 0n, commit: 0 };
    this.#hardState ??= codec.decodeHardState(openRecord(metaKey.hardState, this.#hardStateRecord, 'the hard state'));
    return this.#hardState;
  }

  get logStart(): SnapshotMeta {
    return this.#activePoint.logStart;
  }

  get generation(): number {
    return this.#activePoint.generation;
  }

  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  /** Undefined before the first boot. */
  get applied(): AppliedPoint | undefined {
    const record = this.#appliedRecords.get(this.generation);
    if (record === undefined) return undefined;
    return codec.decodeApplied(openRecord(appliedSubkey, record, 'the applied point'));
  }

  /** Of an entry, or of the point before the first one. */
  termAt(index: LogIndex): Term | undefined {
    const { logStart, generation } = this.#activePoint;
    if (index === logStart.index) return logStart.term;
    if (index < logStart.index) return undefined;
    return this.#terms.get(generation * GENERATION_STEP + index);
  }

  /** The entry itself, or state that stands for it. */
  holds({ index, term }: EntryId): boolean {
    return index <= this.logStart.index || this.termAt(index) === term;
  }

  /** What changed in the logs since the last call, in order. Of all generations: only what is there now counts. */
  takeChanges(): readonly LogChange[] {
    const changes = this.#changes;
    if (changes.length > 0) this.#changes = [];
    return changes;
  }

  apply(ops: readonly EngineOp[]): void {
    for (const op of ops) {
      if (op.type === 'put') this.#put(op.key, op.value);
      else this.#delete(op.key);
    }
  }

  /** After the batches that became durable together: the end of the log that counts. */
  settle(): void {
    const { generation, logStart } = this.#activePoint;
    const has = (index: LogIndex): boolean => this.#terms.has(generation * GENERATION_STEP + index);
    this.#lastIndex = Math.max(this.#lastIndex, logStart.index);
    while (this.#lastIndex > logStart.index && !has(this.#lastIndex)) this.#lastIndex -= 1;
    while (has(this.#lastIndex + 1)) this.#lastIndex += 1;
  }

  get #activePoint(): codec.ActiveGeneration {
    if (this.#activeRecord === undefined) return NOTHING;
    this.#active ??= codec.decodeActive(openRecord(metaKey.active, this.#activeRecord, 'the active generation'));
    return this.#active;
  }

  #put(key: Buffer, value: Buffer): void {
    switch (key[0]) {
      case LOG_PREFIX: {
        const index = logIndexOf(key);
        const { term } = this.#book.entryOf(index, key, value);
        const place = generationOf(key) * GENERATION_STEP + index;
        this.#changes.push({ index, before: this.#terms.get(place) });
        this.#terms.set(place, term);
        return;
      }
      case STATE_PREFIX:
        if (key.length === STATE_KEY_BYTES && stateSubkey(key).equals(appliedSubkey)) {
          this.#appliedRecords.set(generationOf(key), value);
        }
        return;
      case META_PREFIX:
        this.#putMeta(key, value);
        return;
      default:
        throw new Error(`a record under the unknown key ${key.toString('hex')}`);
    }
  }

  #putMeta(key: Buffer, value: Buffer): void {
    if (key.equals(metaKey.hardState)) {
      if (this.#hardStateRecord?.equals(value) === true) return;
      this.#hardStateRecord = value;
      this.#hardState = undefined;
    } else if (key.equals(metaKey.active)) {
      this.#activeRecord = value;
      this.#active = undefined;
    }
  }

  #delete(key: Buffer): void {
    if (key[0] === LOG_PREFIX) {
      const index = logIndexOf(key);
      const place = generationOf(key) * GENERATION_STEP + index;
      this.#changes.push({ index, before: this.#terms.get(place) });
      this.#terms.delete(place);
    } else if (key.length === STATE_KEY_BYTES && stateSubkey(key).equals(appliedSubkey)) {
      this.#appliedRecords.delete(generationOf(key));
    }
  }

  #findLast(): void {
    this.#lastIndex = this.logStart.index;
    this.settle();
  }
}

const NOTHING: codec.ActiveGeneration = {
  generation: 0,
  logStart: { index: 0, term: 0, conf: { voters: [], learners: [] } },
};

const STATE_KEY_BYTES = 5 + appliedSubkey.length;

function generationOf(key: Buffer): number {
  return key.readUInt32BE(1);
}
