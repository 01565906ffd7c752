/**
 * A whole cluster in memory around the real core: members with disks that lose what was not synced, and a network in
 * which every message is delivered, dropped, duplicated or held back only when a test says so. Each step of a member
 * is followed by every check of invariants.ts and cluster-checks.ts. Nothing here is random and nothing waits.
 */
import { assert } from '../../server/lib/assert.js';
import type { Random } from '../../server/lib/random.js';
import type { RaftConfig } from '../../server/raft/config.js';
import { describeMessage, describeReady } from '../../server/raft/describe.js';
import { checkState, checkStep } from '../../server/raft/invariants.js';
import type { ConfChange } from '../../server/raft/membership.js';
import { type ProposeResult, Raft, type RaftStatus } from '../../server/raft/raft.js';
import type { Ready } from '../../server/raft/ready.js';
import type { Entry, LogIndex, Message, NodeId, SnapshotMeta } from '../../server/raft/types.js';
import { ClusterChecks } from './cluster-checks.js';
import { type DiskImage, FakeDisk } from './fake-disk.js';

/** Small limits, so that few entries reach them. */
export const TEST_SETTINGS: Omit<RaftConfig, 'id' | 'boot'> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  appendBytesMax: 1024,
  inflightMessagesMax: 8,
  inflightBytesMax: 8 * 1024,
  uncommittedBytesMax: 64 * 1024,
  applyPageEntriesMax: 16,
  applyPageBytesMax: 4 * 1024,
  pendingReadsMax: 16,
};

export interface ClusterOptions {
  readonly settings?: Partial<RaftConfig>;
  /** A member's source of election timeouts, made anew for each of its lives. */
  readonly random: (id: NodeId, boot: number) => Random;
  /** Receives one line for everything that happens. */
  readonly trace?: (line: string) => void;
}

interface Member {
  readonly id: NodeId;
  readonly disk: FakeDisk;
  boot: number;
  /** Undefined while crashed. */
  raft: Raft | undefined;
  status: RaftStatus | undefined;
  /** Readys whose save is under way, in order. */
  saving: Ready[];
  isSaveHeld: boolean;
  isApplyHeld: boolean;
  /** A page given out but not applied yet. */
  applying: readonly Entry[];
  /** Everything this member's state machine applied in this life. */
  applied: Entry[];
  reads: { readonly token: number; readonly index: LogIndex }[];
}

export class RaftCluster {
  readonly checks: ClusterChecks;
  /** Under way, oldest first. */
  network: Message[] = [];
  /** Member pairs "from->to" whose messages vanish on delivery. */
  readonly cuts = new Set<string>();
  readonly #members = new Map<NodeId, Member>();
  readonly #options: ClusterOptions;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.checks = new ClusterChecks((id) => this.#members.get(id)?.disk.durable);
  }

  get ids(): readonly NodeId[] {
    return [...this.#members.keys()];
  }
  get running(): readonly NodeId[] {
    return this.ids.filter((id) => this.isRunning(id));
  }

  /** Puts a member with this disk into the cluster and starts it. */
  start(id: NodeId, image: DiskImage): void {
    this.checks.assumeCommitted(image, Math.max(image.hardState.commit, image.appliedIndex));
    const member: Member = {
      id,
      disk: new FakeDisk(image),
      boot: 0,
      raft: undefined,
      status: undefined,
      saving: [],
      isSaveHeld: false,
      isApplyHeld: false,
      applying: [],
      applied: [],
      reads: [],
    };
    this.#members.set(id, member);
    this.#boot(member);
  }

  isRunning(id: NodeId): boolean {
    return this.#members.get(id)?.raft !== undefined;
  }

  /** How often this member was started. */
  boot(id: NodeId): number {
    return this.#member(id).boot;
  }

  raft(id: NodeId): Raft {
    const { raft } = this.#member(id);
    assert(raft !== undefined, 'this member is down', { id });
    return raft;
  }

  status(id: NodeId): RaftStatus {
    return this.raft(id).status();
  }

  disk(id: NodeId): FakeDisk {
    return this.#member(id).disk;
  }

  /** What this member applied since it was started. */
  applied(id: NodeId): readonly Entry[] {
    return this.#member(id).applied;
  }

  answeredReads(id: NodeId): readonly { readonly token: number; readonly index: LogIndex }[] {
    return this.#member(id).reads;
  }

  pendingSaves(id: NodeId): number {
    return this.#member(id).saving.length;
  }
  isApplying(id: NodeId): boolean {
    return this.#member(id).applying.length > 0;
  }

  tick(id: NodeId): void {
    this.#act(id, (raft) => raft.tick());
  }

  campaign(id: NodeId): void {
    this.#act(id, (raft) => raft.campaign());
  }

  propose(id: NodeId, data: Uint8Array): ProposeResult {
    return this.#act(id, (raft) => raft.propose(data));
  }

  changeConf(id: NodeId, change: ConfChange): ProposeResult {
    return this.#act(id, (raft) => raft.proposeConfChange(change, new Uint8Array(0)));
  }

  requestRead(id: NodeId): number | undefined {
    const token = this.#act(id, (raft) => raft.requestRead());
    if (token !== undefined) this.checks.readRequested(id, token);
    return token;
  }

  /** Nobody waits for this member's reads any more. */
  forgetReads(id: NodeId): void {
    for (const token of this.checks.forgetReads(id)) this.#act(id, (raft) => raft.forgetRead(token));
  }

  transfer(id: NodeId, to: NodeId): boolean {
    return this.#act(id, (raft) => raft.transferLeadership(to));
  }

  stepDown(id: NodeId): void {
    this.#act(id, (raft) => raft.stepDown());
  }

  reportUnreachable(id: NodeId, peer: NodeId): void {
    this.#act(id, (raft) => raft.reportUnreachable(peer));
  }

  reportSnapshot(id: NodeId, peer: NodeId, index: LogIndex | undefined): void {
    this.#act(id, (raft) => raft.reportSnapshot(peer, index));
  }

  /** Gives `message` to its receiver, unless that is down or cut off. True when it arrived. */
  deliver(message: Message): boolean {
    const receiver = this.#members.get(message.to);
    if (receiver?.raft === undefined || this.cuts.has(`${message.from}->${message.to}`)) return false;
    this.#act(message.to, (raft) => raft.step(message));
    return true;
  }

  /** Does what the member's Readys ask for, until there is nothing more to do. */
  pump(id: NodeId): void {
    const member = this.#member(id);
    while (member.raft !== undefined) {
      const canApply = member.applying.length === 0;
      const ready = this.#act(id, (raft) => raft.ready({ canApply }));
      if (ready !== undefined) this.#handle(member, ready);
      else if (member.isSaveHeld || !this.completeSave(id)) return;
    }
  }

  pumpAll(): void {
    for (const id of this.running) this.pump(id);
  }

  /** Finishes the oldest save under way; false when there is none. */
  completeSave(id: NodeId): boolean {
    const member = this.#member(id);
    const ready = member.saving.shift();
    if (ready === undefined) return false;
    if (!isNothingToSave(ready)) member.disk.save(ready);
    this.checks.saved(ready.entries);
    if (member.isSaveHeld) this.#trace(id, `saved ${ready.saveId}`);
    this.#act(id, (raft) => raft.saved(ready.saveId));
    for (const message of ready.afterSave) this.#send(message);
    return true;
  }

  /** Finishes the page being applied. */
  completeApply(id: NodeId): void {
    const member = this.#member(id);
    const entries = member.applying;
    const last = entries.at(-1);
    if (last === undefined) return;
    member.applying = [];
    const first = this.raft(id).appliedIndex + 1;
    for (const [place, entry] of entries.entries()) {
      // A snapshot may have overtaken the page; the driver finishes it all the same.
      const isOvertaken = last.index < first;
      assert(isOvertaken || entry.index === first + place, 'applied out of order', { id, index: entry.index, first });
      this.checks.applied(id, entry);
    }
    member.applied.push(...entries);
    member.disk.markApplied(Math.max(last.index, member.disk.written.appliedIndex));
    this.#act(id, (raft) => raft.applied(last.index));
  }

  holdSaves(id: NodeId, isHeld: boolean): void {
    this.#member(id).isSaveHeld = isHeld;
  }

  holdApply(id: NodeId, isHeld: boolean): void {
    this.#member(id).isApplyHeld = isHeld;
  }

  /** Trims the log up to `index`, which must be durably applied. */
  trim(id: NodeId, index: LogIndex): void {
    const meta = this.#act(id, (raft) => raft.trimLog(index));
    this.#member(id).disk.trim(meta);
  }

  /**
   * The process dies. Of the saves under way the first `keptSaves` reach the disk without anybody being told; if that
   * is none, the first `keptWrites` of the unsynced writes survive.
   */
  crash(id: NodeId, kept: { readonly saves?: number; readonly writes?: number } = {}): void {
    const member = this.#member(id);
    let keptWrites = kept.writes ?? 0;
    for (const ready of member.saving.slice(0, kept.saves ?? 0)) {
      if (isNothingToSave(ready)) continue;
      member.disk.save(ready);
      this.checks.saved(ready.entries);
      keptWrites = Infinity;
    }
    member.disk.crash(keptWrites);
    member.raft = undefined;
    member.status = undefined;
    member.saving = [];
    member.applying = [];
    member.reads = [];
    this.checks.forgetReads(id);
  }

  /** Starts a crashed member again from what its disk kept. */
  restart(id: NodeId): void {
    this.#boot(this.#member(id));
  }

  #boot(member: Member): void {
    assert(member.raft === undefined, 'this member runs already', { id: member.id });
    member.boot += 1;
    member.applied = [];
    const { durable } = member.disk;
    const config = { ...TEST_SETTINGS, ...this.#options.settings, id: member.id, boot: member.boot };
    member.raft = new Raft(config, durable, this.#options.random(member.id, member.boot));
    member.status = checkState(member.raft);
    this.checks.observe(member.raft, undefined, member.status);
  }

  #handle(member: Member, ready: Ready): void {
    if (this.#options.trace !== undefined) {
      for (const line of describeReady(ready)) this.#trace(member.id, line);
    }
    if (ready.snapshot !== undefined) this.checks.installed(member.id, ready.snapshot);
    for (const message of ready.messages) this.#send(message);
    if (!isNothingToSave(ready) || ready.afterSave.length > 0) member.saving.push(ready);
    for (const read of ready.reads) {
      this.checks.readAnswered(member.id, read);
      member.reads.push(read);
    }
    for (const token of ready.droppedReads) this.checks.readDropped(member.id, token);
    if (ready.committed.length === 0) return;
    member.applying = ready.committed;
    if (!member.isApplyHeld) this.completeApply(member.id);
  }

  #send(message: Message): void {
    this.checks.sent(message);
    this.network.push(
      message.type === 'installSnapshot' ? { ...message, meta: this.#openSnapshot(message.from) } : message,
    );
  }

  /** A consistent cut of the sender's state: what its state machine has applied. */
  #openSnapshot(id: NodeId): SnapshotMeta {
    const raft = this.raft(id);
    const index = this.#member(id).disk.written.appliedIndex;
    const term = raft.termAt(index);
    assert(term !== undefined, 'the applied index lies in the log', { id, index });
    return { index, term, conf: raft.confAt(index) };
  }

  /** Every input of a member goes through here: whatever it does is checked at once. */
  #act<T>(id: NodeId, action: (raft: Raft) => T): T {
    const member = this.#member(id);
    const raft = this.raft(id);
    const before = member.status;
    const result = action(raft);
    const now = checkState(raft);
    if (before !== undefined) checkStep(before, now);
    member.status = now;
    if (before !== undefined) this.#traceRole(before, now);
    this.checks.observe(raft, before, now);
    return result;
  }

  #traceRole(before: RaftStatus, now: RaftStatus): void {
    if (before.role === now.role && before.term === now.term && before.leader === now.leader) return;
    const leader = now.leader === 0n || now.role === 'leader' ? '' : ` of ${now.leader}`;
    this.#trace(now.id, `becomes ${now.role}${leader} in term ${now.term}`);
  }

  #trace(id: NodeId, line: string): void {
    this.#options.trace?.(`${id}| ${line}`);
  }

  #member(id: NodeId): Member {
    const member = this.#members.get(id);
    assert(member !== undefined, 'no such member', { id });
    return member;
  }
}

function isNothingToSave(ready: Ready): boolean {
  return ready.hardState === undefined && ready.entries.length === 0 && ready.snapshot === undefined;
}

/** Delivers everything under way, in order, and what follows from it, until the network is empty. */
export function settle(cluster: RaftCluster, messagesMax: number): void {
  cluster.pumpAll();
  for (let delivered = 0; ; delivered += 1) {
    const message = cluster.network.shift();
    if (message === undefined) return;
    assert(delivered < messagesMax, 'the cluster never comes to rest', { message: describeMessage(message) });
    cluster.deliver(message);
    if (cluster.isRunning(message.to)) cluster.pump(message.to);
  }
}
