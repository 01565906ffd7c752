/**
 * The state of one member and the moves every role shares: becoming something, sending, answering. Roles (leader.ts,
 * candidate.ts, follower.ts) decide when to make them; raft.ts decides which role is asked.
 */
import { assert } from '../lib/assert.js';
import type { Random } from '../lib/random.js';
import type { RaftConfig } from './config.js';
import { RaftLog } from './log.js';
import { Membership, isVoter } from './membership.js';
import type { Progress } from './progress.js';
import { ReadRounds } from './read-index.js';
import type { ReadState } from './ready.js';
import type { ConfState, Entry, HardState, LogIndex, Message, NodeId, Role, SnapshotMeta, Term } from './types.js';

/** What a member starts from; everything was read from disk and checked there. */
export interface RaftInit {
  readonly hardState: HardState;
  /** The point before the first entry, with the configuration in force there. */
  readonly start: SnapshotMeta;
  readonly entries: readonly Entry[];
  readonly appliedIndex: LogIndex;
}

/** With fewer timeouts to draw from, as coarse ticks would leave, two candidates would meet too often. */
const DISTINCT_TIMEOUTS_MIN = 8;

/** No member: "nobody voted for", "no leader known". */
export const NO_NODE: NodeId = 0n;

export class Core {
  readonly config: RaftConfig;
  readonly random: Random;
  readonly log: RaftLog;
  readonly membership: Membership;

  term: Term;
  /** NO_NODE: no vote in this term. Invariant: within one term it changes at most once, from NO_NODE. */
  vote: NodeId;
  role: Role = 'follower';
  leader: NodeId = NO_NODE;

  /** Ticks since a leader was heard of (follower), the round began (candidate) or the quorum check (leader). */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** Drawn anew for every round, so that two candidates do not meet for ever (Raft §5.2). */
  electionTimeout = 0;

  /** Candidates: one answer per voter of the round in `term`. */
  votes = new Map<NodeId, boolean>();
  /** Leaders: every member of the configuration, this one included. */
  progress = new Map<NodeId, Progress>();
  readonly rounds = new ReadRounds();
  /** Leaders: the member that is to take over, and the ticks since the transfer began. */
  transferee: NodeId = NO_NODE;
  transferElapsed = 0;
  /** Leaders: bytes appended beyond the commit index. */
  uncommittedBytes = 0;
  /** Followers: reads forwarded to the leader of this term that are not answered yet. */
  readonly forwardedReads = new Set<number>();

  readonly messages: Message[] = [];
  readonly afterSave: Message[] = [];
  readonly reads: ReadState[] = [];
  readonly droppedReads: number[] = [];
  /** A snapshot that waits to be handed to the driver for installation. */
  snapshot: SnapshotMeta | undefined;

  constructor(config: RaftConfig, init: RaftInit, random: Random) {
    this.config = config;
    this.random = random;
    this.term = init.hardState.term;
    this.vote = init.hardState.vote;
    this.log = new RaftLog({
      start: init.start,
      entries: init.entries,
      // The state's own writes may reach the disk before the hard state that allowed them: applied means committed.
      commitIndex: Math.max(init.hardState.commit, init.appliedIndex),
      appliedIndex: init.appliedIndex,
    });
    this.membership = new Membership({ index: init.start.index, conf: init.start.conf });
    for (const entry of init.entries) this.membership.append(entry);
    this.resetElectionTimeout();
  }

  get id(): NodeId {
    return this.config.id;
  }
  get conf(): ConfState {
    return this.membership.current;
  }
  get isVoter(): boolean {
    return isVoter(this.conf, this.id);
  }
  /**
   * Voters may lead. So may a member that its own log removes, until that is committed: those who stay may lack the
   * entry, and then they cannot elect anybody without it (Thesis §4.2.2). It does not count its own vote.
   */
  get mayLead(): boolean {
    return this.isVoter || isVoter(this.membership.at(this.log.commitIndex), this.id);
  }
  /** A leader has spoken within the election timeout: this member helps nobody to depose it (Thesis §4.2.3). */
  get hasLiveLeader(): boolean {
    return this.leader !== NO_NODE && this.electionElapsed < this.config.electionTicks;
  }

  becomeFollower(term: Term, leader: NodeId): void {
    this.#reset(term);
    this.role = 'follower';
    this.leader = leader;
  }

  /** Asks around without changing the term or the vote, so that a member cut off does not disturb (Thesis §9.6). */
  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign');
    this.#reset(this.term);
    this.role = 'preCandidate';
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign');
    this.#reset(this.term + 1);
    this.role = 'candidate';
    this.vote = this.id;
  }

  becomeLeader(): void {
    assert(this.role === 'candidate', 'only a candidate becomes leader', { role: this.role });
    this.#reset(this.term);
    this.role = 'leader';
    this.leader = this.id;
  }

  resetElectionTimeout(): void {
    // Unlike the thesis, which draws from [T, 2T): a narrower range shortens the outage, and pre-votes make the split
    // votes it risks cheap. Never T itself, at which other members may still count the leader as live.
    const { electionTicks } = this.config;
    const few = Math.min(Math.ceil(electionTicks / 2), DISTINCT_TIMEOUTS_MIN);
    this.electionTimeout = electionTicks + 1 + this.random.below(Math.max(Math.ceil(electionTicks / 4), few));
  }

  send(message: Message): void {
    assert(message.to !== this.id, 'a member does not write to itself', { type: message.type });
    this.messages.push(message);
  }

  /** For answers that promise something durable. */
  sendAfterSave(message: Message): void {
    assert(message.to !== this.id, 'a member does not write to itself', { type: message.type });
    this.afterSave.push(message);
  }

  /** Removes the log's suffix and the configurations that came with it. */
  truncateAfter(index: LogIndex): void {
    this.log.truncateAfter(index);
    this.membership.truncateAfter(index);
  }

  append(entry: Entry): void {
    this.log.append(entry);
    this.membership.append(entry);
  }

  #reset(term: Term): void {
    assert(term >= this.term, 'terms never fall', { term, current: this.term });
    if (term !== this.term) {
      this.term = term;
      this.vote = NO_NODE;
    }
    this.leader = NO_NODE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.resetElectionTimeout();
    this.votes.clear();
    this.progress.clear();
    this.transferee = NO_NODE;
    this.transferElapsed = 0;
    this.uncommittedBytes = 0;
    this.droppedReads.push(...this.rounds.drop(this.id), ...this.forwardedReads);
    this.forwardedReads.clear();
  }
}
