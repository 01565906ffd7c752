/**
 * The one lane to the disk. While a batch is being written, everything that is ready to be saved collects into the
 * next: group commit is the default. Log, hard state, applied state and trims share a batch, so they cannot reorder.
 */
import { assert } from '../lib/assert.js';
import type { Ready } from '../raft/ready.js';
import type { Entry, HardState, Message, SnapshotMeta } from '../raft/types.js';
import type { StateWrite } from '../state/result.js';
import { replyBytes } from '../state/session/reply-size.js';
import { LIMITS } from './limits.js';
import type { AppliedPoint, MemberStore, SaveBatch } from '../storage/member-store.js';

/** What is done when a batch is durable, or in the engine for one that needed no sync. */
export interface SavedBatch {
  /** Readys up to here are saved; 0 when the batch held none. */
  readonly saveId: number;
  readonly afterSave: readonly Message[];
  readonly snapshot: SnapshotMeta | undefined;
  readonly synced: boolean;
  readonly trimmedTo: SnapshotMeta | undefined;
}

export interface SaveLaneEvents {
  saved(batch: SavedBatch): void;
  failed(error: unknown): void;
}

interface Pending {
  saveId: number;
  hardState: HardState | undefined;
  entries: readonly Entry[];
  snapshot: SnapshotMeta | undefined;
  mustSync: boolean;
  afterSave: Message[];
  writes: StateWrite[];
  /** Of keys, values and replies in `writes`. */
  writeBytes: number;
  applied: AppliedPoint | undefined;
  maintenance: StateWrite[];
  trimTo: SnapshotMeta | undefined;
}

function nothing(): Pending {
  return {
    saveId: 0,
    hardState: undefined,
    entries: [],
    snapshot: undefined,
    mustSync: false,
    afterSave: [],
    writes: [],
    writeBytes: 0,
    applied: undefined,
    maintenance: [],
    trimTo: undefined,
  };
}

/** What the lane needs of the store. */
type SaveStore = Pick<MemberStore, 'save' | 'installSnapshot'>;

export class SaveLane {
  readonly #store: SaveStore;
  readonly #events: SaveLaneEvents;
  #pending = nothing();
  #inFlight: Promise<void> | undefined;
  #isSyncInFlight = false;
  #isDemanded = false;
  /** Since when work that is in no hurry waits. */
  #lazySince: number | undefined;
  #hasFailed = false;
  #writingSince: number | undefined;
  /** Batches are numbered from 1, in the order in which they are written. */
  #lastBatch = 0;
  #lastHardState: HardState;
  /** The applied point in the engine, whether synced or not. */
  #written: AppliedPoint;
  #durable: AppliedPoint;

  constructor(store: SaveStore, start: { hardState: HardState; applied: AppliedPoint }, events: SaveLaneEvents) {
    this.#store = store;
    this.#events = events;
    this.#lastHardState = start.hardState;
    this.#written = start.applied;
    this.#durable = start.applied;
  }

  /** State up to here can be read from the engine. */
  get writtenPoint(): AppliedPoint {
    return this.#written;
  }
  /** State up to here survives a crash: the log before it may go. */
  get durablePoint(): AppliedPoint {
    return this.#durable;
  }
  get pendingWrites(): number {
    return this.#pending.writes.length + this.#pending.maintenance.length;
  }
  /** State writes pile up faster than the disk takes them: nothing more is to be applied for now. */
  get isFull(): boolean {
    return this.pendingWrites >= LIMITS.pendingWritesMax || this.#pending.writeBytes >= LIMITS.pendingWriteBytesMax;
  }
  get isIdle(): boolean {
    return this.#inFlight === undefined && !this.#hasWork;
  }
  /** The batch that holds the last of what was added up to now. */
  get lastBatch(): number {
    return this.#hasWork ? this.#lastBatch + 1 : this.#lastBatch;
  }
  /** In the engine up to this batch. */
  get writtenBatch(): number {
    return this.#inFlight === undefined ? this.#lastBatch : this.#lastBatch - 1;
  }
  /** Since when the current batch is being written, by the clock of `flush`; undefined when none is. */
  get writingSince(): number | undefined {
    return this.#writingSince;
  }

  addReady(ready: Ready): void {
    const pending = this.#pending;
    pending.saveId = ready.saveId;
    if (ready.hardState !== undefined) pending.hardState = ready.hardState;
    if (ready.snapshot !== undefined) {
      // The snapshot replaces the log: entries collected before it are gone.
      pending.snapshot = ready.snapshot;
      pending.entries = [];
      pending.writes = [];
      pending.writeBytes = 0;
      pending.applied = undefined;
      pending.maintenance = [];
      pending.trimTo = undefined;
    }
    if (ready.entries.length > 0) pending.entries = overwrite(pending.entries, ready.entries);
    if (ready.mustSync) pending.mustSync = true;
    pending.afterSave.push(...ready.afterSave);
  }

  /** Belong to the applied point that addApplied brings next, in the same turn. */
  addWrites(writes: readonly StateWrite[]): void {
    for (const write of writes) {
      this.#pending.writes.push(write);
      if (write.kind === 'putRevision') this.#pending.writeBytes += write.kv.key.length + write.kv.value.length;
      else if (write.kind === 'putReply') this.#pending.writeBytes += replyBytes(write.reply.outcome);
    }
  }

  addApplied(applied: AppliedPoint): void {
    this.#pending.applied = applied;
  }

  addMaintenance(writes: readonly StateWrite[]): void {
    for (const write of writes) this.#pending.maintenance.push(write);
  }

  addTrim(trimTo: SnapshotMeta): void {
    assert(trimTo.index <= this.#durable.index, 'trim beyond the durable state', { index: trimTo.index });
    this.#pending.trimTo = trimTo;
  }

  /** An earlier sync is under way or due: what is promised after it must wait for it. */
  get isSyncing(): boolean {
    return this.#isSyncInFlight || this.#pending.mustSync;
  }

  /** Somebody waits for what is pending: the next flush writes it, whatever it is. */
  demand(): void {
    this.#isDemanded = true;
  }

  /** Whether flush() has something to do now: to write, or to note since when work waits. */
  isDue(now: number): boolean {
    if (this.#inFlight !== undefined || this.#hasFailed || !this.#hasWork) return false;
    return this.#lazySince === undefined || now - this.#lazySince >= LIMITS.lazyWriteMs || this.#isUrgent;
  }

  /**
   * Starts the next batch unless one is under way. State and commit index alone are in no hurry, since a crash brings
   * them back from the log: for a while they wait for a batch that must be written anyway. After a failure nothing is
   * ever written again.
   */
  flush(now: number): void {
    if (!this.isDue(now)) return;
    if (!this.#isUrgent) {
      this.#lazySince ??= now;
      if (now - this.#lazySince < LIMITS.lazyWriteMs) return;
    }
    this.#lazySince = undefined;
    this.#isDemanded = false;
    this.#isSyncInFlight = this.#pending.mustSync;
    const pending = this.#pending;
    this.#pending = nothing();
    if (pending.hardState !== undefined) this.#lastHardState = pending.hardState;
    this.#writingSince = now;
    this.#lastBatch += 1;
    this.#inFlight = this.#write(pending).then(
      () => this.#finished(pending),
      (error: unknown) => {
        // Never a second try: after a failed sync nobody knows what is on the disk.
        this.#hasFailed = true;
        this.#inFlight = undefined;
        this.#events.failed(error);
      },
    );
  }

  /** Resolves when nothing is being written. */
  async drained(): Promise<void> {
    while (this.#inFlight !== undefined) await this.#inFlight;
  }

  get #isUrgent(): boolean {
    const { mustSync, afterSave, snapshot, trimTo } = this.#pending;
    const isPromised = mustSync || afterSave.length > 0 || snapshot !== undefined || trimTo !== undefined;
    return isPromised || this.#isDemanded || this.isFull;
  }

  get #hasWork(): boolean {
    const { saveId, maintenance, applied, trimTo } = this.#pending;
    return saveId > 0 || maintenance.length > 0 || applied !== undefined || trimTo !== undefined;
  }

  async #write(pending: Pending): Promise<void> {
    if (pending.snapshot !== undefined) {
      // Entries that follow the snapshot come in the batch after it: until then nothing beyond it is committed on disk.
      const commit = Math.min(this.#lastHardState.commit, pending.snapshot.index);
      await this.#store.installSnapshot(pending.snapshot, { ...this.#lastHardState, commit });
    }
    const batch: SaveBatch = {
      ...(pending.hardState === undefined ? {} : { hardState: pending.hardState }),
      ...(pending.entries.length === 0 ? {} : { entries: pending.entries }),
      ...(pending.applied === undefined ? {} : { state: { writes: pending.writes, applied: pending.applied } }),
      ...(pending.maintenance.length === 0 ? {} : { maintenance: pending.maintenance }),
      ...(pending.trimTo === undefined ? {} : { trimTo: pending.trimTo }),
    };
    if (Object.keys(batch).length > 0) await this.#store.save(batch, { sync: pending.mustSync });
  }

  #finished(pending: Pending): void {
    this.#inFlight = undefined;
    this.#isSyncInFlight = false;
    this.#writingSince = undefined;
    if (pending.snapshot !== undefined) {
      const { index, term, conf } = pending.snapshot;
      this.#written = { index, term, conf, revision: 0 };
      this.#durable = this.#written;
    }
    if (pending.applied !== undefined) this.#written = pending.applied;
    if (pending.mustSync) this.#durable = this.#written;
    this.#events.saved({
      saveId: pending.saveId,
      afterSave: pending.afterSave,
      snapshot: pending.snapshot,
      synced: pending.mustSync,
      trimmedTo: pending.trimTo,
    });
  }
}

/** `later` replaces whatever `earlier` holds at or after its first index. */
function overwrite(earlier: readonly Entry[], later: readonly Entry[]): readonly Entry[] {
  const first = later[0];
  if (first === undefined || earlier.length === 0) return later;
  return [...earlier.filter((entry) => entry.index < first.index), ...later];
}
