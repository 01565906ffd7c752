/**
 * The words of the consensus core. Terms and indexes are safe integers, checked at the doors; member ids are 64-bit
 * and therefore bigint. Everything here is plain immutable data.
 */
export type NodeId = bigint;
export type Term = number;
export type LogIndex = number;

export interface EntryId {
  readonly term: Term;
  readonly index: LogIndex;
}

/**
 * `normal` carries a command for the state machine. `noop` is what a new leader appends (Raft §8, Thesis §6.4).
 * `conf` carries the whole configuration that holds from this entry on, effective as soon as it is appended
 * (Thesis §4.1), and in `data` whatever the state machine wants to remember about the change.
 */
export type Entry = EntryId &
  (
    | { readonly kind: 'normal'; readonly data: Uint8Array }
    | { readonly kind: 'noop'; readonly data: Uint8Array }
    | { readonly kind: 'conf'; readonly data: Uint8Array; readonly conf: ConfState }
  );

/** What must survive a crash besides the log. `vote` is 0n when this member has not voted in `term`. */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId;
  readonly commit: LogIndex;
}

/** Members that vote and members that only listen; each list sorted by id, without duplicates, disjoint. */
export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

/** The point a snapshot stands for: the state after `index`, and the configuration in force there. */
export interface SnapshotMeta extends EntryId {
  readonly conf: ConfState;
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
}

export interface VoteRequest extends Envelope {
  readonly type: 'voteRequest';
  /** A pre-vote asks "would you vote for me in `term`?" and changes nothing (Thesis §9.6). */
  readonly pre: boolean;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** Set when the leader asked for this election: the receiver must not ignore it for having a live leader. */
  readonly transfer: boolean;
}

export interface VoteResponse extends Envelope {
  readonly type: 'voteResponse';
  readonly pre: boolean;
  readonly granted: boolean;
}

export interface AppendRequest extends Envelope {
  readonly type: 'appendRequest';
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
}

/**
 * Accepted: `index` is the last index known to match the leader's log, and it is durable here.
 * Rejected: `index` is the request's prevIndex; `hintIndex`/`hintTerm` name the last entry here that could match, so
 * that a leader skips a whole conflicting term at a time (Raft §5.3).
 */
export interface AppendResponse extends Envelope {
  readonly type: 'appendResponse';
  readonly accepted: boolean;
  readonly index: LogIndex;
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
}

export interface Heartbeat extends Envelope {
  readonly type: 'heartbeat';
  readonly commit: LogIndex;
  /** The newest read round waiting for confirmation, 0 when none. */
  readonly readToken: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly type: 'heartbeatResponse';
  readonly readToken: number;
}

/**
 * Leaving the core, it tells the driver to stream a snapshot to `to` (`meta` is then the oldest point that would do).
 * Entering the core, it says that a complete, verified, durable snapshot from `from` waits to be installed.
 */
export interface InstallSnapshot extends Envelope {
  readonly type: 'installSnapshot';
  readonly meta: SnapshotMeta;
}

export interface TimeoutNow extends Envelope {
  readonly type: 'timeoutNow';
}

export interface ReadIndexRequest extends Envelope {
  readonly type: 'readIndexRequest';
  readonly token: number;
}

export interface ReadIndexResponse extends Envelope {
  readonly type: 'readIndexResponse';
  readonly token: number;
  readonly index: LogIndex;
}

export type Message =
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexResponse;
