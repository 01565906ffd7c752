/** What applying a command says back, what it tells the watchers and what it wants on disk. Plain data, no I/O. */
import type { ByteString } from '../lib/bytes.js';
import type { ErrorCode } from '../lib/quorate-error.js';
import type { RangeQuery } from './command.js';
import type { GrantEntry } from './grant/grant-entry.js';

/** `main` is the store revision of the request that wrote, `sub` the position of the write inside it, from 0. */
export interface Revision {
  readonly main: number;
  readonly sub: number;
}

export interface KeyValue {
  readonly key: ByteString;
  readonly value: ByteString;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
}

/** Why a key was deleted. A client that sees its key go learns whether somebody wanted that or its time ran out. */
export type DeleteCause = 'delete' | 'txn' | 'leaseExpired' | 'leaseRevoked';

/** A change of one key. `kv` of a delete holds the key and modRevision alone. */
export interface Event {
  readonly type: 'put' | 'delete';
  readonly kv: KeyValue;
  readonly revision: Revision;
  readonly prevKv: KeyValue | undefined;
  /** Of no put, and of every delete that was stored since causes are. */
  readonly cause?: DeleteCause;
}

export interface LeaseInfo {
  readonly id: bigint;
  /** As granted. */
  readonly ttlMs: number;
  /** What a leader has noted as left of it, for the leader after it; 0: the full ttl. */
  readonly remainingMs: number;
  /** The log entry that granted it: an id may come again. */
  readonly grantedIndex: number;
}

/** What all sessions share. */
export interface SessionClock {
  /** The cluster's time: it never goes back, and stands still while nobody leads. */
  readonly timeMs: number;
  /** Ids are never used again. */
  readonly lastId: number;
}

/** What all grants share. Nothing of it is ever used again. */
export interface GrantClock {
  readonly lastPlace: number;
  readonly lastToken: number;
  /** Counts the commands that changed anything: the version of what observers are told. */
  readonly changes: number;
}

export interface SessionInfo {
  readonly id: number;
  readonly clientName: string;
  readonly ttlMs: number;
  /** Replies up to here are not kept, and what was not applied by then never will be. */
  readonly settled: number;
  /** The highest sequence number that was applied; 0: none. */
  readonly applied: number;
  /** The cluster's time when its last command was applied. */
  readonly contactMs: number;
}

/** What became of one write of a session. With it stands what has changed of the session itself. */
export interface SessionReply extends Pick<SessionInfo, 'settled' | 'contactMs'> {
  readonly session: number;
  readonly sequence: number;
  readonly outcome: Outcome;
  /** Of the entry. */
  readonly revision: number;
  /** On the disk: how many replies just before this one it stands for as well, each with one revision less. */
  readonly before?: number;
}

export type CommandResult =
  | { readonly kind: 'put'; readonly prevKv: KeyValue | undefined }
  | { readonly kind: 'deleteRange'; readonly deleted: number; readonly prevKvs: readonly KeyValue[] }
  | { readonly kind: 'txn'; readonly succeeded: boolean; readonly results: readonly TxnOpResult[] }
  | { readonly kind: 'compact' }
  | { readonly kind: 'publishMember' }
  | { readonly kind: 'leaseGrant'; readonly id: bigint; readonly ttlMs: number }
  | { readonly kind: 'leaseRevoke' }
  /** Those that it really ended: the others were gone, or were too much for one entry and are there still. */
  | { readonly kind: 'leaseExpire'; readonly expired: readonly bigint[] }
  | { readonly kind: 'leaseCheckpoint' }
  | { readonly kind: 'sessionOpen'; readonly id: number; readonly ttlMs: number }
  /** Those whose time was over: too many for one entry are left for the next. */
  | { readonly kind: 'clusterTime'; readonly expired: readonly number[] }
  | { readonly kind: 'void' }
  /** Token 0: it waits. No place: it did not want to wait, and is not there. `change`: of the grants, for observers. */
  | ({ readonly kind: 'grantAcquire'; readonly change: number } & Pick<GrantEntry, 'place' | 'token' | 'slots'>)
  /** False: there was no such attempt any more. */
  | { readonly kind: 'grantRelease'; readonly released: boolean }
  | { readonly kind: 'grantForce' }
  | { readonly kind: 'grantProclaim' };

/** One result for each executed op, in order. `revision` is what the op's own header shows. */
export type TxnOpResult =
  | { readonly kind: 'put'; readonly revision: number; readonly prevKv: KeyValue | undefined }
  | {
      readonly kind: 'deleteRange';
      readonly revision: number;
      readonly deleted: number;
      readonly prevKvs: readonly KeyValue[];
    }
  | PendingRange
  | { readonly kind: 'txn'; readonly succeeded: boolean; readonly results: readonly TxnOpResult[] };

/**
 * A read inside a transaction is answered after apply, at the exact point of history where the op stood: apply stays
 * short, and members on which nobody waits for the answer do no work for it. Whoever keeps it pins its revision.
 */
export interface PendingRange {
  readonly kind: 'range';
  readonly query: RangeQuery;
  /** Sees every write at or before this revision. */
  readonly at: Revision;
  /** What the op's header shows. */
  readonly revision: number;
}

export type Outcome =
  | { readonly ok: true; readonly result: CommandResult }
  | { readonly ok: false; readonly code: ErrorCode; readonly detail: string };

export interface Applied {
  readonly outcome: Outcome;
  /** The store revision after the entry; of a replay, after the entry that was applied. */
  readonly revision: number;
  /** A session's write that was applied before: the outcome is what was told then, and nothing is applied now. */
  readonly isReplay?: true;
  /** Events in the order of their revisions; empty when nothing changed. */
  readonly events: readonly Event[];
  /** Ascending: names whose holders or waiters are not what they were. Undefined: none. */
  readonly grantNames?: readonly ByteString[] | undefined;
  /** Belong into one atomic batch together with the applied index. */
  readonly writes: readonly StateWrite[];
}

/** What the state wants on disk, in its own words; storage owns the encoding, the CRC and the key layout. */
export type StateWrite =
  | PutRevision
  | { readonly kind: 'deleteRevision'; readonly revision: Revision }
  | { readonly kind: 'compacted'; readonly revision: number }
  | { readonly kind: 'member'; readonly member: MemberInfo }
  | { readonly kind: 'putLease'; readonly lease: LeaseInfo }
  | { readonly kind: 'deleteLease'; readonly id: bigint }
  | { readonly kind: 'sessionClock'; readonly clock: SessionClock }
  | { readonly kind: 'putSession'; readonly session: SessionInfo }
  | { readonly kind: 'deleteSession'; readonly id: number }
  /** Takes the place of the one that came a window (WINDOW_REPLIES) before it. */
  | { readonly kind: 'putReply'; readonly reply: SessionReply }
  | { readonly kind: 'deleteReply'; readonly session: number; readonly sequence: number }
  | { readonly kind: 'grantClock'; readonly clock: GrantClock }
  /** Takes the place of what stood under its place. */
  | { readonly kind: 'putGrant'; readonly entry: GrantEntry }
  | { readonly kind: 'deleteGrant'; readonly place: number };

/** A put (`kv`), or with `tombstone` a delete: then only `cause` and the key and modRevision of `kv` mean anything. */
export interface PutRevision {
  readonly kind: 'putRevision';
  readonly revision: Revision;
  readonly tombstone: boolean;
  readonly kv: KeyValue;
  readonly cause?: DeleteCause;
}

export interface MemberInfo {
  readonly id: bigint;
  /** '' until the member has published itself. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
}

/** The answer to a range. `count` is of all keys in the range, whatever limit and filters left out of `kvs`. */
export interface RangeResult {
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}
