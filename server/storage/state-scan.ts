/**
 * Reads one cut of the replicated state, record by record, and checks it: every checksum, every decoding, and that no
 * revision after the compacted one is missing. It never writes.
 */
import { assert } from '../lib/assert.js';
import type { LeaseInfo, MemberInfo, Revision } from '../state/result.js';
import type { GrantRecord } from '../state/grant/grant-table.js';
import type { SessionRecord } from '../state/session/session-table.js';
import { decodeApplied, decodeLease, decodeMember, decodeNumber, decodeStored } from './codec.js';
import { decodeRevision } from './revision-codec.js';
import type { EngineIterator } from './engine.js';
import { decodeGrantRecord } from './grant-records.js';
import { leaseSubkey, revisionOf, stateSubkey, stateTable, tableOf } from './keys.js';
import type { AppliedPoint, StateRecords, StoredRevision } from './member-store.js';
import { openRecord } from './record.js';
import { decodeSessionRecord } from './session-records.js';
import { StorageCorruptionError } from './storage-errors.js';

type Pair = readonly [key: Buffer, value: Buffer];

/** Records of one engine read while the head of a cut is looked for. */
const HEAD_SLICE = 64;
/** The revision of a store in which nothing was ever written; it has no record. */
const FIRST_REVISION = 1;

export function decodeRevisionRecord(subkey: Buffer, record: Buffer): StoredRevision {
  const revision = revisionOf(subkey);
  if (revision === undefined)
    throw new StorageCorruptionError(`a state record stands under the unknown key ${hex(subkey)}`);
  const what = `revision ${revision.main}.${revision.sub}`;
  const stored = decodeStored(decodeRevision, openRecord(subkey, record, what), what);
  if (stored.kv.modRevision !== revision.main) {
    throw new StorageCorruptionError(`${what} is corrupt: it says it is ${stored.kv.modRevision}`);
  }
  return { revision, ...stored };
}

export function decodeLeaseRecord(subkey: Buffer, record: Buffer): LeaseInfo {
  const what = `the lease ${hex(subkey)}`;
  const lease = decodeStored(decodeLease, openRecord(subkey, record, what), what);
  if (!subkey.equals(leaseSubkey(lease.id))) {
    throw new StorageCorruptionError(`${what} is corrupt: it says it is ${lease.id}`);
  }
  return lease;
}

interface Head {
  applied: AppliedPoint | undefined;
  compactedRevision: number;
  readonly members: MemberInfo[];
}

/** What a completed scan has seen of the revisions. */
export interface ScanTotals {
  readonly records: number;
  readonly bytes: number;
}

export class StateScan implements StateRecords {
  readonly applied: AppliedPoint;
  readonly compactedRevision: number;
  readonly members: readonly MemberInfo[];
  readonly #iterator: EngineIterator;
  readonly #upTo: number;
  readonly #onEnd: (totals: ScanTotals) => void;
  /** Read with the head already. */
  #ahead: readonly Pair[];
  #last: Revision | undefined;
  #records = 0;
  #bytes = 0;
  #isAtEnd = false;
  #areLeasesRead = false;
  #areSessionsRead = false;

  private constructor(source: StateSource, head: Head & { applied: AppliedPoint }, ahead: readonly Pair[]) {
    this.applied = head.applied;
    this.compactedRevision = head.compactedRevision;
    this.members = head.members;
    this.#iterator = source.iterator;
    this.#upTo = Math.min(source.upTo, head.applied.revision);
    this.#onEnd = source.onEnd ?? (() => undefined);
    this.#ahead = ahead;
    // As if everything before had been read.
    if (source.from !== undefined) this.#last = { main: source.from - 1, sub: 0 };
  }

  /** Takes the iterators over, also when it rejects. */
  static async open(source: ScanSource): Promise<StateScan> {
    const { head: before, ...rest } = source;
    try {
      const { head, ahead } = await readHead(before ?? source.iterator);
      return new StateScan(rest, head, ahead);
    } catch (error: unknown) {
      await source.iterator.close();
      throw error;
    } finally {
      await before?.close();
    }
  }

  async nextRevisions(maxRecords: number): Promise<readonly StoredRevision[]> {
    if (this.#isAtEnd) return [];
    const pairs = await this.#nextPairs(maxRecords, stateTable.lease);
    const revisions = pairs.map(([key, record]) => {
      const stored = decodeRevisionRecord(stateSubkey(key), record);
      this.#checkNext(stored.revision);
      this.#records += 1;
      this.#bytes += key.length + record.length;
      return stored;
    });
    if (pairs.length === 0) this.#finish();
    return revisions;
  }

  async nextLeases(maxRecords: number): Promise<readonly LeaseInfo[]> {
    assert(this.#isAtEnd, 'leases come after the last revision');
    const pairs = await this.#nextPairs(maxRecords, stateTable.sessionClock);
    this.#areLeasesRead ||= pairs.length === 0;
    return pairs.map(([key, record]) => decodeLeaseRecord(stateSubkey(key), record));
  }

  async nextSessions(maxRecords: number): Promise<readonly SessionRecord[]> {
    assert(this.#areLeasesRead, 'sessions come after the last lease');
    const pairs = await this.#nextPairs(maxRecords, stateTable.grantClock);
    this.#areSessionsRead ||= pairs.length === 0;
    return pairs.map(([key, record]) => decodeSessionRecord(stateSubkey(key), record));
  }

  async nextGrants(maxRecords: number): Promise<readonly GrantRecord[]> {
    assert(this.#areSessionsRead, 'grants come after the last session');
    const pairs = await this.#nextPairs(maxRecords, Infinity);
    return pairs.map(([key, record]) => decodeGrantRecord(stateSubkey(key), record));
  }

  close(): Promise<void> {
    return this.#iterator.close();
  }

  /** Those from the next one on that stand in a table before `endTable`. */
  async #nextPairs(maxRecords: number, endTable: number): Promise<readonly Pair[]> {
    if (this.#ahead.length === 0) this.#ahead = await this.#iterator.next(maxRecords);
    const others = this.#ahead.findIndex(([key]) => tableOf(key) >= endTable);
    const pairs = this.#ahead.slice(0, Math.min(maxRecords, others === -1 ? maxRecords : others));
    this.#ahead = this.#ahead.slice(pairs.length);
    return pairs;
  }

  /**
   * An engine that lost a block of its log holds the later ones all the same. Below the compacted revision gaps are
   * normal; after it, each main revision has the records 0, 1, 2, ... and follows the one before.
   */
  #checkNext(revision: Revision): void {
    const last = this.#last;
    this.#last = revision;
    if (revision.main <= this.#firstKept) return;
    const expectedMain = last === undefined ? this.#firstKept + 1 : Math.max(last.main, this.#firstKept) + 1;
    const isNextSub = last !== undefined && revision.main === last.main && revision.sub === last.sub + 1;
    const isNextMain = revision.main === expectedMain && revision.sub === 0;
    if (!isNextSub && !isNextMain) throw missingRevision(expectedMain, `${revision.main}.${revision.sub} comes next`);
  }

  #finish(): void {
    this.#isAtEnd = true;
    const last = Math.max(this.#last?.main ?? 0, this.#firstKept);
    if (last < this.#upTo) throw missingRevision(last + 1, `the state is at ${this.applied.revision}`);
    if (this.#upTo < last && last > this.#firstKept) {
      throw new StorageCorruptionError(`revision ${last} is stored, but the state is at ${this.#upTo} only`);
    }
    this.#onEnd({ records: this.#records, bytes: this.#bytes });
  }

  /** Every revision after this one has its records. */
  get #firstKept(): number {
    return Math.max(this.compactedRevision, FIRST_REVISION);
  }
}

interface StateSource {
  /** Over the state of one generation: from its first key on, or with `from` the revisions from there on alone. */
  readonly iterator: EngineIterator;
  /** The first main revision that the iterator's range holds. */
  readonly from?: number;
  /** The last one. */
  readonly upTo: number;
  readonly onEnd?: (totals: ScanTotals) => void;
}

export interface ScanSource extends StateSource {
  /** With `from`: over what stands before all revisions. Opened after `iterator`, so that it is never the older one. */
  readonly head?: EngineIterator;
}

/** Reads up to the first revision, and answers with what it read of the revisions by then. */
async function readHead(
  iterator: EngineIterator,
): Promise<{ readonly head: Head & { applied: AppliedPoint }; readonly ahead: readonly Pair[] }> {
  const head: Head = { applied: undefined, compactedRevision: -1, members: [] };
  for (;;) {
    const pairs = await iterator.next(HEAD_SLICE);
    const taken = takeHead(head, pairs);
    if (pairs.length > 0 && taken === pairs.length) continue;
    return { head: checkedHead(head), ahead: pairs.slice(taken) };
  }
}

/** Answers how many of the pairs belong to the head: the revisions begin after them. */
function takeHead(head: Head, pairs: readonly Pair[]): number {
  let taken = 0;
  for (const [key, record] of pairs) {
    const subkey = stateSubkey(key);
    if (tableOf(key) >= stateTable.revision) break;
    takeHeadRecord(head, subkey, record);
    taken += 1;
  }
  return taken;
}

function takeHeadRecord(head: Head, subkey: Buffer, record: Buffer): void {
  switch (subkey[0]) {
    case stateTable.applied:
      head.applied = decodeStored(decodeApplied, openRecord(subkey, record, 'the applied point'), 'the applied point');
      return;
    case stateTable.compacted: {
      const what = 'the compacted revision';
      head.compactedRevision = decodeStored(decodeNumber, openRecord(subkey, record, what), what);
      return;
    }
    case stateTable.member:
      head.members.push(decodeStored(decodeMember, openRecord(subkey, record, 'a member record'), 'a member record'));
      return;
    default:
      throw new StorageCorruptionError(`a state record stands under the unknown key ${hex(subkey)}`);
  }
}

function checkedHead(head: Head): Head & { applied: AppliedPoint } {
  const { applied, compactedRevision } = head;
  if (applied === undefined) throw new StorageCorruptionError('the applied point is missing');
  if (compactedRevision > applied.revision) {
    const text = `the state is compacted at ${compactedRevision}, after its own revision ${applied.revision}`;
    throw new StorageCorruptionError(text);
  }
  return { ...head, applied };
}

function missingRevision(main: number, found: string): StorageCorruptionError {
  return new StorageCorruptionError(`revision ${main} is missing from the state: ${found}`);
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex');
}
