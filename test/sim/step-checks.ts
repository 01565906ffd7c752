/**
 * Everything that must hold after every step of a member, on whole members: their memory, their disks as a power cut
 * would leave them, what they send and what they answer. Which hazard is met by which check:
 *
 *   two leaders in one term                                election-safety
 *   a vote forgotten, changed or told before it is durable  vote-durable, one-vote, term-never-falls
 *   a vote counted twice                                    elected, election-safety
 *   logs that differ below an equal entry                   log-matching, entry-identity, log-terms-rise
 *   a new leader without what was committed                 leader-completeness
 *   an entry of an old term committed by counting           commit-own-term, state-machine-safety, committed-kept
 *   a commit that a quorum does not hold durably,
 *     the leader's own disk and even sizes included         commit-durable
 *   a committed entry cut off or replaced                   committed-kept, log-without-holes
 *   an acknowledgement of what is not there any more        match-of-the-term, match-durable, append-durable
 *   success told for an entry that another one replaced     answer-durable, read-linearizable; the workload's checkers
 *   a change of members too early or two at once            conf-after-own-commit, one-conf-change, one-member-at-a-time
 *   a removed member that votes or serves                   commit-durable, read-linearizable
 *   a disk that forgot what it promised                     term-never-falls, committed-kept, pointers-never-fall
 *   a start that does not take up what is on the disk        starts-from-disk, state-of-the-log
 *   a read confirmed by an older round, by a new leader too
 *     early, or answered before it is applied               read-linearizable
 *   an answer before the sync                               answer-durable, commit-durable, append-durable
 *   a failed sync taken for a good one                      append-durable, vote-durable, commit-durable
 *   a member that lives on above a disk that has failed      failed-disk-stops, liveness (quiet-phase.ts)
 *   a torn or lost block taken for the end of the log       log-without-holes, committed-kept
 *   the applied index apart from its state; an entry
 *     skipped or applied twice                              state-of-the-log
 *   a snapshot of another index than it says, half
 *     installed, or older than the state                    state-of-the-log, pointers-never-fall, pointers-in-order
 *   a lease that ends by the word of an old leader; a key on
 *     a lease that is not there; half of a lease's keys       lease-of-the-log
 *   a lease that never ends, or begins anew with each leader  lease-late
 *   a write of a session that takes effect twice or out of
 *     its turn; a session that lives again                    session-once
 *   a reply that is another one when it is told again         session-reply
 *   a session that ends early, or on one member alone         session-expiry, state-of-the-log
 *   a token that does not rise, two that hold what one may, a
 *     grant on a dead lease, a turn that is not kept         grants-of-the-log
 *   a lock-delay that is cut short, or never over            lock-delay, lock-delay-late
 *   a waiter or an observer whom nobody wakes                grant-wakes
 *   a client that believes to hold what others may have; a
 *     grant given back while its work goes on                held, held-until-settled
 *
 * The core's own invariants (server/raft/invariants.ts) run in every member besides; a broken one is reported by name.
 */
import type { RaftNode } from '../../server/node/raft-node.js';
import type { ConfState, LogIndex, Message, NodeId, Role, Term } from '../../server/raft/types.js';
import type { MemberInfo } from '../../server/state/result.js';
import { Committed } from './committed.js';
import type { DurableImage } from './durable-image.js';
import { Entries } from './entries.js';
import { ReferenceState } from './reference-state.js';
import type { Report } from './check-report.js';
import { AnswerChecks } from './step-checks-answers.js';
import { CommitChecks } from './step-checks-commits.js';
import { ElectionChecks } from './step-checks-elections.js';
import { GrantChecks } from './step-checks-grants.js';
import { HeldChecks } from './step-checks-held.js';
import { LeaseChecks, type LeaseChecksOptions } from './step-checks-leases.js';
import { LockDelayChecks } from './step-checks-lock-delays.js';
import { LogChecks } from './step-checks-logs.js';
import { MembershipChecks } from './step-checks-membership.js';
import { SessionChecks } from './step-checks-sessions.js';
import { StateChecks, type WatchedState } from './step-checks-state.js';
import { StateHash } from './state-hash.js';

/** One life of a member, and how it stood when it was last looked at. */
export interface Watched extends WatchedState {
  role: Role;
  term: Term;
  commitIndex: LogIndex;
  appliedIndex: LogIndex;
  wasServing: boolean;
}

export class StepChecks {
  readonly committed: Committed;
  readonly entries: Entries;
  readonly reference: ReferenceState;
  readonly answers: AnswerChecks;
  /** Undefined where nobody has leases. */
  readonly leases: LeaseChecks | undefined;
  readonly sessions: SessionChecks;
  readonly grants: GrantChecks;
  readonly held: HeldChecks;
  readonly #elections: ElectionChecks;
  readonly #logs: LogChecks;
  readonly #commits: CommitChecks;
  readonly #states: StateChecks;
  readonly #membership: MembershipChecks;
  readonly #report: Report;
  readonly #images: (id: NodeId) => DurableImage | undefined;
  /** How many steps changed something, and were checked. */
  steps = 0;
  /** Changes of members that ever left their leader. */
  readonly confsSent: { readonly index: LogIndex; readonly conf: ConfState }[] = [];

  constructor(
    report: Report,
    images: (id: NodeId) => DurableImage | undefined,
    bootstrap: { readonly conf: ConfState; readonly members: readonly MemberInfo[] },
    nowMs: () => number,
    leases: LeaseChecksOptions | undefined,
  ) {
    const committed = new Committed(nowMs);
    this.committed = committed;
    this.#report = report;
    this.#images = images;
    this.entries = new Entries(report);
    const { entries } = this;
    this.reference = new ReferenceState({ committed, entries, report }, bootstrap);
    this.answers = new AnswerChecks(report, this.reference);
    const { reference } = this;
    // Before those of leases, which go by what it says of an entry.
    this.sessions = new SessionChecks(report, reference);
    const { sessions } = this;
    this.grants = new GrantChecks(report, reference, sessions);
    this.held = new HeldChecks(report, reference, nowMs);
    this.leases = leases && new LeaseChecks({ ...leases, report, reference, sessions, nowMs });
    if (this.leases !== undefined) new LockDelayChecks(report, reference, this.leases);
    this.#elections = new ElectionChecks(report, committed);
    this.#logs = new LogChecks(report, committed, entries);
    this.#commits = new CommitChecks(report, committed, images);
    this.#states = new StateChecks(report, committed, this.reference);
    this.#membership = new MembershipChecks(report, committed, entries, this.reference);
  }

  /** How many terms had a leader. */
  get elections(): number {
    return this.#elections.elections;
  }

  /** A member has read its disk and done nothing yet. */
  starting(id: NodeId, node: RaftNode): void {
    const image = this.#images(id);
    if (image === undefined) return;
    this.#logs.checkPointers(id, image);
    this.#logs.checkStart(id, image, node.status());
    this.#membership.checkApplied(id, image);
  }

  started(id: NodeId, node: RaftNode): Watched {
    const { startIndex } = node.status();
    const { machine } = node;
    const watched: Watched = {
      id,
      node,
      machine,
      hash: StateHash.of(machine),
      role: 'follower',
      term: 0,
      commitIndex: startIndex,
      appliedIndex: -1,
      wasServing: true,
    };
    this.#states.watch(watched);
    this.leases?.starts(id);
    this.step(watched);
    return watched;
  }

  /** After every step of a member, when all that follows from it has happened. */
  step(watched: Watched): void {
    const { id, node } = watched;
    const { core } = node;
    const { role, term, commitIndex, appliedIndex } = core;
    const { isServing } = node;
    if (role === 'leader') this.leases?.leads(node);
    const isSame =
      role === watched.role &&
      term === watched.term &&
      commitIndex === watched.commitIndex &&
      appliedIndex === watched.appliedIndex &&
      isServing === watched.wasServing;
    if (isSame) return;
    this.steps += 1;
    if (term < watched.term || commitIndex < watched.commitIndex || appliedIndex < watched.appliedIndex) {
      const was = `term ${watched.term}, commit ${watched.commitIndex}, applied ${watched.appliedIndex}`;
      this.#report('pointers-never-fall', `m${id}: ${was}; now ${term}, ${commitIndex}, ${appliedIndex}`);
    }
    if (commitIndex > watched.commitIndex) {
      this.#commits.advanced(id, core, Math.max(watched.commitIndex, node.status().startIndex));
      if (role === 'leader' && watched.role === 'leader' && term === watched.term) this.#commits.counted(id, core);
      this.leases?.advanced();
    }
    if (role === 'leader' && (watched.role !== 'leader' || term !== watched.term)) {
      this.#elections.leads(id, core, node.status().startIndex);
    }
    if (appliedIndex !== watched.appliedIndex || isServing !== watched.wasServing) this.#states.applied(watched);
    watched.role = role;
    watched.term = term;
    watched.commitIndex = commitIndex;
    watched.appliedIndex = appliedIndex;
    watched.wasServing = isServing;
  }

  /** Now and then, and at the end: what is too much for every step. */
  thorough(running: readonly Watched[]): void {
    for (const watched of running) {
      const image = this.#images(watched.id);
      if (image !== undefined) {
        this.#logs.checkPointers(watched.id, image);
        this.#membership.checkApplied(watched.id, image);
      }
      this.#checkMemory(watched);
      const { id, node } = watched;
      this.#membership.checkMemory(id, node.core, node.status().lastIndex);
      if (node.isServing) this.leases?.checkMember(id, node);
    }
  }

  checkVisible(watched: Watched): void {
    this.#states.checkVisible(watched);
  }

  sent(message: Message): void {
    const image = this.#images(message.from);
    if (image === undefined) return;
    this.#elections.sent(message, image);
    if (message.type === 'appendRequest') {
      for (const entry of message.entries) if (entry.kind === 'conf') this.confsSent.push(entry);
    }
    if (message.type === 'appendResponse' && message.accepted) this.#logs.accepted(message, image);
  }

  received({ node }: Watched, message: Message): void {
    if (message.type !== 'appendResponse' || !message.accepted || node.core.role !== 'leader') return;
    const peer = node.status().peers.find(({ id }) => id === message.from);
    const image = this.#images(message.from);
    if (peer !== undefined && image !== undefined) this.#logs.matched(node, peer, message, image);
  }

  synced(id: NodeId, image: DurableImage): void {
    const changes = image.takeChanges();
    this.#logs.synced(id, image, changes);
    for (const { index } of changes) {
      const term = image.termAt(index);
      if (term !== undefined) this.#membership.durable({ index, term });
    }
  }

  cut(id: NodeId, image: DurableImage, before: DurableImage): void {
    this.#logs.cut(id, image, before);
  }

  /** What is in memory beyond the commit index matches what others have on their disks. */
  #checkMemory({ id, node }: Watched): void {
    const { core } = node;
    const { lastIndex } = node.status();
    for (let index = core.commitIndex + 1; index <= lastIndex; index += 1) {
      const term = core.termAt(index);
      const before = core.termAt(index - 1);
      if (term === undefined || before === undefined) continue;
      this.entries.follows({ term, index }, before, `in the memory of m${id}`);
    }
  }
}
