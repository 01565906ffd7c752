/**
 * MemberStore on an Engine. It knows where every record stands and that records which belong together share a batch;
 * the engine keeps the batches in order. open-member-store.ts makes it, on a data directory that has been checked.
 *
 * Invariant: logStart.index <= applied.index <= lastIndex, on disk and here, after every batch.
 */
import { assert } from '../lib/assert.js';
import type { Entry, HardState, LogIndex, SnapshotMeta } from '../raft/types.js';
import type { Revision, StateWrite } from '../state/result.js';
import type { ActiveGeneration } from './codec.js';
import * as codec from './codec.js';
import type { Engine, EngineOp, KeyRange } from './engine.js';
import type { MemberIdentity } from './identity.js';
import * as keys from './keys.js';
import { scanLog } from './log-scan.js';
import type { AppliedPoint, LoadedMember, MemberStore, SaveBatch } from './member-store.js';
import type { SnapshotReader, SnapshotWriter, StateRecords, StoredRevision } from './member-store.js';
import { RangeCleaner } from './range-cleaner.js';
import { openRecord } from './record.js';
import { activeOp, deleteEntryOp, entryOp, hardStateOp, statePut, stateOp } from './record-ops.js';
import { ReplyRun } from './reply-run.js';
import { EngineSnapshotReader } from './snapshot-reader.js';
import { EngineSnapshotWriter, type StagedSnapshot } from './snapshot-writer.js';
import { decodeRevisionRecord, StateScan, type ScanTotals } from './state-scan.js';
import { StorageCorruptionError } from './storage-errors.js';

/** What open-member-store.ts has read and checked already. */
export interface OpenedMember extends MemberIdentity {
  readonly boot: number;
  readonly hardState: HardState;
  readonly active: ActiveGeneration;
}

/** Records behind the log start that one save deletes on the side; a long trim takes several saves. */
const TRIM_ENTRIES_PER_SAVE = 1000;

export class EngineMemberStore implements MemberStore {
  readonly #engine: Engine;
  readonly #opened: OpenedMember;
  readonly #cleaner: RangeCleaner;
  #isLoaded = false;
  #generation: number;
  /** Higher than every generation that the engine holds anything of. */
  #nextGeneration: number;
  #hardState: HardState;
  #logStart: SnapshotMeta;
  /** Log records up to here are gone from the engine. Behind logStart while a long trim is under way. */
  #trimmedTo: LogIndex;
  #lastIndex: LogIndex = 0;
  #applied: AppliedPoint = { index: 0, term: 0, conf: { voters: [], learners: [] }, revision: 0 };
  /** What a crash surely leaves: the log may be trimmed up to here. */
  #durableAppliedIndex: LogIndex = 0;
  /** The revision records of the state, for `size`. Counted anew by each full scan. */
  #liveRecords = 0;
  #liveBytes = 0;
  #writer: EngineSnapshotWriter | undefined;
  #staged: StagedSnapshot | undefined;
  #savesInFlight = 0;
  #lastSave: Promise<void> = Promise.resolve();

  constructor(engine: Engine, opened: OpenedMember) {
    this.#engine = engine;
    this.#opened = opened;
    this.#cleaner = new RangeCleaner(engine);
    this.#hardState = opened.hardState;
    this.#generation = opened.active.generation;
    this.#nextGeneration = opened.active.generation + 1;
    this.#logStart = opened.active.logStart;
    this.#trimmedTo = opened.active.logStart.index;
  }

  async load(): Promise<LoadedMember> {
    assert(!this.#isLoaded, 'a member store is loaded once');
    await this.#dropLeftovers();
    const entries = await scanLog(this.#engine, this.#generation, this.#logStart);
    this.#applied = await this.#readApplied();
    this.#lastIndex = entries.at(-1)?.index ?? this.#logStart.index;
    this.#checkPointers(entries);
    // The engine has written everything it recovered to new, synced files.
    this.#durableAppliedIndex = this.#applied.index;
    this.#isLoaded = true;
    const { clusterId, memberId, boot } = this.#opened;
    const commit = Math.max(this.#hardState.commit, this.#applied.index);
    const hardState = { ...this.#hardState, commit };
    return { clusterId, memberId, boot, hardState, logStart: this.#logStart, entries, applied: this.#applied };
  }

  async save(batch: SaveBatch, { sync }: { readonly sync: boolean }): Promise<void> {
    assert(this.#isLoaded, 'save before load');
    const ops: EngineOp[] = [];
    this.#saveHardState(ops, batch.hardState);
    if (batch.entries !== undefined) this.#saveEntries(ops, batch.entries);
    if (batch.state !== undefined) this.#saveApplied(ops, batch.state.writes, batch.state.applied);
    if (batch.maintenance !== undefined) this.#saveState(ops, batch.maintenance);
    if (batch.trimTo !== undefined) this.#saveTrim(ops, batch.trimTo);
    this.#deleteTrimmed(ops);
    assert(this.#hardState.commit <= this.#lastIndex, 'commit beyond the end of the log', {
      commit: this.#hardState.commit,
      lastIndex: this.#lastIndex,
    });
    const appliedIndex = this.#applied.index;
    await this.#write(ops, sync);
    if (sync) this.#durableAppliedIndex = Math.max(this.#durableAppliedIndex, appliedIndex);
  }

  async openState(): Promise<StateRecords> {
    if (this.#savesInFlight > 0) await this.#lastSave;
    const iterator = this.#engine.iterate(keys.stateRange(this.#generation));
    const onEnd = (totals: ScanTotals): void => {
      this.#liveRecords = totals.records;
      this.#liveBytes = totals.bytes;
    };
    return StateScan.open({ iterator, upTo: Number.MAX_SAFE_INTEGER, onEnd });
  }

  async readRevisions(revisions: readonly Revision[]): Promise<readonly (StoredRevision | undefined)[]> {
    if (this.#savesInFlight > 0) await this.#lastSave;
    const subkeys = revisions.map(keys.revisionSubkey);
    const records = await this.#engine.getMany(subkeys.map((subkey) => keys.stateKey(this.#generation, subkey)));
    return subkeys.map((subkey, i) => {
      const record = records[i];
      return record === undefined ? undefined : decodeRevisionRecord(subkey, record);
    });
  }

  async scanRevisions(upTo: number, from?: number): Promise<StateRecords> {
    if (this.#savesInFlight > 0) await this.#lastSave;
    const bound = Math.min(upTo, Number.MAX_SAFE_INTEGER - 1);
    if (from !== undefined) {
      const iterator = this.#engine.iterate(keys.revisionRange(this.#generation, from, Math.max(bound, from - 1)));
      const head = this.#engine.iterate(keys.stateHeadRange(this.#generation));
      return StateScan.open({ iterator, head, from, upTo: bound });
    }
    const iterator = this.#engine.iterate(keys.stateRangeUpTo(this.#generation, bound));
    return StateScan.open({ iterator, upTo: bound });
  }

  async openSnapshot(): Promise<SnapshotReader> {
    if (this.#savesInFlight > 0) await this.#lastSave;
    const iterator = this.#engine.iterate(keys.stateRange(this.#generation));
    return EngineSnapshotReader.open(this.#opened.clusterId, iterator);
  }

  async receiveSnapshot(): Promise<SnapshotWriter> {
    assert(this.#isLoaded, 'receiveSnapshot before load');
    await this.#writer?.abort();
    const generation = this.#nextGeneration;
    this.#nextGeneration += 1;
    const writer = new EngineSnapshotWriter(this.#engine, this.#opened.clusterId, generation, {
      finished: (staged) => {
        this.#staged = staged;
      },
      dropped: (dropped) => {
        if (this.#staged?.generation === dropped) this.#staged = undefined;
        this.#cleaner.cleanLater(keys.stateRange(dropped));
      },
    });
    this.#writer = writer;
    return writer;
  }

  async installSnapshot(meta: SnapshotMeta, hardState: HardState): Promise<void> {
    const staged = this.#staged;
    assert(staged !== undefined, 'no finished snapshot to install', { index: meta.index });
    const { applied, generation } = staged;
    assert(applied.index === meta.index && applied.term === meta.term, 'another snapshot waits to be installed', {
      waiting: applied.index,
      index: meta.index,
    });
    assert(meta.index > this.#applied.index, 'a snapshot must not move the applied point back', {
      applied: this.#applied.index,
      index: meta.index,
    });
    this.#writer?.installed();
    this.#staged = undefined;
    const old = this.#generation;
    const logStart = { index: applied.index, term: applied.term, conf: applied.conf };
    this.#switchTo(generation, logStart, applied);
    const ops: EngineOp[] = [activeOp({ generation, logStart })];
    this.#saveHardState(ops, hardState);
    await this.#write(ops, true);
    this.#durableAppliedIndex = applied.index;
    this.#cleaner.cleanLater(keys.stateRange(old));
    this.#cleaner.cleanLater(keys.logRange(old, 0));
  }

  async size(): Promise<{ readonly allocatedBytes: number; readonly liveBytes: number }> {
    return { allocatedBytes: await this.#engine.allocatedBytes(), liveBytes: Math.round(this.#liveBytes) };
  }

  async close(): Promise<void> {
    await this.#cleaner.stop();
    await this.#engine.close();
  }

  /** Every batch carries it whole: a block that the engine loses cannot bring an older vote back behind newer entries. */
  #saveHardState(ops: EngineOp[], hardState: HardState = this.#hardState): void {
    const { term, vote, commit } = this.#hardState;
    assert(hardState.term >= term, 'the term goes back', { from: term, to: hardState.term });
    assert(hardState.term > term || vote === 0n || hardState.vote === vote, 'a second vote in one term', { term });
    assert(hardState.commit >= commit, 'the commit index goes back', { from: commit, to: hardState.commit });
    this.#hardState = hardState;
    ops.push(hardStateOp(hardState));
  }

  #saveEntries(ops: EngineOp[], entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index <= this.#lastIndex + 1, 'entries leave a gap in the log', {
      first: first.index,
      lastIndex: this.#lastIndex,
    });
    assert(first.index > this.#applied.index, 'entries replace what is applied', {
      first: first.index,
      applied: this.#applied.index,
    });
    let expected = first;
    for (const entry of entries) {
      const offset = entry.index - first.index;
      assert(entries[offset] === entry && entry.term >= expected.term, 'entries are not contiguous', {
        index: entry.index,
      });
      assert(entry.term <= this.#hardState.term, 'an entry is newer than the term', { index: entry.index });
      ops.push(entryOp(this.#generation, entry));
      expected = entry;
    }
    for (let stale = expected.index + 1; stale <= this.#lastIndex; stale += 1) {
      ops.push(deleteEntryOp(this.#generation, stale));
    }
    this.#lastIndex = expected.index;
  }

  #saveApplied(ops: EngineOp[], writes: readonly StateWrite[], applied: AppliedPoint): void {
    assert(
      applied.index > this.#applied.index && applied.index <= this.#lastIndex,
      'the applied point is out of order',
      {
        from: this.#applied.index,
        to: applied.index,
        lastIndex: this.#lastIndex,
      },
    );
    this.#saveState(ops, writes);
    ops.push(statePut(this.#generation, keys.appliedSubkey, codec.encodeApplied(applied)));
    this.#applied = applied;
  }

  #saveState(ops: EngineOp[], writes: readonly StateWrite[]): void {
    const run = new ReplyRun();
    const endRun = (): void => {
      const write = run.take();
      if (write !== undefined) ops.push(stateOp(this.#generation, write));
    };
    // Each change of a grant writes it, and the last one stands for all.
    let grantClock: StateWrite | undefined;
    for (const write of writes) {
      if (write.kind === 'grantClock') {
        grantClock = write;
        continue;
      }
      if (write.kind === 'putReply') {
        if (run.add(write.reply)) continue;
        endRun();
        if (run.add(write.reply)) continue;
      } else if (write.kind !== 'putRevision') {
        // It may be about one of these replies.
        endRun();
      }
      const op = stateOp(this.#generation, write);
      ops.push(op);
      if (write.kind === 'putRevision' && op.type === 'put') this.#countPut(op.key.length + op.value.length);
      if (write.kind === 'deleteRevision') this.#countDelete();
    }
    endRun();
    if (grantClock !== undefined) ops.push(stateOp(this.#generation, grantClock));
  }

  #saveTrim(ops: EngineOp[], trimTo: SnapshotMeta): void {
    assert(trimTo.index >= this.#logStart.index, 'the log start goes back', { to: trimTo.index });
    assert(trimTo.index <= this.#durableAppliedIndex, 'a trim beyond the durable state', {
      to: trimTo.index,
      durable: this.#durableAppliedIndex,
    });
    this.#logStart = trimTo;
    ops.push(activeOp({ generation: this.#generation, logStart: trimTo }));
  }

  #deleteTrimmed(ops: EngineOp[]): void {
    const end = Math.min(this.#logStart.index, this.#trimmedTo + TRIM_ENTRIES_PER_SAVE);
    for (let index = this.#trimmedTo + 1; index <= end; index += 1) {
      ops.push(deleteEntryOp(this.#generation, index));
    }
    this.#trimmedTo = Math.max(this.#trimmedTo, end);
  }

  #switchTo(generation: number, logStart: SnapshotMeta, applied: AppliedPoint): void {
    this.#generation = generation;
    this.#logStart = logStart;
    this.#trimmedTo = logStart.index;
    this.#lastIndex = logStart.index;
    this.#applied = applied;
    this.#liveRecords = 0;
    this.#liveBytes = 0;
  }

  async #write(ops: readonly EngineOp[], sync: boolean): Promise<void> {
    const write = this.#engine.write(ops, { sync });
    this.#savesInFlight += 1;
    this.#lastSave = write.catch(() => undefined);
    try {
      await write;
    } finally {
      this.#savesInFlight -= 1;
    }
  }

  /** What an interrupted snapshot, install or trim left behind. */
  async #dropLeftovers(): Promise<void> {
    const state = keys.stateRange(this.#generation);
    const log = keys.logRange(this.#generation, this.#logStart.index + 1);
    const leftovers: readonly KeyRange[] = [
      { gte: keys.everyStateKey.gte, lt: state.gte },
      { gte: state.lt, lt: keys.everyStateKey.lt },
      { gte: keys.everyLogKey.gte, lt: log.gte },
      { gte: log.lt, lt: keys.everyLogKey.lt },
    ];
    for (const range of leftovers) await this.#cleaner.clean(range);
  }

  async #readApplied(): Promise<AppliedPoint> {
    const record = await this.#engine.get(keys.stateKey(this.#generation, keys.appliedSubkey));
    if (record === undefined) throw new StorageCorruptionError('the applied point is missing');
    const what = 'the applied point';
    return codec.decodeStored(codec.decodeApplied, openRecord(keys.appliedSubkey, record, what), what);
  }

  #checkPointers(entries: readonly Entry[]): void {
    const { index, term } = this.#applied;
    const start = this.#logStart;
    if (index < start.index) refuse(`the state is at index ${index}, but the log begins after ${start.index}`, index);
    if (index > this.#lastIndex)
      refuse(`the state is at index ${index}, but the log ends at ${this.#lastIndex}`, index);
    const appliedEntry = index === start.index ? start : entries[index - start.index - 1];
    if (appliedEntry?.term !== term) refuse(`the state is at term ${term} of index ${index}, the log is not`, index);
    const { commit, term: currentTerm } = this.#hardState;
    if (commit > this.#lastIndex)
      refuse(`entry ${commit} is committed, but the log ends at ${this.#lastIndex}`, commit);
    const lastTerm = entries.at(-1)?.term ?? start.term;
    if (lastTerm > currentTerm) {
      refuse(`the log ends in term ${lastTerm}, but the hard state says ${currentTerm}`, this.#lastIndex);
    }
  }

  #countPut(bytes: number): void {
    this.#liveRecords += 1;
    this.#liveBytes += bytes;
  }

  /** Takes the mean: the size of a deleted record is not known without reading it. */
  #countDelete(): void {
    if (this.#liveRecords === 0) return;
    this.#liveBytes -= this.#liveBytes / this.#liveRecords;
    this.#liveRecords -= 1;
  }
}

function refuse(message: string, index: LogIndex): never {
  throw new StorageCorruptionError(message, index);
}
