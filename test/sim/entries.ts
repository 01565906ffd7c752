/**
 * Every entry that was ever durable anywhere, by term and index. Two entries under one id, or one entry behind two
 * different ones, would mean that two leaders made the same term's log.
 */
import type { Entry, EntryId, LogIndex, Term } from '../../server/raft/types.js';
import { decodeStored } from '../../server/storage/codec.js';
import { decodeEntry } from '../../server/storage/entry-codec.js';
import { openRecord } from '../../server/storage/record.js';
import type { EntryBook } from './durable-image.js';
import type { Report } from './check-report.js';

const STEP = 2 ** 32;

export class Entries implements EntryBook {
  readonly #report: Report;
  /** By index and the record's own checksum. */
  readonly #byRecord = new Map<number, Entry>();
  readonly #byId = new Map<number, Entry>();
  /** Of each entry, the term of the one before it. */
  readonly #before = new Map<number, Term>();

  constructor(report: Report) {
    this.#report = report;
  }

  entryOf(index: LogIndex, key: Buffer, record: Buffer): Entry {
    const fingerprint = index * STEP + record.readUInt32BE(0);
    const known = this.#byRecord.get(fingerprint);
    if (known !== undefined) return known;
    const what = `log entry ${index}`;
    const entry = this.#register(decodeStored(decodeEntry, openRecord(key, record, what, index), what, index));
    if (entry.index !== index) this.#report('entry-identity', `${what} is stored as entry ${entry.index}`);
    this.#byRecord.set(fingerprint, entry);
    return entry;
  }

  get({ term, index }: EntryId): Entry | undefined {
    return this.#byId.get(term * STEP + index);
  }

  /** The term that stands before the entry wherever it stands. */
  termBefore({ term, index }: EntryId): Term | undefined {
    return this.#before.get(term * STEP + index);
  }

  /** A log in which an entry of `before` stands in front of the entry `id`. */
  follows(id: EntryId, before: Term, where: string): void {
    const key = id.term * STEP + id.index;
    const known = this.#before.get(key);
    if (known === undefined) this.#before.set(key, before);
    else if (known !== before) {
      const text = `entry ${id.term}/${id.index} follows term ${before} ${where}, and term ${known} elsewhere`;
      this.#report('log-matching', text);
    }
  }

  #register(entry: Entry): Entry {
    const key = entry.term * STEP + entry.index;
    const known = this.#byId.get(key);
    if (known === undefined) {
      this.#byId.set(key, entry);
      return entry;
    }
    if (known.kind !== entry.kind || !Buffer.from(known.data).equals(entry.data)) {
      this.#report('entry-identity', `two entries are ${entry.term}/${entry.index}`);
    }
    return known;
  }
}
