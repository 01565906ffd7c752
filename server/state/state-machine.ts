/**
 * The replicated state machine: a command in, its outcome, events and writes out. Every member that applies the same
 * commands in the same order holds the same state, so nothing here reads a clock, draws a random number or waits. It
 * never throws for what a command says: whatever stands in the log has an outcome.
 */
import { assert } from '../lib/assert.js';
import type { ByteString } from '../lib/bytes.js';
import { checkCompact, checkDeleteRange, checkPut, checkRange, checkTxn, unknownKind } from './check-request.js';
import type {
  ClusterTimeCommand,
  Command,
  CompactCommand,
  DeleteRangeCommand,
  PublishMemberCommand,
  PutCommand,
  RangeQuery,
  SessionOpenCommand,
  Stamp,
  TxnCommand,
} from './command.js';
import { applyGrant, type GrantCommand } from './grant/grant-commands.js';
import type { GrantView } from './grant/grant-table.js';
import { checkpointLeases, expireLeases, grantLease, type LeaseOutcome, revokeLease } from './lease/lease-commands.js';
import type { LeaseView } from './lease/lease-table.js';
import { MemberTable } from './members.js';
import { Compaction, type CompactionSlice } from './mvcc/compaction.js';
import { HashCursor } from './mvcc/hash-cursor.js';
import type { Pin } from './mvcc/pins.js';
import { RANGE_SLICE_KEYS, RangeCursor } from './mvcc/range-cursor.js';
import { afterAllOf } from './mvcc/revision.js';
import { RevisionWriter } from './mvcc/revision-writer.js';
import { Store } from './mvcc/store.js';
import { decidePath, executePath, validateDeleteRange, validatePath, validatePut } from './mvcc/txn.js';
import { isReadOnlyTxn } from './read-only-txn.js';
import { type Refusal, refuse } from './refusal.js';
import type { Applied, CommandResult, Event, MemberInfo, Revision, StateWrite } from './result.js';
import { checkAge } from './session/reply-age.js';
import { type Admission, SessionTable, type SessionView } from './session/session-table.js';

export type Opened<Cursor> = { readonly ok: true; readonly cursor: Cursor } | Refusal;

export class StateMachine {
  readonly #store: Store;
  readonly #members: MemberTable;
  readonly #sessions: SessionTable;
  readonly #compaction: Compaction;

  /** For a state that is already there; see StateRebuild. */
  constructor(store: Store, members: readonly MemberInfo[], sessions: SessionTable) {
    this.#store = store;
    this.#members = new MemberTable(members);
    this.#sessions = sessions;
    this.#compaction = new Compaction(store);
  }

  /** An empty store at revision 1. */
  static create({ members }: { readonly members: readonly MemberInfo[] }): StateMachine {
    return new StateMachine(new Store(), members, new SessionTable());
  }

  get revision(): number {
    return this.#store.revision;
  }

  /** -1 when never compacted. */
  get compactedRevision(): number {
    return this.#store.compactedRevision;
  }

  get leases(): LeaseView {
    return this.#store.leases;
  }

  get grants(): GrantView {
    return this.#store.grants;
  }

  get sessions(): SessionView {
    return this.#sessions;
  }

  /** Sorted by id; the list itself never changes. */
  members(): readonly MemberInfo[] {
    return this.#members.all();
  }

  /**
   * Ranges inside a txn come back as PendingRange. Whoever waits for them opens them with openRange, or pins them,
   * before the next call of apply or compactionStep.
   *
   * `entryTerm` and `entryIndex`: of the log entry that the command stands in. Term 0: of none, and what only a leader may
   * say has no effect. With a stamp it is a write of a session, which is applied at most once, in its turn.
   */
  apply(command: Command, entryTerm = 0, entryIndex = 0, stamp?: Stamp): Applied {
    if (stamp !== undefined) return this.#applyStamped(command, entryIndex, stamp);
    switch (command.kind) {
      case 'put':
        return this.#applyPut(command);
      case 'deleteRange':
        return this.#applyDeleteRange(command);
      case 'txn':
        return this.#applyTxn(command);
      case 'compact':
        return this.#applyCompact(command);
      case 'publishMember':
        return this.#applyPublish(command);
      case 'leaseGrant':
        return this.#told(grantLease(this.#store, command, entryIndex));
      case 'leaseRevoke':
        return this.#told(revokeLease(this.#store, command, this.#sessions.timeMs));
      case 'leaseExpire':
        return this.#told(expireLeases(this.#store, command, entryTerm, this.#sessions.timeMs));
      case 'leaseCheckpoint':
        return this.#told(checkpointLeases(this.#store, command, entryTerm));
      case 'sessionOpen':
        return this.#applySessionOpen(command);
      case 'clusterTime':
        return this.#applyClusterTime(command, entryTerm);
      case 'grantAcquire':
      case 'grantRelease':
      case 'grantForce':
      case 'grantProclaim':
        return this.#applyGrant(command);
      case 'void':
        return this.#refused(refuse('UNKNOWN_COMMAND', 'a void write of no session'));
      case 'unknown':
        return this.#refused(refuse('UNKNOWN_COMMAND', `version ${command.version}`));
      default:
        return this.#refused(unknownKind(command));
    }
  }

  /** Answers a txn that only reads from the state as it stands, without the log. The txn isReadOnlyTxn. */
  readTxn(txn: TxnCommand): Applied {
    assert(isReadOnlyTxn(txn), 'readTxn of a txn that writes');
    return this.#applyTxn(txn);
  }

  /**
   * Opens a read of the current state, or of the revision that the query names: FUTURE_REVISION beyond the current
   * one, COMPACTED before the compacted one. With `at`, a PendingRange's place in history, the query's own revision is
   * not looked at: it was checked at apply, and the caller has kept it by pin() or came at once.
   *
   * The first slice is done here. As long as the cursor says `more`, step() it; while `missing`, fetch the records of
   * missing() and supply() them (some may be of writes that were applied just now and are on their way to disk); once
   * `done`, take result(). A cursor that is given up before must be closed.
   */
  openRange(query: RangeQuery, at?: Revision, maxKeys = RANGE_SLICE_KEYS): Opened<RangeCursor> {
    if (at !== undefined) {
      assert(at.main >= this.#compaction.thinnedTo, 'a read of history that was not kept', { main: at.main });
      return { ok: true, cursor: new RangeCursor(this.#store, query, at, maxKeys) };
    }
    const refusal = checkRange(query) ?? this.#store.checkReadable(query.revision);
    if (refusal !== undefined) return refusal;
    const point = afterAllOf(query.revision > 0 ? query.revision : this.revision);
    return { ok: true, cursor: new RangeCursor(this.#store, query, point, maxKeys) };
  }

  /** Keeps what a read at `revision` needs until released. */
  pin(revision: Revision): Pin {
    assert(revision.main >= this.#compaction.thinnedTo, 'a pin on history that was not kept', { main: revision.main });
    return this.#store.pins.pin(revision.main);
  }

  /**
   * Hashes the kept history up to `revision`, 0: up to now. Feed it every record on disk up to cursor.revision, from a
   * scan that begins after this call and after all writes up to that revision went to disk.
   */
  openHash(revision: number): Opened<HashCursor> {
    if (!Number.isSafeInteger(revision) || revision < 0) return refuse('INVALID_REVISION', `${revision}`);
    const refusal = this.#store.checkReadable(revision);
    if (refusal !== undefined) return refusal;
    return { ok: true, cursor: new HashCursor(this.#store, revision === 0 ? this.revision : revision) };
  }

  /** Whether compactionStep would get anywhere now: false when all is done, and while pins hold it up. */
  get hasCompactionWork(): boolean {
    return this.#compaction.hasWork;
  }

  /** Compactions up to here are carried out in full, as soon as the slices told so far are on disk. */
  get removedRevision(): number {
    return this.#compaction.removedTo;
  }

  /** One slice of the physical removal: walks up to `maxKeys` keys or tells up to as many removals. */
  compactionStep(maxKeys: number): CompactionSlice {
    return this.#compaction.step(maxKeys);
  }

  #applyPut(command: PutCommand): Applied {
    const refusal = checkPut(command) ?? validatePut(this.#store, command);
    if (refusal !== undefined) return this.#refused(refusal);
    const writer = new RevisionWriter(this.#store, 'delete');
    const prevKv = writer.put(command);
    return this.#applied({ kind: 'put', prevKv: command.prevKv ? prevKv : undefined }, writer);
  }

  #applyDeleteRange(command: DeleteRangeCommand): Applied {
    const refusal = checkDeleteRange(command) ?? validateDeleteRange(this.#store, command);
    if (refusal !== undefined) return this.#refused(refusal);
    const writer = new RevisionWriter(this.#store, 'delete');
    const deleted = writer.deleteRange(command);
    const prevKvs = command.prevKv ? deleted : [];
    return this.#applied({ kind: 'deleteRange', deleted: deleted.length, prevKvs }, writer);
  }

  #applyTxn(command: TxnCommand): Applied {
    const malformed = checkTxn(command);
    if (malformed !== undefined) return this.#refused(malformed);
    const path = decidePath(this.#store, command);
    const refusal = validatePath(this.#store, path);
    if (refusal !== undefined) return this.#refused(refusal);
    const writer = new RevisionWriter(this.#store, 'txn');
    const results = executePath(writer, path);
    return this.#applied({ kind: 'txn', succeeded: path.succeeded, results }, writer);
  }

  #applyCompact(command: CompactCommand): Applied {
    const refusal = checkCompact(command) ?? this.#store.compact(command.revision);
    if (refusal !== undefined) return this.#refused(refusal);
    const writes: readonly StateWrite[] = [{ kind: 'compacted', revision: command.revision }];
    return this.#applied({ kind: 'compact' }, { events: [], writes });
  }

  #applyPublish(command: PublishMemberCommand): Applied {
    const member = this.#members.publish(command);
    if (member === undefined) return this.#refused(refuse('MEMBER_NOT_FOUND', `member ${command.id.toString(16)}`));
    return this.#applied({ kind: 'publishMember' }, { events: [], writes: [{ kind: 'member', member }] });
  }

  #applySessionOpen(command: SessionOpenCommand): Applied {
    const opened = this.#sessions.open(command);
    if ('ok' in opened) return this.#refused(opened);
    const { id, writes } = opened;
    return this.#applied({ kind: 'sessionOpen', id, ttlMs: command.ttlMs }, { events: [], writes });
  }

  #applyClusterTime(command: ClusterTimeCommand, entryTerm: number): Applied {
    const { expired, writes } = this.#sessions.advance(command, entryTerm);
    const grants = this.#store.grants.advance(this.#sessions.timeMs);
    const changes = { events: [], writes: [...writes, ...grants.writes], grantNames: grants.names };
    return this.#applied({ kind: 'clusterTime', expired }, changes);
  }

  #applyGrant(command: GrantCommand): Applied {
    const applied = applyGrant(this.#store, command, this.#sessions.timeMs);
    if ('ok' in applied) return this.#refused(applied);
    const { names, writes } = applied.changes;
    return this.#applied(applied.result, { events: [], writes, grantNames: names });
  }

  /** Also a write that is refused takes its number: sent again, it is refused again. */
  #applyStamped(command: Command, entryIndex: number, stamp: Stamp): Applied {
    const admission = this.#sessions.admit(stamp);
    if (admission.kind === 'refused') return { ...this.#refused(admission.refusal), writes: admission.writes };
    if (admission.kind === 'known') return this.#replay(admission);
    const { outcome, revision, events, writes, grantNames } = this.#applyOfSession(command, entryIndex);
    const kept = this.#sessions.keep(stamp, outcome, revision);
    return { outcome, revision, events, writes: [...writes, kept], grantNames };
  }

  #applyOfSession(command: Command, entryIndex: number): Applied {
    switch (command.kind) {
      case 'put':
      case 'deleteRange':
      case 'txn':
      case 'compact':
      case 'leaseGrant':
      case 'leaseRevoke':
      case 'grantAcquire':
      case 'grantRelease':
      case 'grantProclaim':
        return this.apply(command, 0, entryIndex);
      case 'void':
        return this.#applied({ kind: 'void' }, { events: [], writes: [] });
      default:
        return this.#refused(refuse('UNKNOWN_COMMAND', `${command.kind} as a write of a session`));
    }
  }

  #replay({ reply, writes }: Extract<Admission, { kind: 'known' }>): Applied {
    const outcome = checkAge(reply.outcome, this.compactedRevision) ?? reply.outcome;
    return { outcome, revision: reply.revision, events: [], writes, isReplay: true };
  }

  #told(outcome: LeaseOutcome | Refusal): Applied {
    return 'ok' in outcome ? this.#refused(outcome) : this.#applied(outcome.result, outcome);
  }

  #applied(result: CommandResult, changes: Changes): Applied {
    const { events, writes, grantNames = [] } = changes;
    const told = grantNames.length === 0 ? undefined : grantNames;
    return { outcome: { ok: true, result }, revision: this.revision, events, writes, grantNames: told };
  }

  #refused(refusal: Refusal): Applied {
    return { outcome: refusal, revision: this.revision, events: [], writes: [] };
  }
}

interface Changes {
  readonly events: readonly Event[];
  readonly writes: readonly StateWrite[];
  readonly grantNames?: readonly ByteString[];
}
