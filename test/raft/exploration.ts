/**
 * One seeded walk through what may happen to a cluster: first anything goes, with every safety check after every step,
 * then all faults end and the cluster must come to one leader and one log. The seed decides everything, also which
 * faults exist at all, so that a failing seed repeats exactly.
 */
import { assert } from '../../server/lib/assert.js';
import { type Random, seededRandom } from '../../server/lib/random.js';
import type { RaftConfig } from '../../server/raft/config.js';
import { describeMessage } from '../../server/raft/describe.js';
import { type ConfChange, membersOf } from '../../server/raft/membership.js';
import type { ConfState, InstallSnapshot, LogIndex, Message, NodeId } from '../../server/raft/types.js';
import { RaftCluster, TEST_SETTINGS } from './raft-cluster.js';

const STEPS = 1500;
const NETWORK_MAX = 120;
const HISTORY_MAX = 400;
const MEMBERS_MAX = 7;
/** Liveness is measured in election timeouts: this many must do to elect, catch up and commit. */
const HEAL_TIMEOUTS = 40;
/** Far above what one tick of a healthy cluster needs. */
const HEAL_MESSAGES_MAX = 20_000;

type Action =
  | 'deliver'
  | 'tick'
  | 'tickAll'
  | 'timeOut'
  | 'propose'
  | 'read'
  | 'save'
  | 'holdSaves'
  | 'holdApply'
  | 'apply'
  | 'crash'
  | 'restart'
  | 'cut'
  | 'heal'
  | 'replay'
  | 'changeConf'
  | 'transfer'
  | 'trim'
  | 'snapshotEnded'
  | 'unreachable'
  | 'campaign'
  | 'stepDown';

interface Plan {
  readonly members: number;
  readonly settings: Partial<RaftConfig>;
  /** Out of 100 deliveries. */
  readonly dropPercent: number;
  readonly duplicatePercent: number;
  /** How far from the head of the network a delivery may reach. */
  readonly reorderBy: number;
  readonly weights: ReadonlyMap<Action, number>;
}

interface SnapshotEnd {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly boot: number;
  readonly index: LogIndex | undefined;
}

/** What happened, so that a test can tell a rich walk from an idle one. */
export interface ExplorationResult {
  readonly committed: LogIndex;
  readonly elections: number;
  readonly readsAnswered: number;
  readonly snapshotsInstalled: number;
  readonly confChanges: number;
  readonly crashes: number;
}

export function explore(seed: number, trace?: (line: string) => void): ExplorationResult {
  return new Exploration(seed, trace).run();
}

class Exploration {
  readonly #random: Random;
  readonly #plan: Plan;
  readonly #cluster: RaftCluster;
  readonly #firstConf: ConfState;
  readonly #history: Message[] = [];
  readonly #trace: ((line: string) => void) | undefined;
  /** Snapshot transfers that ended without their sender having been told. */
  #snapshotEnds: SnapshotEnd[] = [];
  #nextId: bigint;
  #proposals = 0;
  #confChanges = 0;
  #crashes = 0;

  constructor(seed: number, trace?: (line: string) => void) {
    this.#random = seededRandom(seed);
    this.#trace = trace;
    this.#plan = drawPlan(this.#random);
    const voters = Array.from({ length: this.#plan.members }, (_, place) => BigInt(place + 1));
    this.#firstConf = { voters, learners: [] };
    this.#nextId = BigInt(voters.length + 1);
    this.#cluster = new RaftCluster({
      settings: this.#plan.settings,
      random: (id, boot) => seededRandom(seed * 1009 + Number(id) * 31 + boot),
      ...(trace === undefined ? {} : { trace }),
    });
    for (const id of voters) this.#startMember(id);
  }

  run(): ExplorationResult {
    const actions = [...this.#plan.weights.keys()];
    const total = actions.reduce((sum, action) => sum + this.#weight(action), 0);
    for (let step = 0; step < STEPS; step += 1) {
      let place = this.#random.below(total);
      const action = actions.find((candidate) => (place -= this.#weight(candidate)) < 0);
      if (action !== undefined) this.#do(action);
      this.#limitNetwork();
    }
    this.#cluster.checks.checkLogsMatch(this.#cluster.ids);
    this.#heal();
    const { committedIndex, elections, readsAnswered, snapshotsInstalled } = this.#cluster.checks;
    return {
      committed: committedIndex,
      elections,
      readsAnswered,
      snapshotsInstalled,
      confChanges: this.#confChanges,
      crashes: this.#crashes,
    };
  }

  #weight(action: Action): number {
    return this.#plan.weights.get(action) ?? 0;
  }

  #do(action: Action): void {
    switch (action) {
      case 'deliver':
        return this.#deliver();
      case 'tick':
        return this.#with(this.#drawRunning(), (id) => this.#cluster.tick(id));
      case 'tickAll':
        return this.#tickAll();
      case 'timeOut':
        return this.#with(this.#drawRunning(), (id) => this.#timeOut(id));
      case 'propose':
        return this.#with(this.#drawLeader(), (id) => this.#propose(id));
      case 'read':
        return this.#with(this.#drawRunning(), (id) => void this.#cluster.requestRead(id));
      case 'save':
        return this.#with(this.#drawRunning(), (id) => void this.#cluster.completeSave(id));
      case 'holdSaves':
        return this.#with(this.#drawRunning(), (id) => this.#cluster.holdSaves(id, this.#chance(60)));
      case 'holdApply':
        return this.#with(this.#drawRunning(), (id) => this.#cluster.holdApply(id, this.#chance(60)));
      case 'apply':
        return this.#with(this.#drawRunning(), (id) => this.#cluster.completeApply(id));
      case 'crash':
        return this.#crash();
      case 'restart':
        return this.#with(this.#draw(this.#down), (id) => this.#cluster.restart(id));
      case 'cut':
        return this.#cut();
      case 'heal':
        return this.#cluster.cuts.clear();
      case 'replay':
        return this.#replay();
      case 'changeConf':
        return this.#with(this.#drawLeader(), (id) => this.#changeConf(id));
      case 'transfer':
        return this.#with(this.#drawLeader(), (id) => void this.#cluster.transfer(id, this.#drawMember(id)));
      case 'trim':
        return this.#with(this.#drawRunning(), (id) => this.#trim(id));
      case 'snapshotEnded':
        return this.#endSnapshot();
      case 'unreachable':
        return this.#with(this.#drawLeader(), (id) => this.#cluster.reportUnreachable(id, this.#drawMember(id)));
      case 'campaign':
        return this.#with(this.#drawRunning(), (id) => this.#cluster.campaign(id));
      case 'stepDown':
        return this.#with(this.#drawLeader(), (id) => this.#cluster.stepDown(id));
    }
  }

  /** Does something to a member, then what its Readys ask for. */
  #with(id: NodeId | undefined, act: (id: NodeId) => void): void {
    if (id === undefined) return;
    act(id);
    if (this.#cluster.isRunning(id)) this.#cluster.pump(id);
  }

  #tickAll(): void {
    for (const id of this.#cluster.running) this.#with(id, () => this.#cluster.tick(id));
  }

  #deliver(): void {
    const { network } = this.#cluster;
    if (network.length === 0) return;
    const place = this.#random.below(Math.min(network.length, this.#plan.reorderBy));
    const message = network[place];
    if (message === undefined) return;
    const isDuplicated = this.#chance(this.#plan.duplicatePercent);
    if (!isDuplicated) network.splice(place, 1);
    this.#remember(message);
    if (this.#chance(this.#plan.dropPercent)) {
      if (!isDuplicated) this.#lost(message);
      return;
    }
    this.#receive(message, isDuplicated);
  }

  #receive(message: Message, isCopy: boolean): void {
    this.#trace?.(`   ${describeMessage(message)}`);
    const hasArrived = this.#cluster.deliver(message);
    if (message.type === 'installSnapshot' && !isCopy) this.#snapshotDone(message, hasArrived);
    if (this.#cluster.isRunning(message.to)) this.#cluster.pump(message.to);
  }

  #lost(message: Message): void {
    if (message.type === 'installSnapshot') this.#snapshotDone(message, false);
  }

  #snapshotDone(message: InstallSnapshot, hasArrived: boolean): void {
    const { from, to, meta } = message;
    this.#snapshotEnds.push({ from, to, boot: this.#cluster.boot(from), index: hasArrived ? meta.index : undefined });
  }

  #endSnapshot(): void {
    const end = this.#snapshotEnds.shift();
    if (end === undefined || !this.#cluster.isRunning(end.from) || this.#cluster.boot(end.from) !== end.boot) return;
    this.#with(end.from, (id) => this.#cluster.reportSnapshot(id, end.to, end.index));
  }

  #remember(message: Message): void {
    if (this.#history.length < HISTORY_MAX) this.#history.push(message);
    else this.#history[this.#random.below(HISTORY_MAX)] = message;
  }

  #replay(): void {
    const message = this.#draw(this.#history);
    if (message !== undefined) this.#receive(message, true);
  }

  #limitNetwork(): void {
    const { network } = this.#cluster;
    while (network.length > NETWORK_MAX) {
      const [message] = network.splice(this.#random.below(network.length), 1);
      if (message !== undefined) this.#lost(message);
    }
  }

  /** One member's time runs ahead of the others'. */
  #timeOut(id: NodeId): void {
    for (let tick = 0; tick < 2 * (this.#plan.settings.electionTicks ?? 0); tick += 1) this.#cluster.tick(id);
  }

  #propose(id: NodeId): void {
    this.#proposals += 1;
    this.#cluster.propose(id, new Uint8Array(this.#random.below(40)).fill(this.#proposals & 0xff));
  }

  #crash(): void {
    const id = this.#drawRunning();
    if (id === undefined) return;
    this.#crashes += 1;
    this.#trace?.(`${id}| crashes`);
    this.#cluster.crash(id, { saves: this.#random.below(3), writes: this.#random.below(4) });
  }

  #cut(): void {
    const one = this.#draw(this.#cluster.ids);
    const other = this.#draw(this.#cluster.ids);
    if (one === undefined || other === undefined) return;
    const isWhole = this.#chance(40);
    const peers = isWhole ? this.#cluster.ids : [other];
    for (const peer of peers) {
      this.#cluster.cuts.add(`${one}->${peer}`);
      if (this.#chance(isWhole ? 100 : 70)) this.#cluster.cuts.add(`${peer}->${one}`);
    }
  }

  #changeConf(id: NodeId): void {
    const change = this.#drawConfChange(id);
    if (!this.#cluster.changeConf(id, change).ok) return;
    this.#confChanges += 1;
    if (change.kind !== 'addVoter' && change.kind !== 'addLearner') return;
    this.#nextId += 1n;
    this.#startMember(change.id);
  }

  #drawConfChange(leader: NodeId): ConfChange {
    const isFull = this.#cluster.ids.length >= MEMBERS_MAX;
    switch (this.#random.below(isFull ? 2 : 4)) {
      case 0:
        return { kind: 'remove', id: this.#drawMember(leader) };
      case 1:
        return { kind: 'promote', id: this.#drawMember(leader) };
      case 2:
        return { kind: 'addVoter', id: this.#nextId };
      default:
        return { kind: 'addLearner', id: this.#nextId };
    }
  }

  #trim(id: NodeId): void {
    const { startIndex } = this.#cluster.status(id);
    const { appliedIndex } = this.#cluster.disk(id).durable;
    if (appliedIndex <= startIndex) return;
    this.#cluster.trim(id, startIndex + 1 + this.#random.below(appliedIndex - startIndex));
  }

  #startMember(id: NodeId): void {
    const start = { index: 0, term: 0, conf: this.#firstConf };
    const image = { hardState: { term: 0, vote: 0n, commit: 0 }, start, entries: [], appliedIndex: 0 };
    this.#cluster.start(id, image);
    this.#cluster.pump(id);
  }

  get #down(): readonly NodeId[] {
    return this.#cluster.ids.filter((id) => !this.#cluster.isRunning(id));
  }

  #chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  #draw<T>(choices: readonly T[]): T | undefined {
    return choices[this.#random.below(Math.max(choices.length, 1))];
  }

  #drawRunning(): NodeId | undefined {
    return this.#draw(this.#cluster.running);
  }

  #drawLeader(): NodeId | undefined {
    return this.#draw(this.#cluster.running.filter((id) => this.#cluster.raft(id).role === 'leader'));
  }

  #drawMember(leader: NodeId): NodeId {
    return this.#draw(membersOf(this.#cluster.raft(leader).conf)) ?? leader;
  }

  /** Everything works again: no new writes are needed for all to agree, and new ones commit. */
  #heal(): void {
    const cluster = this.#cluster;
    this.#trace?.('-- all faults end');
    cluster.cuts.clear();
    for (const id of this.#down) cluster.restart(id);
    for (const id of cluster.ids) {
      cluster.holdSaves(id, false);
      cluster.holdApply(id, false);
      cluster.completeApply(id);
      cluster.pump(id);
      cluster.forgetReads(id);
    }
    const leader = this.#settleUntilEqual('agreement');
    const proposed = cluster.propose(leader, new Uint8Array([1]));
    assert(proposed.ok, 'a healthy leader refuses a proposal', { leader, reason: proposed.ok ? '' : proposed.reason });
    const { conf } = cluster.raft(this.#settleUntilEqual('a commit'));
    // One heartbeat confirms whatever reads were left over.
    for (let tick = 0; tick < (this.#plan.settings.heartbeatTicks ?? 1); tick += 1) this.#tickAll();
    this.#settle();
    for (const id of membersOf(conf)) {
      assert(cluster.requestRead(id) !== undefined, 'a member of a healthy cluster knows no leader', { id });
      this.#settle();
      assert(cluster.checks.forgetReads(id).length === 0, 'a read was never answered', { id });
      const { uncommittedBytes, waitingReads } = cluster.status(id);
      assert(uncommittedBytes === 0, 'uncommitted bytes are left over', { id, uncommittedBytes });
      assert(waitingReads === 0, 'reads are left waiting', { id, waitingReads });
    }
    cluster.checks.checkLogsMatch(cluster.ids);
  }

  #settleUntilEqual(what: string): NodeId {
    const ticks = HEAL_TIMEOUTS * (this.#plan.settings.electionTicks ?? 10);
    for (let tick = 0; tick < ticks; tick += 1) {
      this.#settle();
      const leader = this.#agreedLeader();
      if (leader !== undefined) return leader;
      this.#tickAll();
    }
    throw new Error(`no ${what} within ${HEAL_TIMEOUTS} election timeouts after all faults ended`);
  }

  #settle(): void {
    const cluster = this.#cluster;
    let delivered = 0;
    do {
      cluster.pumpAll();
      for (let message = cluster.network.shift(); message !== undefined; message = cluster.network.shift()) {
        delivered += 1;
        assert(delivered < HEAL_MESSAGES_MAX, 'the cluster never comes to rest', { message: describeMessage(message) });
        this.#receive(message, false);
      }
      while (this.#snapshotEnds.length > 0) this.#endSnapshot();
    } while (cluster.network.length > 0);
  }

  /** The one leader, when every member of its configuration follows it and has applied its whole log. */
  #agreedLeader(): NodeId | undefined {
    const cluster = this.#cluster;
    const leaders = cluster.ids.filter((id) => cluster.raft(id).role === 'leader');
    const [leader] = leaders;
    if (leader === undefined || leaders.length > 1) return undefined;
    const { lastIndex, conf, transferee } = cluster.status(leader);
    if (transferee !== 0n) return undefined;
    const isEqual = membersOf(conf).every((id) => {
      const raft = cluster.raft(id);
      return raft.leader === leader && raft.appliedIndex === lastIndex;
    });
    return isEqual ? leader : undefined;
  }
}

function drawPlan(random: Random): Plan {
  const pick = <T>(...choices: readonly [T, ...T[]]): T => choices[random.below(choices.length)] ?? choices[0];
  const electionTicks = pick(4, 6, 10);
  return {
    members: pick(1, 2, 3, 3, 3, 4, 5),
    settings: {
      electionTicks,
      heartbeatTicks: pick(1, 1, 2),
      appendBytesMax: pick(1, 100, 1024),
      inflightMessagesMax: pick(1, 2, 8),
      inflightBytesMax: pick(64, 256, 8192),
      uncommittedBytesMax: pick(200, 64 * 1024),
      applyPageEntriesMax: pick(1, 2, 16),
      applyPageBytesMax: pick(1, 100, 4096),
      pendingReadsMax: pick(1, 4, TEST_SETTINGS.pendingReadsMax),
    },
    dropPercent: pick(0, 0, 2, 10, 30),
    duplicatePercent: pick(0, 0, 5, 15),
    reorderBy: pick(1, 1, 4, NETWORK_MAX),
    weights: new Map<Action, number>([
      ['deliver', 600],
      ['tick', pick(20, 60, 120)],
      ['tickAll', pick(10, 40)],
      ['timeOut', pick(0, 4, 16)],
      ['propose', pick(20, 60)],
      ['read', pick(0, 20, 40)],
      ['save', pick(60, 200)],
      ['holdSaves', pick(0, 10, 40)],
      ['holdApply', pick(0, 5, 20)],
      ['apply', 60],
      ['crash', pick(0, 3, 12)],
      ['restart', pick(6, 30)],
      ['cut', pick(0, 3, 12)],
      ['heal', pick(3, 12)],
      ['replay', pick(0, 0, 10, 40)],
      ['changeConf', pick(0, 4, 20, 60)],
      ['transfer', pick(0, 3, 12)],
      ['trim', pick(0, 6, 30)],
      ['snapshotEnded', 20],
      ['unreachable', pick(0, 5)],
      ['campaign', pick(0, 2, 10)],
      ['stepDown', pick(0, 0, 3, 8)],
    ]),
  };
}
