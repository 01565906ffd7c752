/**
 * The simulated world: whole members, each with the real driver, state and storage above a simulated disk, one network
 * and one true time. It starts and ends their processes, looks at them after every step and keeps the first violation.
 * What goes wrong, and when, is decided elsewhere: faults.ts.
 */
import type { LogFields, Logger } from '../../server/lib/logger.js';
import type { Random } from '../../server/lib/random.js';
import { NodeGrantMember } from '../../server/node/grant-member.js';
import { KvMember } from '../../server/node/kv-member.js';
import type { Fatal } from '../../server/node/fatal.js';
import type { NodeOptions } from '../../server/node/options.js';
import type { PeerMessage, PeerTransport } from '../../server/node/ports.js';
import { NodeLeaseMember } from '../../server/node/lease-member.js';
import { RaftNode } from '../../server/node/raft-node.js';
import { NodeSessionMember } from '../../server/node/session-member.js';
import { rebuildState } from '../../server/node/rebuild.js';
import type { ConfState, NodeId } from '../../server/raft/types.js';
import type { MemberInfo } from '../../server/state/result.js';
import { EngineError } from '../../server/storage/engine.js';
import type { MemberBootstrap } from '../../server/storage/open-member-store.js';
import { openMemberStore } from '../../server/storage/open-member-store.js';
import { drawLeaseCheckpointMs } from './draw-lease-checkpoint.js';
import { addressOfMember, ClientNetwork } from './client-network.js';
import { DiskConditions } from './disk-conditions.js';
import { Door } from './door.js';
import { drawSessionTtlMs } from './draw-session-ttl.js';
import { drawWatchLimits } from './draw-watch-limits.js';
import { between, chance, longTail, streamOf } from './draws.js';
import { FaultCounts } from './fault-counts.js';
import { GrantDoor } from './grant-door.js';
import { GrantWaits } from './grant-waits.js';
import { LeaseDoor } from './lease-door.js';
import type { CrashMoment, Life, Running, Slot } from './life.js';
import { MemberProcess } from './member-clock.js';
import type { Plan } from './plan-types.js';
import type { Violation } from './seed-result.js';
import { type CutKind, type DiskEvents, type DiskWeather, drawCut, SimDisk } from './sim-disk.js';
import { simEngine } from './sim-engine.js';
import { ServedGrants } from './served-grants.js';
import { SessionDoor } from './session-door.js';
import { SimIdentityFile } from './sim-identity-file.js';
import { SimNetwork } from './sim-network.js';
import { SnapshotStreams } from './snapshot-streams.js';
import { StepChecks } from './step-checks.js';
import type { LeaseChecksOptions } from './step-checks-leases.js';
import type { EntryBook } from './durable-image.js';
import { Trace } from './trace.js';
import { UNITS_PER_MS, VirtualTime } from './virtual-time.js';
import { WatchDoor } from './watch-door.js';
import type { Target } from './workload-ports.js';

export type MakeDisk = (time: VirtualTime, weather: DiskWeather, events: DiskEvents, book: EntryBook) => SimDisk;

export interface WorldOptions {
  readonly trace?: (line: string) => void;
  /** A member's disk; default an honest one. */
  readonly diskOf?: (id: NodeId, ...parts: Parameters<MakeDisk>) => SimDisk;
}

export const CLUSTER_ID = 77n;
/** After so many steps that changed something, everything is looked at. */
const THOROUGH_EVERY = 500;
/** An error that a disk was made to give ends its member within this: it may have nothing to write for a while. */
const RESTART_AFTER_FATAL_MS = 20;
/** Where snapshots are cut they are slow, too: so long for a chunk at most. */
const SLOW_CHUNK_MS = 3000;
/** More events than this at one moment are a loop. */
const EVENTS_AT_ONCE_MAX = 100_000;

export class World {
  readonly plan: Plan;
  readonly time = new VirtualTime();
  readonly trace: Trace;
  readonly faults = new FaultCounts();
  readonly network: SimNetwork;
  readonly clients: ClientNetwork;
  readonly streams: SnapshotStreams;
  readonly checks: StepChecks;
  readonly conditions: DiskConditions;
  readonly slots = new Map<NodeId, Slot>();
  readonly counts = { boots: 0, snapshotsInstalled: 0, fatals: 0 };
  /** The time of faults: afterwards everything goes well. */
  isFaulty = true;
  violation: Violation | undefined;
  /** Called when a process has ended by itself: somebody may want to start the member again. */
  onEnded: (slot: Slot) => void = () => undefined;
  events = 0;
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #bootstrap: MemberBootstrap;
  readonly #touched: Life[] = [];
  #eventsAtOnce = 0;
  #lastNow = 0;
  #stepsAtThorough = 0;

  constructor(plan: Plan, options: WorldOptions = {}) {
    this.plan = plan;
    this.#options = options;
    this.#random = streamOf(plan.seed, 'world');
    this.trace = new Trace(this.time, options.trace);
    const voters = Array.from({ length: plan.voters }, (_, place) => BigInt(place + 1));
    this.#bootstrap = { conf: { voters, learners: [] }, members: voters.map(memberInfo) };
    this.checks = new StepChecks(
      this.report,
      (id) => this.slots.get(id)?.disk.image,
      this.#bootstrap,
      () => this.time.nowMs,
      hasLeases(plan) ? this.#leaseChecks() : undefined,
    );
    const { time, trace, faults: counts } = this;
    const lifeOf = (id: NodeId): Life | undefined => this.slots.get(id)?.life;
    const received = ({ running }: Life, message: PeerMessage): void => {
      if (running === undefined) return;
      if (message.kind === 'raft') this.checks.received(running.watched, message.message);
      this.checks.leases?.received(running.node.id, message);
    };
    this.network = new SimNetwork(plan, { time, trace, counts, lifeOf, received });
    this.clients = new ClientNetwork(plan, {
      time,
      trace,
      memberOf: (id) => this.#servedBy(id),
      ids: () => this.slots.keys(),
      fastestRate: () => Math.max(...[...this.slots.values()].map(({ clockRate }) => clockRate)),
    });
    this.conditions = new DiskConditions(plan, counts);
    this.streams = new SnapshotStreams({
      time,
      lifeOf,
      isCut: (from, to) => this.network.isCut(from, to),
      latencyMs: (from, to) => this.network.latencyMs(from, to) + this.#chunkDelayMs(),
      chunkDue: (from, to) => this.#chunkDue(from, to),
      installed: (from, to, index) => this.#snapshotInstalled(from, to, index),
    });
    for (const id of voters) this.addSlot(id);
  }

  readonly report = (checker: string, message: string): void => {
    if (this.violation !== undefined) return;
    this.violation = { checker, message, atMs: this.time.nowMs };
    // A message may hold a stack, with paths of this machine.
    this.trace.event(() => `VIOLATION of ${checker}: ${message}`, checker.length);
  };

  /** One event, after looking at what the one before has done. False when there is a violation. */
  step(): boolean {
    this.#lookAtTouched();
    if (this.violation !== undefined) return false;
    const event = this.time.take();
    if (event === undefined) {
      this.report('world', 'nothing will ever happen again');
      return false;
    }
    this.events += 1;
    this.#checkProgress();
    try {
      event();
    } catch (error) {
      this.report('exception', describeError(error));
    }
    return true;
  }

  // Members

  addSlot(id: NodeId): Slot {
    const random = streamOf(this.plan.seed, `slot ${id}`);
    const drift = this.plan.faults.clockRate;
    const clockRate = drift === undefined ? 1000 : Math.round(between(random, 1000 - 100 * drift, 1000 + 100 * drift));
    if (clockRate !== 1000) this.faults.add('clockRate');
    const weather = this.conditions.weatherOf(id, (moment) => this.reached(id, moment));
    const parts: Parameters<MakeDisk> = [this.time, weather, this.#diskEvents(id), this.checks.entries];
    const disk = this.#options.diskOf?.(id, ...parts) ?? new SimDisk(...parts);
    const slot: Slot = {
      id,
      disk,
      identityFile: new SimIdentityFile(),
      clockRate,
      life: undefined,
      crashAt: undefined,
      isGone: false,
    };
    this.slots.set(id, slot);
    return slot;
  }

  /** Members that run, paused ones included. */
  get running(): readonly (Life & { readonly running: Running })[] {
    return [...this.slots.values()].flatMap(({ life }) => (life !== undefined && isRunning(life) ? [life] : []));
  }

  get targets(): readonly Target[] {
    return this.running.map(({ slot: { id }, running }) => {
      const { door, leaseDoor, grantDoor, watches } = running;
      return { id, kv: door, leases: leaseDoor, grants: grantDoor, watches };
    });
  }

  /** Of the highest term, if any member leads. */
  get leader(): (Life & { readonly running: Running }) | undefined {
    return this.running
      .filter(({ running }) => running.node.core.role === 'leader')
      .sort((a, b) => b.running.node.core.term - a.running.node.core.term)[0];
  }

  start(slot: Slot): void {
    if (slot.life !== undefined || slot.isGone) return;
    const touched = { ran: () => this.#touched.push(life) };
    const start = -Math.floor((this.time.now * slot.clockRate) / 1000);
    const process = new MemberProcess(this.time, touched, { rate: slot.clockRate, start });
    const life: Life = { slot, process, stage: 'booting', receiver: undefined, running: undefined };
    slot.life = life;
    slot.crashAt = undefined;
    this.counts.boots += 1;
    this.trace.event(() => `m${slot.id} starts`, Number(slot.id), 1);
    process.run(() => {
      this.#boot(life).catch((error: unknown) => this.#bootFailed(life, error));
    });
  }

  /** The process dies. With a cut the disk loses power too; without, it keeps all that was written. */
  end(life: Life, cut: CutKind | undefined, why: string): void {
    const { slot, process } = life;
    if (process.isEnded) return;
    process.end();
    life.running?.watches.end();
    this.clients.processEnded(process);
    slot.life = undefined;
    slot.crashAt = undefined;
    const lost = cut === undefined ? 0 : slot.disk.cut(this.#random, cut);
    this.trace.event(
      () => `m${slot.id} ${why}${lost > 0 ? ` (${lost} unsynced blocks lost)` : ''}`,
      Number(slot.id),
      lost,
    );
    this.streams.lifeEnded(life);
    // Whoever was connected hears of it, unless the machine went too.
    for (const other of this.running) {
      if (this.#random.below(3) === 0) continue;
      this.time.after(this.network.latencyMs(slot.id, other.slot.id), () =>
        other.process.run(() => other.receiver?.unreachable(slot.id)),
      );
    }
  }

  crash(life: Life): void {
    this.faults.add('crash');
    this.end(life, drawCut(this.#random), 'crashes');
    this.onEnded(life.slot);
  }

  /** Asks the member to stop; it ends when it has. */
  stop(life: Life): void {
    const { running, process } = life;
    if (running === undefined || life.stage !== 'running') return;
    life.stage = 'stopping';
    this.faults.add('gracefulStop');
    this.trace.event(() => `m${life.slot.id} is asked to stop`, Number(life.slot.id), 2);
    const stop = async (): Promise<void> => {
      running.watches.stop();
      running.sessions.stop();
      running.servedGrants.stop();
      await running.node.handOver();
      await running.node.stop();
    };
    process.run(() => {
      void stop().then(() => {
        if (process.isEnded) return;
        this.end(life, undefined, 'has stopped');
        this.onEnded(life.slot);
      });
    });
  }

  /** The member comes to a moment at which it may die. */
  reached(id: NodeId, moment: CrashMoment): void {
    const slot = this.slots.get(id);
    if (slot?.life === undefined || slot.crashAt !== moment) return;
    this.crash(slot.life);
  }

  nodeOptions(): NodeOptions {
    const { plan } = this;
    const { heartbeatMs, electionMs, snapshotCount, snapshotCatchUpEntries } = plan;
    const { applyPageEntriesMax, appendBytesMax, inflightMessagesMax } = plan;
    const random = streamOf(plan.seed, 'options');
    // Time stands still within a turn: with no budget at all it ends after each Ready.
    const hasBudget = random.below(4) > 0;
    /** Half the runs have the product's own limit, the others one that is met. */
    const small = <K extends string>(key: K, max: number): Partial<Record<K, number>> =>
      random.below(2) === 0 ? {} : ({ [key]: 1 + Math.floor(longTail(random, 0, max)) } as Partial<Record<K, number>>);
    return {
      heartbeatMs,
      electionMs,
      snapshotCount,
      snapshotCatchUpEntries,
      ...(hasLeases(plan) ? { leaseCheckpointMs: drawLeaseCheckpointMs(plan.seed) } : {}),
      checkInvariants: true,
      raft: {
        applyPageEntriesMax,
        appendBytesMax,
        inflightMessagesMax,
        ...small('inflightBytesMax', 10_000),
        ...small('applyPageBytesMax', 10_000),
        ...small('uncommittedBytesMax', 10_000),
        // Whoever is refused asks again in the next turn, which would come at once for ever.
        ...(hasBudget ? small('pendingReadsMax', 20) : {}),
      },
      ...(hasBudget ? {} : { turnBudgetMs: 0 }),
    };
  }

  // Time

  /** Resolves once `holds`, looked at every `everyMs`; false after `maxMs`. */
  async until(holds: () => boolean, maxMs: number, everyMs = 5): Promise<boolean> {
    const end = this.time.nowMs + maxMs;
    for (;;) {
      if (holds()) return true;
      if (this.time.nowMs >= end) return false;
      await this.sleep(everyMs);
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.time.after(ms, resolve);
    });
  }

  thorough(): void {
    this.#stepsAtThorough = this.checks.steps;
    const watched = this.running.map(({ running }) => running.watched);
    this.checks.thorough(watched);
    for (const one of watched) this.checks.checkVisible(one);
  }

  async #boot(life: Life): Promise<void> {
    const { slot, process } = life;
    const { id, disk, identityFile } = slot;
    const isFirst = this.#bootstrap.conf.voters.includes(id);
    const noConf: ConfState = { voters: [], learners: [] };
    const store = await openMemberStore({
      engine: simEngine(disk, process),
      identityFile: identityFile.as(process, disk),
      identity: { clusterId: CLUSTER_ID, memberId: id },
      // Whoever joins later waits for the cluster to add it. The state begins with the same members everywhere.
      bootstrap: isFirst ? this.#bootstrap : { ...this.#bootstrap, conf: noConf },
    });
    const loaded = await store.load();
    const node = new RaftNode({
      store,
      loaded,
      machine: await rebuildState(store),
      rebuild: () => rebuildState(store),
      transport: this.#transport(life),
      clock: process,
      random: streamOf(this.plan.seed, `member ${id} ${loaded.boot}`),
      logger: this.#logger(id),
      options: this.nodeOptions(),
    });
    if (process.isEnded) return;
    const limits = drawWatchLimits(this.plan.seed);
    const kv = new KvMember(node, store, process, CLUSTER_ID, limits);
    const parts = {
      id,
      kv,
      process,
      time: this.time,
      trace: this.trace,
      checks: this.checks.answers,
      answering: (): void => {
        // What the member knows to be committed by now is to be known here, too.
        this.#look(life);
        this.reached(id, 'beforeAnswer');
      },
    };
    const random = (what: string): Random => streamOf(this.plan.seed, `${what} ${id} ${loaded.boot}`);
    const door = new Door({ ...parts, random: random('door'), isLost: () => this.#isCallLost() });
    const { report } = this;
    const weather = random('stream weather');
    const isLost = (): boolean => this.#isStreamBroken(weather);
    const watches = new WatchDoor({ ...parts, random: random('watch door'), isLost, limits, report });
    const leases = new NodeLeaseMember({
      node,
      clock: process,
      random: random('lease ids'),
      clusterId: CLUSTER_ID,
      electionMs: this.plan.electionMs,
    });
    const renewing = (lease: bigint): (() => void) => this.checks.leases?.renewing(id, lease) ?? (() => undefined);
    const leaseDoor = new LeaseDoor({ door, leases, renewing });
    const grants = new GrantWaits({
      node,
      grants: new NodeGrantMember({ node, clock: process, clusterId: CLUSTER_ID }),
      records: this.checks.grants,
      report,
    });
    const servedGrants = new ServedGrants({ kv, grants, process, electionMs: this.plan.electionMs });
    const sessionTtlMs = drawSessionTtlMs(this.plan.seed);
    const sessionParts = { node, store, clock: process, clusterId: CLUSTER_ID, kv, leases, sessionTtlMs };
    const memberSessions = new NodeSessionMember(sessionParts);
    const streams = this.plan.sdkGrantClients === 0 ? undefined : { renewing, electionMs: this.plan.electionMs };
    const sessions = new SessionDoor({ ...parts, leases, grants, sessions: memberSessions, streams });
    void node.fatal.then((fatal) => this.#fatal(life, fatal));
    this.checks.starting(id, node);
    await node.start();
    const grantDoor = new GrantDoor(door, grants, servedGrants);
    const watched = this.checks.started(id, node);
    life.running = {
      node,
      kv,
      door,
      leaseDoor,
      grantDoor,
      servedGrants,
      grantWaits: grants,
      watches,
      sessions,
      watched,
    };
    life.stage = 'running';
    const { index } = loaded.applied;
    this.trace.event(
      () => `m${id} runs, applied ${index} of ${loaded.hardState.commit}`,
      Number(id),
      index,
      loaded.boot,
    );
    // Where nobody asks for them, runs are as they were before there were clients that do.
    const urls = this.plan.sessionClients + this.plan.sdkGrantClients === 0 ? [] : [`http://${addressOfMember(id)}`];
    if (isFirst) void kv.publish(`m${id}`, urls);
  }

  /** A member that takes streams of clients. */
  #servedBy(id: NodeId): SessionDoor | undefined {
    const life = this.slots.get(id)?.life;
    return life?.stage === 'running' ? life.running?.sessions : undefined;
  }

  #leaseChecks(): LeaseChecksOptions {
    const { electionMs, seed } = this.plan;
    return {
      clockRateOf: (id) => this.slots.get(id)?.clockRate ?? 1000,
      resumedAtMs: (id) => this.slots.get(id)?.life?.process.resumedAtMs ?? -Infinity,
      electionMs,
      checkpointMs: drawLeaseCheckpointMs(seed),
    };
  }

  #bootFailed(life: Life, error: unknown): void {
    const { slot, process } = life;
    if (process.isEnded) return;
    if (!(error instanceof EngineError) || !slot.disk.hasFailed) {
      this.report('start', `m${slot.id} cannot start: ${describeError(error)}`);
      return;
    }
    this.end(life, drawCut(this.#random), `cannot start: ${error.message}`);
    this.onEnded(slot);
  }

  /** What a member logs belongs to the story; nothing depends on it. */
  #logger(id: NodeId): Logger {
    const log = (message: string, fields: LogFields = {}): void =>
      this.trace.note(() => `m${id} logs: ${message} ${Object.values(fields).join(' ')}`);
    return { debug: log, info: log, warn: log, error: log };
  }

  #transport(life: Life): PeerTransport {
    const { slot, process } = life;
    return {
      start: async (receiver) => {
        life.receiver = receiver;
      },
      send: (to, message) => {
        this.reached(slot.id, 'beforeSend');
        if (process.isEnded) return;
        if (message.kind === 'raft') this.checks.sent(message.message);
        this.network.send(slot.id, to, message);
        this.reached(slot.id, 'afterSend');
      },
      sendSnapshot: (to, snapshot) => {
        this.trace.event(() => `m${slot.id} sends a snapshot to m${to}`, Number(slot.id), Number(to), 3);
        return this.streams.send(life, to, snapshot);
      },
      stop: async () => {
        life.receiver = undefined;
      },
    };
  }

  #fatal(life: Life, { cause, error }: Fatal): void {
    const { slot, process } = life;
    if (process.isEnded) return;
    if (cause === 'invariant') {
      this.report('invariant', `m${slot.id} stopped: ${describeError(error)}`);
      return;
    }
    if (!slot.disk.hasFailed) {
      this.report('unexplained-fatal', `m${slot.id} stopped, its disk has not failed: ${describeError(error)}`);
      return;
    }
    this.counts.fatals += 1;
    this.trace.event(() => `m${slot.id} stops by itself: ${String(error)}`, Number(slot.id), 4);
    this.time.after(between(this.#random, 0, RESTART_AFTER_FATAL_MS), () => {
      if (process.isEnded) return;
      this.end(life, drawCut(this.#random), 'has ended');
      this.onEnded(slot);
    });
  }

  #diskEvents(id: NodeId): DiskEvents {
    return {
      synced: (image, blocks) => {
        const text = (): string => `m${id} has synced ${blocks} blocks: log up to ${image.lastIndex}`;
        this.trace.event(text, Number(id), blocks, image.lastIndex);
        this.checks.synced(id, image);
      },
      cut: (image, before) => this.checks.cut(id, image, before),
      mix: (number) => this.trace.mix(number),
    };
  }

  #chunkDelayMs(): number {
    const strength = this.plan.faults.snapshotCut;
    if (!this.isFaulty || strength === undefined || !chance(this.#random, strength)) return 0;
    // Half of them outlast what else may bring the receiver up to date, and the sender's office.
    if (this.#random.below(2) === 0) return between(this.#random, 0, 4 * this.plan.electionMs);
    return longTail(this.#random, 0, SLOW_CHUNK_MS);
  }

  #chunkDue(from: Life, to: Life): 'arrives' | 'cut' {
    this.reached(to.slot.id, 'atChunk');
    const strength = this.plan.faults.snapshotCut;
    if (!this.isFaulty || strength === undefined || !chance(this.#random, 0.15 * strength)) return 'arrives';
    this.faults.add('snapshotCut');
    this.trace.event(() => `the snapshot from m${from.slot.id} to m${to.slot.id} is cut`, Number(from.slot.id), 5);
    return 'cut';
  }

  #snapshotInstalled(from: NodeId, to: NodeId, index: number): void {
    this.counts.snapshotsInstalled += 1;
    this.trace.event(() => `m${to} has taken a snapshot of m${from}: holds ${index}`, Number(to), index);
  }

  /** Clients come through the same weather. */
  #isCallLost(): boolean {
    const strength = this.plan.faults.messageLoss;
    return this.isFaulty && strength !== undefined && chance(this.#random, 0.1 * strength);
  }

  /** What is said again on a stream is lost only with the stream. */
  #isStreamBroken(random: Random): boolean {
    const strength = this.plan.faults.messageLoss;
    return this.isFaulty && strength !== undefined && chance(random, 0.01 * strength);
  }

  #lookAtTouched(): void {
    if (this.#touched.length === 0) return;
    for (const life of this.#touched) {
      this.#look(life);
      life.running?.grantWaits.check();
    }
    this.#touched.length = 0;
    if (this.checks.steps - this.#stepsAtThorough >= THOROUGH_EVERY) this.thorough();
  }

  #look({ running }: Life): void {
    if (running === undefined) return;
    const { watched } = running;
    const { role, term } = watched;
    this.checks.step(watched);
    if (watched.role === role && watched.term === term) return;
    const text = (): string => `m${watched.id} is ${watched.role} in term ${watched.term}`;
    this.trace.event(text, Number(watched.id), watched.role.length, watched.term);
  }

  #checkProgress(): void {
    if (this.time.now !== this.#lastNow) {
      this.#lastNow = this.time.now;
      this.#eventsAtOnce = 0;
      return;
    }
    this.#eventsAtOnce += 1;
    if (this.#eventsAtOnce > EVENTS_AT_ONCE_MAX) {
      this.report('livelock', `${EVENTS_AT_ONCE_MAX} events at ${this.time.now / UNITS_PER_MS} ms, and no end`);
    }
  }
}

function hasLeases({ leaseClients, grantClients, sdkGrantClients }: Plan): boolean {
  return leaseClients + grantClients + sdkGrantClients > 0;
}

function isRunning(life: Life): life is Life & { readonly running: Running } {
  return life.running !== undefined;
}

function memberInfo(id: NodeId): MemberInfo {
  return { id, name: `m${id}`, peerUrls: [], clientUrls: [] };
}

export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
