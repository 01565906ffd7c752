/**
 * What goes into the log, as plain data. A command's meaning is frozen once released: a change of behaviour is a new
 * kind or a new version. A kind this member does not know is a deterministic refusal, never a crash.
 */
import type { ByteString } from '../lib/bytes.js';
import type { GrantWish } from './grant/grant-entry.js';

export type Command =
  | PutCommand
  | DeleteRangeCommand
  | TxnCommand
  | CompactCommand
  | PublishMemberCommand
  | LeaseGrantCommand
  | LeaseRevokeCommand
  | LeaseExpireCommand
  | LeaseCheckpointCommand
  | SessionOpenCommand
  | ClusterTimeCommand
  | VoidCommand
  | GrantAcquireCommand
  | GrantReleaseCommand
  | GrantForceCommand
  | GrantProclaimCommand
  | UnknownCommand;

/** Which write of which session a command is: see state/session. Without one it is nobody's, and applied as it comes. */
export interface Stamp {
  readonly session: number;
  /** From 1. */
  readonly sequence: number;
  /** The client has the replies of all writes up to here, or has given them up. */
  readonly settled: number;
}

export interface PutCommand {
  readonly kind: 'put';
  readonly key: ByteString;
  readonly value: ByteString;
  /** 0n: no lease. */
  readonly lease: bigint;
  readonly prevKv: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

export interface DeleteRangeCommand {
  readonly kind: 'deleteRange';
  readonly key: ByteString;
  /** '' names the single key, '\0' every key >= `key`, else the range is [key, rangeEnd). */
  readonly rangeEnd: ByteString;
  readonly prevKv: boolean;
}

export interface TxnCommand {
  readonly kind: 'txn';
  readonly compares: readonly Compare[];
  readonly success: readonly TxnOp[];
  readonly failure: readonly TxnOp[];
}

export type TxnOp = RangeQuery | PutCommand | DeleteRangeCommand | TxnCommand | FenceOp;

/** Raises the mark at `key`, a fencing token in decimal, and refuses the transaction when it is higher already. */
export interface FenceOp {
  readonly kind: 'fence';
  readonly key: ByteString;
  readonly token: number;
}

export interface CompactCommand {
  readonly kind: 'compact';
  readonly revision: number;
}

/** A member tells the cluster its name and where its clients reach it. */
export interface PublishMemberCommand {
  readonly kind: 'publishMember';
  readonly id: bigint;
  readonly name: string;
  readonly clientUrls: readonly string[];
}

export interface LeaseGrantCommand {
  readonly kind: 'leaseGrant';
  /** Never 0n. */
  readonly id: bigint;
  readonly ttlMs: number;
}

/** Ends a lease because a client said so. */
export interface LeaseRevokeCommand {
  readonly kind: 'leaseRevoke';
  readonly id: bigint;
}

/** One lease, and not another one that came under the same id after it. */
export interface LeaseGranted {
  readonly id: bigint;
  /** The log entry that granted it. */
  readonly grantedIndex: number;
}

/** Ends leases whose time is over, by the clock of the leader of `term`. Of no effect in an entry of another term. */
export interface LeaseExpireCommand {
  readonly kind: 'leaseExpire';
  readonly term: number;
  readonly leases: readonly LeaseGranted[];
}

/** What is left of leases, by the clock of the leader of `term`. Of no effect in an entry of another term. */
export interface LeaseCheckpointCommand {
  readonly kind: 'leaseCheckpoint';
  readonly term: number;
  /** `remainingMs` 0: the full ttl counts again. */
  readonly leases: readonly (LeaseGranted & { readonly remainingMs: number })[];
}

export interface SessionOpenCommand {
  readonly kind: 'sessionOpen';
  /** For people. */
  readonly clientName: string;
  /** In the cluster's time. */
  readonly ttlMs: number;
}

/** Moves the cluster's time on, by the clock of the leader of `term`. Of no effect in an entry of another term. */
export interface ClusterTimeCommand {
  readonly kind: 'clusterTime';
  readonly term: number;
  readonly ms: number;
}

/** A write of nothing, with a stamp only: keeps its session, or takes the place of a write that the client gives up. */
export interface VoidCommand {
  readonly kind: 'void';
}

/** Takes a place in the queue of one name or several, and the grant at once when it is free. See state/grant. */
export interface GrantAcquireCommand extends GrantWish {
  readonly kind: 'grantAcquire';
  /** False: when the grant is not free, nothing happens. */
  readonly mayWait: boolean;
}

/** Gives up an attempt, whether it holds or waits. */
export interface GrantReleaseCommand {
  readonly kind: 'grantRelease';
  readonly attempt: string;
  /** An attempt that waits for the same and goes before all others now; '': whoever's turn it is. */
  readonly to: string;
}

/** An operator takes a grant away. */
export interface GrantForceCommand {
  readonly kind: 'grantForce';
  readonly name: ByteString;
  readonly token: number;
}

/** A holder says something new of itself to who observes. */
export interface GrantProclaimCommand {
  readonly kind: 'grantProclaim';
  readonly attempt: string;
  readonly token: number;
  readonly value: ByteString;
}

/** A kind or version that this release does not know. Refused with UNKNOWN_COMMAND, the same on every member. */
export interface UnknownCommand {
  readonly kind: 'unknown';
  readonly version: number;
}

export type SortOrder = 'none' | 'ascend' | 'descend';
export type SortTarget = 'key' | 'version' | 'create' | 'mod' | 'value';

/** A read. Revisions and limits are safe integers: the doors clamp wider ones, which cannot change an answer. */
export interface RangeQuery {
  readonly kind: 'range';
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
  /** <= 0: unlimited. */
  readonly limit: number;
  /** <= 0: the current revision; inside a txn a negative one below the compacted revision is refused, as in etcd. */
  readonly revision: number;
  readonly sortOrder: SortOrder;
  readonly sortTarget: SortTarget;
  readonly serializable: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Inclusive bounds; 0: off. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export type CompareResult = 'equal' | 'greater' | 'less' | 'notEqual';

/** True when every key of the range satisfies it; a missing key counts as version 0 and revisions 0. */
export type Compare = {
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
  readonly result: CompareResult;
} & (
  | { readonly target: 'version' | 'create' | 'mod'; readonly operand: number }
  | { readonly target: 'value'; readonly operand: ByteString }
  | { readonly target: 'lease'; readonly operand: bigint }
  /** Of a name: whether it is held under this token now. 'equal' and 'notEqual' only, of one name. */
  | { readonly target: 'grant'; readonly operand: number }
);
