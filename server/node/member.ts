/**
 * What the doors may ask of a member. Every promise settles exactly once, by the deadline at the latest, and rejects
 * with QuorateError only: a definite code says the request surely did not happen, OUTCOME_UNKNOWN that it may have.
 */
import type { CompactCommand, DeleteRangeCommand, PutCommand, RangeQuery, TxnCommand } from '../state/command.js';
import type { KeyValue, MemberInfo, RangeResult } from '../state/result.js';
import type { StreamReader, WatchStream } from '../watch/watch-stream.js';

export type { WatchBatch, WatchOutput, WatchRefusal, WatchSpec } from '../watch/watch-output.js';
export type { StreamReader, WatchStream } from '../watch/watch-stream.js';

export interface Header {
  readonly clusterId: bigint;
  /** The member that answers, also when another one leads. */
  readonly memberId: bigint;
  readonly revision: number;
  readonly raftTerm: number;
}

export interface RequestOptions {
  /** Monotonic milliseconds of the member's Clock. The member's own request timeout holds in any case. */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
}

export interface PutAnswer {
  readonly header: Header;
  readonly prevKv: KeyValue | undefined;
}

export interface DeleteRangeAnswer {
  readonly header: Header;
  readonly deleted: number;
  readonly prevKvs: readonly KeyValue[];
}

export interface RangeAnswer extends RangeResult {
  readonly header: Header;
}

export interface TxnAnswer {
  readonly header: Header;
  readonly succeeded: boolean;
  readonly results: readonly TxnOpAnswer[];
}

export type TxnOpAnswer =
  | { readonly kind: 'put'; readonly revision: number; readonly prevKv: KeyValue | undefined }
  | {
      readonly kind: 'deleteRange';
      readonly revision: number;
      readonly deleted: number;
      readonly prevKvs: readonly KeyValue[];
    }
  | ({ readonly kind: 'range'; readonly revision: number } & RangeResult)
  | { readonly kind: 'txn'; readonly succeeded: boolean; readonly results: readonly TxnOpAnswer[] };

export interface MemberStatus {
  readonly header: Header;
  /** 0n: no leader known. */
  readonly leader: bigint;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly isLearner: boolean;
  readonly allocatedBytes: number;
  readonly liveBytes: number;
}

export interface HashAnswer {
  readonly header: Header;
  readonly hash: number;
  /** -1 when never compacted. */
  readonly compactRevision: number;
  readonly hashRevision: number;
}

export interface Member {
  put(command: PutCommand, options?: RequestOptions): Promise<PutAnswer>;
  deleteRange(command: DeleteRangeCommand, options?: RequestOptions): Promise<DeleteRangeAnswer>;
  /** Takes the read path when the transaction only reads, the log otherwise. */
  txn(command: TxnCommand, options?: RequestOptions): Promise<TxnAnswer>;
  range(query: RangeQuery, options?: RequestOptions): Promise<RangeAnswer>;
  /** With `physical` it answers only when the old revisions are gone from this member's disk. */
  compact(command: CompactCommand, physical: boolean, options?: RequestOptions): Promise<{ readonly header: Header }>;
  members(linearizable: boolean, options?: RequestOptions): Promise<readonly (MemberInfo & { isLearner: boolean })[]>;
  status(): Promise<MemberStatus>;
  /** CRC-32 over the kept history up to `revision` (0: current), equal on all members for equal revisions. */
  hashKv(revision: number, options?: RequestOptions): Promise<HashAnswer>;
  /** CRC-32 over all of the kept history. */
  hash(options?: RequestOptions): Promise<HashAnswer>;
  /** It has no vote and may be far behind: doors refuse most of what is asked of it. */
  readonly isLearner: boolean;
  /** Whether a leader is known and this member serves. Drives the health service. */
  readonly isReady: boolean;
  onReadyChange(listener: (isReady: boolean) => void): void;
}

/** What a door needs to serve watches: they are served by every member, from its own state. */
export interface WatchSource {
  /** Opens a stream for watchers. Whoever opens it closes it. */
  watch(reader: StreamReader): WatchStream;
  /** What an answer of this member is headed with that speaks of `revision`. */
  header(revision: number): Header;
  readonly isReady: boolean;
  onReadyChange(listener: (isReady: boolean) => void): void;
}
