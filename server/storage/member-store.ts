/**
 * Everything one member keeps on disk, on top of an Engine: identity, hard state, log, replicated state, snapshots.
 * Interface first; ARCHITECTURE.md draws the key layout.
 */
import type { ConfState, Entry, HardState, LogIndex, SnapshotMeta } from '../raft/types.js';
import type { DeleteCause, KeyValue, LeaseInfo, MemberInfo, Revision, StateWrite } from '../state/result.js';
import type { GrantRecord } from '../state/grant/grant-table.js';
import type { SessionRecord } from '../state/session/session-table.js';

/** What a start finds on disk, checked: CRC of every record, contiguous log, pointers in order, identity agreeing. */
export interface LoadedMember {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** How often this data directory was opened, this time included: unique among all lives of this member. */
  readonly boot: number;
  readonly hardState: HardState;
  /** The entry before the first one kept, with the configuration in force there. {0, 0} for a fresh log. */
  readonly logStart: SnapshotMeta;
  readonly entries: readonly Entry[];
  readonly applied: AppliedPoint;
}

/** Written in one atomic batch with the state it stands for. */
export interface AppliedPoint {
  readonly index: LogIndex;
  readonly term: number;
  /** The configuration in force at `index`. */
  readonly conf: ConfState;
  /** The store revision at `index`. */
  readonly revision: number;
}

/** One Ready, or several merged ones: a single engine batch. */
export interface SaveBatch {
  readonly hardState?: HardState;
  /** Contiguous. Whatever stands in the log at or after the first one is replaced. */
  readonly entries?: readonly Entry[];
  readonly state?: { readonly writes: readonly StateWrite[]; readonly applied: AppliedPoint };
  /** State writes that belong to no entry: the slices of a compaction. */
  readonly maintenance?: readonly StateWrite[];
  /** Drop the log up to this point, inclusive. Only behind an applied point that is already durable. */
  readonly trimTo?: SnapshotMeta;
}

export interface StoredRevision {
  readonly revision: Revision;
  readonly tombstone: boolean;
  readonly kv: KeyValue;
  /** Of a tombstone, unless an earlier release wrote it. */
  readonly cause?: DeleteCause;
}

/** What the state machine is rebuilt from, in slices. */
export interface StateRecords {
  readonly applied: AppliedPoint;
  /** -1 when never compacted. */
  readonly compactedRevision: number;
  readonly members: readonly MemberInfo[];
  /**
   * Revision records in ascending order, up to `maxRecords` at a time; empty only at the end. Rejects with
   * StorageCorruptionError on a damaged record and on a missing one: after the compacted revision there are no gaps.
   */
  nextRevisions(maxRecords: number): Promise<readonly StoredRevision[]>;
  /** The leases, up to `maxRecords` at a time; empty only at the end. They come after the last revision. */
  nextLeases(maxRecords: number): Promise<readonly LeaseInfo[]>;
  /** All of sessions, after the last lease: each one before its replies. As many at a time; empty only at the end. */
  nextSessions(maxRecords: number): Promise<readonly SessionRecord[]>;
  /** All of grants, after the last record of sessions. As many at a time; empty only at the end. */
  nextGrants(maxRecords: number): Promise<readonly GrantRecord[]>;
  close(): Promise<void>;
}

/** A consistent cut of the replicated state, to stream to a member that is far behind. */
export interface SnapshotReader {
  readonly meta: SnapshotMeta;
  /** The next chunk, already framed and checksummed, at most `chunkBytesMax` plus one record; undefined at the end. */
  nextChunk(): Promise<Buffer | undefined>;
  close(): Promise<void>;
}

/** Receives a snapshot beside the live state. Nothing is visible before `SaveBatch`-like installation by the store. */
export interface SnapshotWriter {
  /**
   * Chunks in order; a chunk belongs to the writer from the call on. Rejects with SnapshotError on a bad checksum, a gap,
   * an unknown format or a size lie, and from then on every later call does.
   */
  writeChunk(chunk: Buffer): Promise<void>;
  /** Verifies the whole and makes it durable. After it the snapshot waits to be installed. */
  finish(): Promise<SnapshotMeta>;
  /** Throws the received part away. Safe after any failure; after `finish` too, and without effect once installed. */
  abort(): Promise<void>;
}

/** Reads see every save that was called before them, whether it has resolved or not. */
export interface MemberStore {
  /** Once, before everything else. Rejects with StorageCorruptionError, naming the log index where there is one. */
  load(): Promise<LoadedMember>;
  /** One atomic batch; synced when `sync`. Calls take effect in order. A rejection is fatal for the member. */
  save(batch: SaveBatch, options: { readonly sync: boolean }): Promise<void>;
  /** Opens the replicated state for a rebuild. */
  openState(): Promise<StateRecords>;
  /** Values of older revisions; undefined for one that a compaction has removed. Positional. */
  readRevisions(revisions: readonly Revision[]): Promise<readonly (StoredRevision | undefined)[]>;
  /**
   * Every revision record up to and including main revision `upTo`, ascending, at the moment of the call. With `from`,
   * which is at least 1, only those from that main revision on; it takes no longer for what stands before.
   */
  scanRevisions(upTo: number, from?: number): Promise<StateRecords>;
  openSnapshot(): Promise<SnapshotReader>;
  /** One at a time; a second one aborts the first. */
  receiveSnapshot(): Promise<SnapshotWriter>;
  /**
   * Makes the finished snapshot the state of this member, in one synced batch with `hardState`: state, applied point
   * and log start switch together; log entries beyond it are gone. A crash leaves the old or the new state.
   */
  installSnapshot(meta: SnapshotMeta, hardState: HardState): Promise<void>;
  /**
   * Bytes for Maintenance.Status: what the engine takes on disk, and what the live revision records take of it. The
   * second one is exact when `openState` has been read to its end, and estimates what a compaction deletes after that.
   */
  size(): Promise<{ readonly allocatedBytes: number; readonly liveBytes: number }>;
  close(): Promise<void>;
}
