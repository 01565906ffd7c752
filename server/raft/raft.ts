/**
 * The consensus core: a message, a tick or a proposal in, a Ready out. Synchronous and pure: the same state and the
 * same input give the same output, and nothing here knows a disk, a network or a clock. This file holds the term rule
 * and the dispatch by role; see ready.ts for the contract with the driver.
 */
import { assert, assertNever } from '../lib/assert.js';
import type { Random } from '../lib/random.js';
import { campaign, handleOwnVoteSaved, handleVoteResponse, tickElection } from './candidate.js';
import { type RaftConfig, assertConfig } from './config.js';
import { Core, NO_NODE, type RaftInit } from './core.js';
import {
  followLeader,
  handleAppendRequest,
  handleHeartbeat,
  handleInstallSnapshot,
  handleVoteRequest,
} from './follower.js';
import {
  appendOwn,
  handleAppendResponse,
  handleHeartbeatResponse,
  handleOwnSave,
  handleReadIndexRequest,
  handleReadRequest,
  handleSnapshotEnded,
  handleUnreachable,
  replicate,
  startTransfer,
  tickLeader,
} from './leader.js';
import { entryBytes } from './log.js';
import { type ConfChange, changeConf } from './membership.js';
import type { ProgressMode } from './progress.js';
import type { Ready } from './ready.js';
import type { ConfState, EntryId, HardState, LogIndex, Message, NodeId, Role, SnapshotMeta, Term } from './types.js';

export type ProposeResult =
  | { readonly ok: true; readonly id: EntryId }
  | { readonly ok: false; readonly reason: ProposeRefusal };

export type ProposeRefusal =
  | 'notLeader'
  | 'transferring'
  /** Accepting it would pass uncommittedBytesMax. */
  | 'tooManyUncommitted'
  /** An earlier configuration change is not applied yet, or no entry of this term is committed yet. */
  | 'confChangePending'
  | 'invalidConfChange';

export interface PeerStatus {
  readonly id: NodeId;
  readonly mode: ProgressMode;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly recentActive: boolean;
}

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: NodeId;
  /** 0n: none known. */
  readonly leader: NodeId;
  readonly conf: ConfState;
  readonly startIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly commitIndex: LogIndex;
  readonly stableIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly logBytes: number;
  readonly uncommittedBytes: number;
  readonly waitingReads: number;
  readonly transferee: NodeId;
  readonly peers: readonly PeerStatus[];
}

/** Tokens of one life of a member: boot * 2^32 + counter, so that no life repeats another's. */
const READ_TOKENS_PER_BOOT = 2 ** 32;
/** 2^53 / 2^32: beyond it tokens would not be safe integers. */
const BOOTS_MAX = 2 ** 21;

interface OutstandingHardState {
  readonly saveId: number;
  readonly hardState: HardState;
}

export class Raft {
  readonly #core: Core;
  #lastSaveId = 0;
  #readCounter = 0;
  /** What was last given to the driver to save, and what of it is durable. */
  #handedHardState: HardState;
  #durableHardState: HardState;
  #outstandingHardStates: OutstandingHardState[] = [];

  constructor(config: RaftConfig, init: RaftInit, random: Random) {
    assertConfig(config);
    assert(config.boot < BOOTS_MAX, 'too many boots for safe read tokens', { boot: config.boot });
    this.#core = new Core(config, init, random);
    this.#handedHardState = this.#hardState();
    this.#durableHardState = this.#handedHardState;
  }

  get id(): NodeId {
    return this.#core.id;
  }
  get role(): Role {
    return this.#core.role;
  }
  get term(): Term {
    return this.#core.term;
  }
  get leader(): NodeId {
    return this.#core.leader;
  }
  get commitIndex(): LogIndex {
    return this.#core.log.commitIndex;
  }
  get appliedIndex(): LogIndex {
    return this.#core.log.appliedIndex;
  }
  get conf(): ConfState {
    return this.#core.conf;
  }
  /** To whom this leader hands over, and takes no proposals meanwhile; 0: to nobody. */
  get transferee(): NodeId {
    return this.#core.transferee;
  }
  /** The configuration in force at `index`, which must not lie before the start of the log. */
  confAt(index: LogIndex): ConfState {
    return this.#core.membership.at(index);
  }

  tick(): void {
    if (this.#core.role === 'leader') tickLeader(this.#core);
    else tickElection(this.#core);
  }

  /** Starts an election round now, as an expired timeout would. Leaders ignore it, and members that may not lead. */
  campaign(): void {
    if (this.#core.role !== 'leader') campaign(this.#core);
  }

  /** Appends `data` to the leader's log. Accepted means appended, not committed: `id` says what to wait for. */
  propose(data: Uint8Array): ProposeResult {
    const refusal = this.#refusal();
    if (refusal !== undefined) return { ok: false, reason: refusal };
    const { uncommittedBytes, config } = this.#core;
    const bytes = entryBytes({ kind: 'normal', term: 0, index: 0, data });
    // The first one is always taken, however large: otherwise it could never be.
    if (uncommittedBytes > 0 && uncommittedBytes + bytes > config.uncommittedBytesMax) {
      return { ok: false, reason: 'tooManyUncommitted' };
    }
    return { ok: true, id: appendOwn(this.#core, { kind: 'normal', data }) };
  }

  /**
   * Changes one member. Refused until the previous change is applied and an entry of this leader's own term is
   * committed: without the latter, changes of two leaders can produce disjoint majorities (Ongaro, raft-dev 2015).
   */
  proposeConfChange(change: ConfChange, data: Uint8Array): ProposeResult {
    const refusal = this.#refusal();
    if (refusal !== undefined) return { ok: false, reason: refusal };
    const { log, membership, term } = this.#core;
    if (membership.currentIndex > log.appliedIndex || log.termAt(log.commitIndex) !== term) {
      return { ok: false, reason: 'confChangePending' };
    }
    const conf = changeConf(membership.current, change);
    if (conf === undefined) return { ok: false, reason: 'invalidConfChange' };
    return { ok: true, id: appendOwn(this.#core, { kind: 'conf', data, conf }) };
  }

  /**
   * Asks for a linearizable read point. Undefined when no leader is known. The token comes back in Ready.reads or
   * Ready.droppedReads, or never when messages are lost: then forget it and ask again, which gives a new token.
   */
  requestRead(): number | undefined {
    const core = this.#core;
    if (core.leader === NO_NODE) return undefined;
    this.#readCounter += 1;
    assert(this.#readCounter < READ_TOKENS_PER_BOOT, 'read tokens used up');
    const token = core.config.boot * READ_TOKENS_PER_BOOT + this.#readCounter;
    if (core.role === 'leader') {
      handleReadRequest(core, core.id, token);
      return token;
    }
    if (core.forwardedReads.size >= core.config.pendingReadsMax) {
      core.droppedReads.push(token);
      return token;
    }
    core.forwardedReads.add(token);
    core.send({ type: 'readIndexRequest', from: core.id, to: core.leader, term: core.term, token });
    return token;
  }

  /** Nobody waits for `token` any more. */
  forgetRead(token: number): void {
    this.#core.forwardedReads.delete(token);
  }

  /**
   * Hands leadership to `to` as soon as its log is complete. Proposals are refused meanwhile, for at most one election
   * timeout. False when this member does not lead or `to` is this member, a learner or unknown.
   */
  transferLeadership(to: NodeId): boolean {
    return this.#core.role === 'leader' && startTransfer(this.#core, to);
  }

  /** The leader gives up: its own disk or process can no longer be relied on. */
  stepDown(): void {
    if (this.#core.role === 'leader') this.#core.becomeFollower(this.#core.term, NO_NODE);
  }

  /** The driver lost its stream to `peer`. */
  reportUnreachable(peer: NodeId): void {
    if (this.#core.role === 'leader') handleUnreachable(this.#core, peer);
  }

  /** A snapshot transfer ended: `index` is what the peer has installed now, undefined when it failed. */
  reportSnapshot(peer: NodeId, index: LogIndex | undefined): void {
    if (this.#core.role === 'leader') handleSnapshotEnded(this.#core, peer, index);
  }

  step(message: Message): void {
    const core = this.#core;
    if (message.to !== core.id || message.from === core.id) return;
    if (message.term > core.term) {
      if (!this.#adoptTerm(message)) return;
    } else if (message.term < core.term) {
      this.#answerOldTerm(message);
      return;
    }
    this.#dispatch(message);
  }

  /** False: ready() has nothing to give before something comes in. A tick alone leaves it so, most of the time. */
  get hasNews(): boolean {
    const { log, messages, afterSave, reads, droppedReads, snapshot } = this.#core;
    const waiting = messages.length + afterSave.length + reads.length + droppedReads.length;
    if (waiting > 0 || snapshot !== undefined) return true;
    return log.hasUnhanded || log.applicableIndex > log.appliedIndex || this.#changedHardState() !== undefined;
  }

  /** Everything that is to be done since the last call; undefined when there is nothing. */
  ready(options: { readonly canApply: boolean } = { canApply: true }): Ready | undefined {
    const core = this.#core;
    if (core.role === 'leader') replicate(core);
    const saveId = this.#lastSaveId + 1;
    const hardState = this.#changedHardState();
    const snapshot = core.snapshot;
    const entries = core.log.handOut(saveId);
    const mustSync = this.#mustSync(hardState) || entries.length > 0 || snapshot !== undefined;
    const committed = options.canApply
      ? core.log.nextToApply(core.config.applyPageBytesMax, core.config.applyPageEntriesMax)
      : [];
    const ready: Ready = {
      saveId,
      hardState,
      entries,
      snapshot,
      mustSync,
      messages: core.messages.splice(0),
      afterSave: core.afterSave.splice(0),
      committed,
      reads: core.reads.splice(0),
      droppedReads: core.droppedReads.splice(0),
    };
    core.snapshot = undefined;
    if (isEmpty(ready)) return undefined;
    this.#lastSaveId = saveId;
    if (hardState !== undefined) {
      this.#handedHardState = hardState;
      this.#outstandingHardStates.push({ saveId, hardState });
    }
    return ready;
  }

  /** Everything in Readys up to `saveId` is durable. */
  saved(saveId: number): void {
    assert(saveId <= this.#lastSaveId, 'saved what was never handed out', { saveId, last: this.#lastSaveId });
    const core = this.#core;
    core.log.saved(saveId);
    for (let first = this.#outstandingHardStates[0]; first !== undefined; first = this.#outstandingHardStates[0]) {
      if (first.saveId > saveId) break;
      this.#durableHardState = first.hardState;
      this.#outstandingHardStates.shift();
    }
    if (core.role === 'leader') handleOwnSave(core);
    const { term, vote } = this.#durableHardState;
    if (core.role === 'candidate' && term === core.term && vote === core.id) handleOwnVoteSaved(core);
  }

  /** The state machine has applied everything up to `index`. */
  applied(index: LogIndex): void {
    this.#core.log.appliedTo(index);
  }

  /** Drops the log up to `index`, which must be applied and durable. Returns the point the log now starts after. */
  trimLog(index: LogIndex): SnapshotMeta {
    const { log, membership } = this.#core;
    const id = log.trimTo(index);
    membership.trimTo(index);
    return { ...id, conf: membership.at(index) };
  }

  status(): RaftStatus {
    const core = this.#core;
    const { log } = core;
    return {
      id: core.id,
      role: core.role,
      term: core.term,
      vote: core.vote,
      leader: core.leader,
      conf: core.conf,
      startIndex: log.startIndex,
      appliedIndex: log.appliedIndex,
      commitIndex: log.commitIndex,
      stableIndex: log.stableIndex,
      lastIndex: log.lastIndex,
      lastTerm: log.lastTerm,
      logBytes: log.bytes,
      uncommittedBytes: core.uncommittedBytes,
      waitingReads: core.rounds.waiting + core.forwardedReads.size,
      transferee: core.transferee,
      peers: [...core.progress].map(([id, { mode, match, next, recentActive }]) => ({
        id,
        mode,
        match,
        next,
        recentActive,
      })),
    };
  }

  /** For invariants.ts and tests: the term of an entry in memory. */
  termAt(index: LogIndex): Term | undefined {
    return this.#core.log.termAt(index);
  }

  assertPointers(): void {
    this.#core.log.assertPointers();
  }

  #refusal(): ProposeRefusal | undefined {
    if (this.#core.role !== 'leader') return 'notLeader';
    return this.#core.transferee === NO_NODE ? undefined : 'transferring';
  }

  /** The term rule, Raft §5.1, with the exceptions that pre-votes and live leaders need. False: ignore the message. */
  #adoptTerm(message: Message): boolean {
    const core = this.#core;
    switch (message.type) {
      case 'voteRequest':
        // Thesis §4.2.3: a member that hears its leader does not let anybody raise its term, unless the leader asked.
        if (!message.pre && !message.transfer && core.hasLiveLeader) return false;
        if (!message.pre) core.becomeFollower(message.term, NO_NODE);
        return true;
      case 'voteResponse':
        // A granted pre-vote names the term of the election to come. A refusal names the refuser's: that is real.
        if (!(message.pre && message.granted)) core.becomeFollower(message.term, NO_NODE);
        return true;
      case 'appendRequest':
      case 'heartbeat':
      case 'installSnapshot':
        core.becomeFollower(message.term, message.from);
        return true;
      case 'appendResponse':
      case 'heartbeatResponse':
      case 'timeoutNow':
      case 'readIndexRequest':
      case 'readIndexResponse':
        core.becomeFollower(message.term, NO_NODE);
        return true;
      default:
        return assertNever(message);
    }
  }

  #answerOldTerm(message: Message): void {
    const core = this.#core;
    const { id: from, term } = core;
    const to = message.from;
    if (message.type === 'voteRequest' && message.pre) {
      core.send({ type: 'voteResponse', from, to, term, pre: true, granted: false });
    } else if (message.type === 'appendRequest' || message.type === 'heartbeat') {
      // A leader of the past, or one cut off while terms went on here: the higher term deposes it.
      core.send({ type: 'heartbeatResponse', from, to, term, readToken: 0 });
    }
  }

  #dispatch(message: Message): void {
    const core = this.#core;
    const isLeader = core.role === 'leader';
    switch (message.type) {
      case 'voteRequest':
        return handleVoteRequest(core, message);
      case 'voteResponse':
        return handleVoteResponse(core, message);
      case 'appendRequest':
        followLeader(core, message.from);
        return handleAppendRequest(core, message);
      case 'heartbeat':
        followLeader(core, message.from);
        return handleHeartbeat(core, message);
      case 'installSnapshot':
        followLeader(core, message.from);
        return handleInstallSnapshot(core, message);
      case 'appendResponse':
        return isLeader ? handleAppendResponse(core, message) : undefined;
      case 'heartbeatResponse':
        return isLeader ? handleHeartbeatResponse(core, message) : undefined;
      case 'readIndexRequest':
        return isLeader ? handleReadIndexRequest(core, message) : undefined;
      case 'timeoutNow':
        return isLeader ? undefined : campaign(core, true);
      case 'readIndexResponse':
        if (core.forwardedReads.delete(message.token)) {
          core.reads.push({ token: message.token, index: message.index });
        }
        return;
      default:
        return assertNever(message);
    }
  }

  #hardState(): HardState {
    return { term: this.#core.term, vote: this.#core.vote, commit: this.#core.log.commitIndex };
  }

  #changedHardState(): HardState | undefined {
    const now = this.#hardState();
    const last = this.#handedHardState;
    const isSame = now.term === last.term && now.vote === last.vote && now.commit === last.commit;
    return isSame ? undefined : now;
  }

  #mustSync(hardState: HardState | undefined): boolean {
    const last = this.#handedHardState;
    return hardState !== undefined && (hardState.term !== last.term || hardState.vote !== last.vote);
  }
}

function isEmpty(ready: Ready): boolean {
  return (
    ready.hardState === undefined &&
    ready.snapshot === undefined &&
    ready.entries.length === 0 &&
    ready.messages.length === 0 &&
    ready.afterSave.length === 0 &&
    ready.committed.length === 0 &&
    ready.reads.length === 0 &&
    ready.droppedReads.length === 0
  );
}
