/**
 * The driver: the only place where decisions meet I/O. It feeds the core with messages, ticks and proposals, and carries
 * out each Ready in the order that ready.ts demands. One turn of its loop handles everything that came since the last.
 */
import { createDeferred } from '../lib/deferred.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { ConfChange } from '../raft/membership.js';
import { type ProposeResult, Raft, type RaftStatus } from '../raft/raft.js';
import type { Ready } from '../raft/ready.js';
import type { LogIndex, Message, NodeId, SnapshotMeta } from '../raft/types.js';
import type { Command, Stamp } from '../state/command.js';
import type { Event } from '../state/result.js';
import type { StateMachine } from '../state/state-machine.js';
import { Applier } from './applier.js';
import { encodeCommand, type ProposalId } from './command-codec.js';
import { Conditions } from './conditions.js';
import { diskFailure, type Fatal } from './fatal.js';
import { DiskWaits } from './disk-waits.js';
import { GrantListeners } from './grant-listeners.js';
import { handOver } from './hand-over.js';
import { Housekeeping } from './housekeeping.js';
import type { LeaseWaiter } from './lease-asks.js';
import { Leases } from './leases.js';
import { LIMITS } from './limits.js';
import type { NodeParts } from './node-parts.js';
import { raftConfig, requestTimeoutMs, tickMs } from './options.js';
import { Placement } from './placement.js';
import type { IncomingSnapshot, LeaseAsk, PeerMessage, PeerReceiver } from './ports.js';
import { type ProposalWaiter, Proposals } from './proposals.js';
import { Reads, type ReadWaiter } from './reads.js';
import { SaveLane, type SavedBatch } from './save-lane.js';
import { SessionTime } from './session-time.js';
import { Snapshots } from './snapshots.js';
import { Ticker } from './ticker.js';
import { type Leadership, Watchman } from './watchman.js';

type CoreFacts = 'role' | 'term' | 'leader' | 'transferee' | 'conf' | 'commitIndex' | 'appliedIndex' | 'termAt';
export type CoreView = Pick<Raft, CoreFacts>;

export class RaftNode implements PeerReceiver {
  readonly #parts: NodeParts;
  readonly #raft: Raft;
  readonly #lane: SaveLane;
  readonly #applier: Applier;
  readonly #proposals = new Proposals();
  readonly #reads: Reads;
  readonly #leases: Leases;
  readonly #sessionTime: SessionTime;
  readonly #placement: Placement;
  readonly #snapshots: Snapshots;
  readonly #fatal = createDeferred<Fatal>();
  readonly #listeners: { readonly applied: (events: readonly Event[]) => void; readonly reloaded: () => void }[] = [];
  /** Told when holders or waiters of a name may be others. */
  readonly grantListeners = new GrantListeners();
  readonly #watchman: Watchman;
  readonly #conditions: Conditions;
  readonly #diskWaits: DiskWaits;
  readonly #housekeeping: Housekeeping;
  #isScheduled = false;
  #isReloading = false;
  /** Nothing new is taken once it is set. */
  #stopping: Promise<void> | undefined;
  #isStopped = false;
  readonly #ticker: Ticker;

  constructor(parts: NodeParts) {
    const { loaded, options, store, transport, logger } = parts;
    this.#parts = parts;
    this.#raft = new Raft(
      raftConfig(options, loaded.memberId, loaded.boot),
      {
        hardState: loaded.hardState,
        start: loaded.logStart,
        entries: loaded.entries,
        appliedIndex: loaded.applied.index,
      },
      parts.random,
    );
    this.#lane = new SaveLane(store, loaded, {
      saved: (batch) => this.#guard(() => this.#saved(batch)),
      failed: (error) => this.#stopFor(diskFailure(error)),
    });
    const encode = (command: Command): Buffer => encodeCommand(this.#proposalId(this.#proposals.takeSeq()), command);
    this.#leases = new Leases({
      raft: this.#raft,
      transport,
      clock: parts.clock,
      boot: loaded.boot,
      state: () => ({ leases: this.machine.leases, appliedTerm: this.#applier.point.term }),
      encode,
      read: (waiter) => this.read(waiter),
      options,
    });
    const state = () => ({ machine: this.machine, applied: this.#applier.point });
    this.#sessionTime = new SessionTime({ raft: this.#raft, state, encode });
    this.#applier = new Applier(parts.machine, loaded.applied, {
      raft: this.#raft,
      lane: this.#lane,
      proposals: this.#proposals,
      leases: this.#leases,
      memberId: loaded.memberId,
      boot: loaded.boot,
      publish: (events) => this.#listeners.forEach(({ applied }) => applied(events)),
      grants: this.grantListeners,
    });
    this.#reads = new Reads(this.#raft, options.electionMs / 2);
    this.#placement = new Placement({
      raft: this.#raft,
      proposals: this.#proposals,
      transport,
      boot: loaded.boot,
      silenceMs: options.electionMs / 2,
    });
    this.#watchman = new Watchman(this.#raft, logger, options.checkInvariants);
    this.#conditions = new Conditions(parts.clock);
    this.#diskWaits = new DiskWaits({
      lane: this.#lane,
      applier: this.#applier,
      schedule: () => this.#schedule(),
      until: (holds) => this.#until(holds),
      isStopped: () => this.#isStopped,
    });
    this.#snapshots = new Snapshots(store, transport, logger, (error) => this.#stopFor(diskFailure(error)));
    this.#housekeeping = new Housekeeping({
      raft: this.#raft,
      lane: this.#lane,
      snapshots: this.#snapshots,
      options,
      logger,
    });
    const tick = (ticks: number, now: number): void => this.#guard(() => this.#tick(ticks, now));
    this.#ticker = new Ticker(parts.clock, tickMs(options), tick);
  }

  /** Settles when the node had to stop by itself; never rejects. */
  get fatal(): Promise<Fatal> {
    return this.#fatal.promise;
  }
  get id(): NodeId {
    return this.#raft.id;
  }
  get term(): number {
    return this.#raft.term;
  }
  get leader(): NodeId {
    return this.#raft.leader;
  }
  get machine(): StateMachine {
    return this.#applier.machine;
  }
  /** False while the state is rebuilt after a snapshot was installed. */
  get isServing(): boolean {
    return !this.#isReloading && !this.#isStopped;
  }
  /** A leader is known and this member serves. */
  get isReady(): boolean {
    return this.#raft.leader !== 0n && this.isServing;
  }
  get requestTimeoutMs(): number {
    return requestTimeoutMs(this.#parts.options);
  }
  status(): RaftStatus {
    return this.#raft.status();
  }
  /** Cheaper than status(), for whoever looks often. */
  get core(): CoreView {
    return this.#raft;
  }
  /** What waits here: each of them comes to zero when the load ends. */
  queues(): { readonly proposals: number; readonly reads: number; readonly leases: number; readonly writes: number } {
    return {
      proposals: this.#proposals.size,
      reads: this.#reads.size,
      leases: this.#leases.size,
      writes: this.#lane.pendingWrites,
    };
  }

  /** `reloaded`: a snapshot became the state; nobody was told the events between the one before and `machine`. */
  onEvents(applied: (events: readonly Event[]) => void, reloaded: () => void = () => undefined): void {
    this.#listeners.push({ applied, reloaded });
  }
  onReadyChange(listener: (isReady: boolean) => void): void {
    this.#watchman.onReadyChange(listener);
  }
  /** `listener` is told when another one leads, or members say something else of themselves. Returns how to stop. */
  onLeadershipChange(listener: (leadership: Leadership) => void): () => void {
    return this.#watchman.onLeadershipChange(listener);
  }

  async start(): Promise<void> {
    await this.#parts.transport.start(this);
    // A single voter has nobody to wait for.
    if (this.#raft.conf.voters.length === 1) this.#raft.campaign();
    this.#ticker.start();
    this.#schedule();
  }

  /**
   * Proposes `command`, with a stamp as a write of a session; `waiter` is told exactly once. Throws TOO_MANY_REQUESTS or
   * STOPPED when it is not taken.
   */
  propose(command: Command, deadline: number, waiter: ProposalWaiter, stamp?: Stamp): { abandon(): void } {
    this.#assertTaking();
    const id = this.#proposalId(this.#proposals.nextSeq());
    const proposal = this.#proposals.add(encodeCommand(id, command, stamp), deadline, waiter, command.kind === 'put');
    this.#schedule();
    return { abandon: () => this.#proposals.abandon(proposal) };
  }

  /**
   * Waits for a linearizable read point; with `revision` until this member's own state has come to that one, which it has
   * not yet. Throws TOO_MANY_REQUESTS or STOPPED when it is not taken.
   */
  read(waiter: ReadWaiter, revision?: number): void {
    this.#assertTaking();
    this.#reads.add(waiter, revision);
    this.#schedule();
  }

  /** The state of this member, while it serves, holds all that was acknowledged before this moment of its clock. */
  get freshAt(): number {
    return this.#reads.freshAt;
  }

  /** Asks whoever leads about a lease. Throws TOO_MANY_REQUESTS or STOPPED when the question is not taken. */
  askLease(ask: Omit<LeaseAsk, 'number'>, deadline: number, waiter: LeaseWaiter): void {
    this.#assertTaking();
    this.#leases.ask(ask, deadline, waiter);
    this.#schedule();
  }

  /** When the lease ends if nobody renews it. Undefined unless this member counts the time. */
  leaseDeadline(id: bigint): number | undefined {
    return this.#leases.deadlineOf(id);
  }

  /** Resolves once everything applied up to now can be read from the store. */
  written(): Promise<void> {
    return this.#diskWaits.written();
  }

  /** Resolves once old revisions up to `revision` are gone from this member's disk; rejects when it stops before. */
  compacted(revision: number): Promise<void> {
    return this.#diskWaits.compacted(revision);
  }

  /** Changes one member of the configuration. Only a leader that goes on can; accepted means appended, not committed. */
  proposeConfChange(change: ConfChange): ProposeResult {
    const refused: ProposeResult = { ok: false, reason: 'notLeader' };
    return this.#stopping ? refused : this.#ask(() => this.#raft.proposeConfChange(change, new Uint8Array(0)), refused);
  }

  /** False when this member does not lead or `to` cannot take over. */
  transferLeadership(to: NodeId): boolean {
    return this.#ask(() => this.#raft.transferLeadership(to), false);
  }

  /** A leader passes its office on. Resolves when another one leads, or after an election timeout. */
  async handOver(): Promise<void> {
    if (this.#isStopped) return;
    await handOver(this.#raft, this.#parts, {
      transfer: (to) => this.transferLeadership(to),
      until: (holds, timeoutMs) => this.#until(holds, timeoutMs),
    });
  }

  /** Stops for good: answers what can still be answered, then closes the store. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (!this.#isStopped) {
      await this.handOver();
      await this.#until(() => this.#proposals.size === 0 && this.#reads.size === 0, this.#parts.options.electionMs);
    }
    this.#halt();
    await this.#lane.drained();
    await this.#parts.transport.stop();
    await this.#parts.store.close();
  }

  #assertTaking(): void {
    if (this.#stopping !== undefined || this.#isStopped) throw new QuorateError('STOPPED');
  }

  #proposalId(seq: number): ProposalId {
    return { member: this.#raft.id, boot: this.#parts.loaded.boot, seq };
  }

  // PeerReceiver

  receive(from: NodeId, message: PeerMessage): void {
    this.#guard(() => {
      if (message.kind === 'raft') this.#step(message.message);
      else if (message.kind === 'forward') this.#placement.take(from, message);
      else if (message.kind === 'forwardResult') this.#placement.takeResult(message);
      else this.#leases.receive(from, message);
      this.#schedule();
    });
  }

  /** A snapshot comes as a stream: as a bare message it would promise what is not on the disk. */
  #step(message: Message): void {
    if (message.type !== 'installSnapshot') this.#raft.step(message);
  }

  async receiveSnapshot(incoming: IncomingSnapshot): Promise<LogIndex> {
    // The one received before waits to become the state: a new one would take its place on the disk.
    if (this.#isReloading) throw new QuorateError('TOO_MANY_REQUESTS', 'another snapshot is being installed');
    const { meta, writer, isLatest } = await this.#snapshots.receive(incoming);
    if (!isLatest()) throw new QuorateError('TOO_MANY_REQUESTS', 'another snapshot came after it');
    const { from, term } = incoming;
    this.#guard(() => {
      this.#raft.step({ type: 'installSnapshot', from, to: this.#raft.id, term, meta });
      this.#turn();
    });
    if (!this.#isReloading && !this.#isStopped) {
      await writer.abort();
      // An index would be an answer: a leader that is deposed and does not know it would send the next one at once.
      if (term < this.#raft.term) throw new QuorateError('LEADER_CHANGED', `term ${this.#raft.term}`);
      return this.#raft.commitIndex;
    }
    await this.#until(() => !this.#isReloading);
    if (this.#isStopped) throw new QuorateError('STOPPED');
    return meta.index;
  }

  unreachable(peer: NodeId): void {
    this.#ask(() => this.#raft.reportUnreachable(peer), undefined);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.#parts.clock.defer(() => this.#guard(() => this.#turn()));
  }

  #turn(): void {
    this.#isScheduled = false;
    const { clock, options } = this.#parts;
    const startedAt = clock.now();
    this.#placement.placeWaiting(startedAt);
    this.#leases.turn(startedAt);
    this.#reads.ask(startedAt);
    for (;;) {
      const ready = this.#raft.ready({ canApply: this.#canApply });
      if (ready === undefined) break;
      this.#execute(ready);
      // Those that came during the round: nothing else would wake them before a tick.
      if (ready.reads.length > 0) this.#reads.ask(startedAt);
      if (!this.#raft.hasNews) break;
      if (clock.now() - startedAt >= (options.turnBudgetMs ?? LIMITS.turnBudgetMs)) {
        this.#schedule();
        break;
      }
    }
    if (this.#canApply) this.#applier.compactSlice();
    if (this.#canApply && this.#applier.hasCompactionWork) this.#schedule();
    if (this.#leases.wantsTurn) this.#schedule();
    this.#leases.flush();
    this.#lane.flush(clock.now());
    this.#watchman.look(this.isReady, this.machine.members());
  }

  get #canApply(): boolean {
    return !this.#isReloading && !this.#lane.isFull;
  }

  /** See ready.ts: send, save, apply, answer. */
  #execute(ready: Ready): void {
    for (const message of ready.messages) this.#send(message);
    if (ready.snapshot !== undefined) this.#isReloading = true;
    this.#save(ready);
    if (ready.committed.length > 0) this.#applier.apply(ready.committed);
    for (const token of ready.droppedReads) this.#reads.dropped(token);
    for (const read of ready.reads) this.#reads.confirmed(read);
    this.#releaseReads();
  }

  /** Never from a state that a snapshot has replaced on the disk. */
  #releaseReads(): void {
    if (!this.#isReloading) this.#reads.release(this.#raft.appliedIndex, this.machine.revision);
  }

  /** Promises wait for every sync before them; one that needs none can be given at once. */
  #save(ready: Ready): void {
    const { afterSave } = ready;
    const mustWait = ready.mustSync || this.#lane.isSyncing;
    if (!mustWait) for (const message of afterSave) this.#send(message);
    const isEmpty = ready.hardState === undefined && !ready.mustSync && (afterSave.length === 0 || !mustWait);
    if (!isEmpty) this.#lane.addReady(mustWait ? ready : { ...ready, afterSave: [] });
  }

  #saved(batch: SavedBatch): void {
    if (batch.saveId > 0) this.#raft.saved(batch.saveId);
    for (const message of batch.afterSave) {
      // An answer of an earlier term may speak of entries that were overwritten before they were saved.
      if (message.term >= this.#raft.term) this.#send(message);
    }
    if (batch.snapshot !== undefined) this.#reload(batch.snapshot);
    this.#housekeeping.maybeTrim();
    this.#conditions.settle();
    this.#turn();
  }

  #send(message: Message): void {
    const { to } = message;
    if (message.type !== 'installSnapshot') this.#parts.transport.send(to, { kind: 'raft', message });
    else if (!this.#snapshots.isSending(to)) {
      const sent = this.#snapshots.send(to, message.term, message.meta.index);
      void sent.then((index) => this.#ask(() => this.#raft.reportSnapshot(to, index), undefined));
    }
  }

  /** The snapshot is the state on disk now; the state in memory follows before anything else is applied or read. */
  #reload(point: SnapshotMeta): void {
    const { index } = point;
    this.#proposals.snapshotInstalled(index);
    void this.#parts.rebuild().then(
      (machine) =>
        this.#guard(() => {
          this.#applier.replace(machine, point);
          this.#isReloading = false;
          for (const { reloaded } of this.#listeners) reloaded();
          this.grantListeners.tellAll();
          this.#parts.logger.info('snapshot installed', { index, revision: machine.revision });
          this.#conditions.settle();
          this.#releaseReads();
          this.#schedule();
        }),
      (error: unknown) => this.#stopFor(diskFailure(error)),
    );
  }

  #tick(ticks: number, now: number): void {
    for (let tick = ticks; tick > 0; tick -= 1) this.#raft.tick();
    this.#housekeeping.checkDisk(now);
    this.#proposals.expire(now);
    this.#placement.tick(now);
    this.#reads.tick(now);
    this.#leases.tick(now);
    this.#sessionTime.tick(now);
    this.#conditions.settle();
    if (this.#hasWork(now)) this.#schedule();
  }

  /** Whether a turn would get anywhere: most ticks change nothing. */
  #hasWork(now: number): boolean {
    const { hasNews, leader } = this.#raft;
    const isAwaited = this.#proposals.hasWaiting || this.#reads.canAsk;
    const isCompacting = this.#canApply && this.#applier.hasCompactionWork;
    if (hasNews || this.#watchman.hasNews || (isAwaited && leader !== 0n) || isCompacting) return true;
    return this.#leases.hasWork(now) || this.#lane.isDue(now);
  }

  /** Resolves once `holds`, when the member stops, or after `timeoutMs`. */
  #until(holds: () => boolean, timeoutMs?: number): Promise<void> {
    return this.#conditions.until(() => this.#isStopped || holds(), timeoutMs);
  }

  #ask<T>(question: () => T, otherwise: T): T {
    let answer = otherwise;
    this.#guard(() => {
      answer = question();
      this.#schedule();
    });
    return answer;
  }

  /** Whatever escapes here is a bug of ours: the node stops with its durable state as it is. */
  #guard(work: () => void): void {
    if (this.#isStopped) return;
    try {
      work();
    } catch (error) {
      this.#stopFor({ cause: 'invariant', error });
    }
  }

  #stopFor(fatal: Fatal): void {
    if (this.#isStopped) return;
    this.#raft.stepDown();
    this.#halt();
    this.#fatal.resolve(fatal);
  }

  #halt(): void {
    this.#isStopped = true;
    this.#ticker.stop();
    this.#proposals.failAll();
    this.#reads.failAll(new QuorateError('STOPPED'));
    this.#leases.failAll(new QuorateError('STOPPED'));
    this.#conditions.settle();
    this.#watchman.tellReady(this.isReady);
  }
}
