/**
 * Whole members in one process: the real driver, state and store, over memory disks, a virtual clock and a network that
 * a test bends: it can lose, double, delay and cut, break the disks, pause processes and pull plugs.
 */
import { createDeferred, type Deferred } from '../../server/lib/deferred.js';
import { silentLogger } from '../../server/lib/logger.js';
import { seededRandom } from '../../server/lib/random.js';
import { KvMember } from '../../server/node/kv-member.js';
import { NodeGrantMember } from '../../server/node/grant-member.js';
import { NodeLeaseMember } from '../../server/node/lease-member.js';
import type { NodeOptions } from '../../server/node/options.js';
import type { OutgoingSnapshot, PeerMessage, PeerReceiver, PeerTransport } from '../../server/node/ports.js';
import type { Fatal } from '../../server/node/fatal.js';
import { RaftNode } from '../../server/node/raft-node.js';
import { rebuildState } from '../../server/node/rebuild.js';
import { NodeSessionMember } from '../../server/node/session-member.js';
import type { Engine } from '../../server/storage/engine.js';
import { MemoryIdentityFile } from '../../server/storage/identity.js';
import { MemoryDisk, type MemoryDiskHooks } from '../../server/storage/memory-disk.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import type { MemberStore } from '../../server/storage/member-store.js';
import { openMemberStore } from '../../server/storage/open-member-store.js';
import { type ClockProcess, VirtualClock } from './virtual-clock.js';

export const TEST_OPTIONS: NodeOptions = {
  heartbeatMs: 100,
  electionMs: 1000,
  snapshotCount: 10_000,
  snapshotCatchUpEntries: 5_000,
  checkInvariants: true,
};

export interface RunningMember {
  readonly node: RaftNode;
  readonly kv: KvMember;
  readonly leases: NodeLeaseMember;
  readonly sessions: NodeSessionMember;
  readonly grants: NodeGrantMember;
  readonly store: MemberStore;
  /** The clock as its process sees it. */
  readonly process: ClockProcess;
}

/** Stands beside one member's disk over all its lives; a test puts its own functions in. */
export interface DiskProbe {
  beforeWrite: (sync: boolean) => Promise<void> | void;
  beforeSync: () => Promise<void> | void;
}

export interface ClusterOptions extends Partial<NodeOptions> {
  /** The engine on a member's disk; default MemoryEngine. */
  readonly engineOn?: (disk: MemoryDisk, id: bigint) => Engine;
  /** A member's disk; default an honest MemoryDisk. */
  readonly diskOf?: (hooks: MemoryDiskHooks) => MemoryDisk;
  readonly seed?: number;
}

export interface Envelope {
  readonly from: bigint;
  readonly to: bigint;
  readonly message: PeerMessage;
}

/** A snapshot on its way: when its connection breaks, both ends hear of it. */
interface Transfer {
  readonly from: bigint;
  readonly to: bigint;
  readonly broken: Deferred<never>;
}

const CLUSTER_ID = 77n;
const LATENCY_MS = 1;
const nothing = (): void => undefined;

export class NodeCluster {
  readonly clock = new VirtualClock();
  readonly ids: readonly bigint[];
  readonly fatals: ({ readonly id: bigint } & Fatal)[] = [];
  /** When copies of a message arrive, in ms from now: none loses it, two double it. */
  network: (envelope: Envelope) => readonly number[] = () => [LATENCY_MS];
  /** Before each chunk of a snapshot reaches the receiver. */
  onChunk: (from: bigint, to: bigint, sequence: number) => Promise<void> | void = nothing;
  /** Before a member rebuilds its state from an installed snapshot. */
  onRebuild: (id: bigint) => Promise<void> | void = nothing;
  readonly #nodeOptions: NodeOptions;
  readonly #engineOn: (disk: MemoryDisk, id: bigint) => Engine;
  readonly #diskOf: (hooks: MemoryDiskHooks) => MemoryDisk;
  readonly #seed: number;
  readonly #disks = new Map<bigint, MemoryDisk>();
  readonly #probes = new Map<bigint, DiskProbe>();
  readonly #identities = new Map<bigint, MemoryIdentityFile>();
  readonly #lives = new Map<bigint, RunningMember>();
  /** Who takes messages for an id, with the process it lives in. */
  readonly #receivers = new Map<bigint, { readonly receiver: PeerReceiver; readonly process: ClockProcess }>();
  /** Directed links that lose everything, as "from>to". */
  readonly #cut = new Set<string>();
  readonly #transfers = new Set<Transfer>();

  constructor(size: number, { engineOn, diskOf, seed = 1, ...options }: ClusterOptions = {}) {
    this.ids = Array.from({ length: size }, (_, place) => BigInt(place + 1));
    this.#nodeOptions = { ...TEST_OPTIONS, ...options };
    this.#engineOn = engineOn ?? ((disk) => new MemoryEngine(disk));
    this.#diskOf = diskOf ?? ((hooks) => new MemoryDisk(hooks));
    this.#seed = seed;
  }

  /** Whoever is not of the first configuration waits for the cluster to add it. */
  async start(id: bigint): Promise<RunningMember> {
    const process = this.clock.process();
    const identityFile = this.#identities.get(id) ?? new MemoryIdentityFile();
    this.#identities.set(id, identityFile);
    const store = await openMemberStore({
      engine: this.#engineOn(this.disk(id), id),
      identityFile,
      identity: { clusterId: CLUSTER_ID, memberId: id },
      bootstrap: {
        conf: { voters: this.ids.includes(id) ? this.ids : [], learners: [] },
        members: this.ids.map((member) => ({ id: member, name: `m${member}`, peerUrls: [], clientUrls: [] })),
      },
    });
    const loaded = await store.load();
    const node = new RaftNode({
      store,
      loaded,
      machine: await rebuildState(store),
      rebuild: async () => {
        await this.onRebuild(id);
        return rebuildState(store);
      },
      transport: this.#transport(id, process),
      clock: process,
      random: seededRandom(this.#seed * 1_000_000 + Number(id) * 1000 + loaded.boot),
      logger: silentLogger,
      options: this.#nodeOptions,
    });
    const random = seededRandom(this.#seed * 1_000_000 + Number(id) * 1000 + loaded.boot + 500);
    const { electionMs } = this.#nodeOptions;
    const leases = new NodeLeaseMember({ node, clock: process, random, clusterId: CLUSTER_ID, electionMs });
    const kv = new KvMember(node, store, process, CLUSTER_ID);
    const sessions = new NodeSessionMember({ node, store, clock: process, clusterId: CLUSTER_ID, kv, leases });
    const grants = new NodeGrantMember({ node, clock: process, clusterId: CLUSTER_ID });
    const member = { node, kv, leases, sessions, grants, store, process };
    this.#lives.set(id, member);
    void node.fatal.then((fatal) => this.fatals.push({ id, ...fatal }));
    await node.start();
    return member;
  }

  async startAll(): Promise<void> {
    for (const id of this.ids) if (!this.#lives.has(id)) await this.start(id);
  }

  /** A power cut of one member: what was not synced is gone, except the first `keepUnsynced` batches. */
  crash(id: bigint, keepUnsynced = 0): void {
    this.#lives.get(id)?.process.end();
    this.#lives.delete(id);
    this.#receivers.delete(id);
    this.#breakTransfers(({ from, to }) => from === id || to === id);
    this.#disks.set(id, this.disk(id).crash({ keepUnsynced }));
  }

  /** Asks a member to stop and waits until it has. */
  async stop(id: bigint): Promise<void> {
    await this.run(this.member(id).node.stop());
    this.remove(id);
  }

  /** A member that has stopped is gone. */
  remove(id: bigint): void {
    this.#lives.get(id)?.process.end();
    this.#lives.delete(id);
  }

  async stopAll(): Promise<void> {
    for (const id of [...this.#lives.keys()]) await this.stop(id);
  }

  pause(id: bigint): void {
    this.#lives.get(id)?.process.pause();
  }
  resume(id: bigint): void {
    this.#lives.get(id)?.process.resume();
  }

  disk(id: bigint): MemoryDisk {
    const known = this.#disks.get(id);
    if (known !== undefined) return known;
    const probe = this.probe(id);
    const disk = this.#diskOf({
      beforeWrite: (_batches, sync) => probe.beforeWrite(sync),
      beforeSync: () => probe.beforeSync(),
    });
    this.#disks.set(id, disk);
    return disk;
  }

  probe(id: bigint): DiskProbe {
    const probe = this.#probes.get(id) ?? { beforeWrite: nothing, beforeSync: nothing };
    this.#probes.set(id, probe);
    return probe;
  }

  member(id: bigint): RunningMember {
    const member = this.#lives.get(id);
    if (member === undefined) throw new Error(`member ${id} does not run`);
    return member;
  }

  get running(): readonly RunningMember[] {
    return [...this.#lives.values()];
  }

  /** One direction only. */
  cutOneWay(from: bigint, to: bigint): void {
    this.#cut.add(`${from}>${to}`);
    this.#breakTransfers((transfer) => transfer.from === from && transfer.to === to);
  }
  cut(a: bigint, b: bigint): void {
    this.#cut.add(`${a}>${b}`).add(`${b}>${a}`);
    this.#breakTransfers(({ from, to }) => (from === a && to === b) || (from === b && to === a));
  }
  heal(): void {
    this.#cut.clear();
  }
  isolate(id: bigint): void {
    for (const other of this.ids) if (other !== id) this.cut(id, other);
  }

  /** The leader of the highest term, if any member leads. */
  leader(): RunningMember | undefined {
    return this.running
      .filter(({ node }) => node.status().role === 'leader')
      .sort((a, b) => b.node.term - a.node.term)[0];
  }

  async untilLeader(): Promise<RunningMember> {
    await this.until(() => (this.leader()?.node.status().commitIndex ?? 0) > 0);
    const leader = this.leader();
    if (leader === undefined) throw new Error('no leader');
    return leader;
  }

  followers(): readonly RunningMember[] {
    const leader = this.leader();
    return this.running.filter((member) => member !== leader);
  }

  async until(holds: () => boolean, maxMs = 20_000): Promise<void> {
    for (let waited = 0; waited < maxMs; waited += 5) {
      if (holds()) return;
      await this.clock.advance(5);
    }
    throw new Error(`does not hold after ${maxMs} virtual ms: ${holds.toString()}`);
  }

  /** Advances time until `work` is settled. */
  async run<T>(work: Promise<T>, maxMs = 30_000): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(nothing);
    await this.clock.settle();
    for (let waited = 0; !isDone && waited < maxMs; waited += 1) await this.clock.advance(1);
    if (!isDone) throw new Error(`not settled in ${maxMs} virtual ms`);
    return done;
  }

  /** Until all running members stand at the same applied index and nothing is under way. */
  async quiet(maxMs = 20_000): Promise<void> {
    await this.until(() => {
      const points = this.running.map(({ node }) => node.status());
      const last = points[0]?.lastIndex;
      return (
        points.every(({ appliedIndex, lastIndex }) => appliedIndex === lastIndex && lastIndex === last) &&
        this.running.every(({ node }) => node.leader !== 0n && node.isServing)
      );
    }, maxMs);
  }

  #transport(from: bigint, process: ClockProcess): PeerTransport {
    return {
      start: async (receiver) => {
        this.#receivers.set(from, { receiver, process });
      },
      send: (to, message) => {
        if (process.isEnded || this.#cut.has(`${from}>${to}`)) return;
        for (const delay of this.network({ from, to, message })) {
          this.clock.setTimer(() => this.#deliver(from, to, (receiver) => receiver.receive(from, message)), delay);
        }
      },
      sendSnapshot: (to, snapshot) => this.#sendSnapshot(from, to, snapshot),
      stop: async () => {
        if (this.#receivers.get(from)?.process !== process) return;
        this.#receivers.delete(from);
        this.#breakTransfers((transfer) => transfer.from === from || transfer.to === from);
      },
    };
  }

  #deliver(from: bigint, to: bigint, take: (receiver: PeerReceiver) => void): void {
    const target = this.#receivers.get(to);
    if (target === undefined || this.#cut.has(`${from}>${to}`)) return;
    target.process.run(() => take(target.receiver));
  }

  /** Fails as a broken connection would: at both ends, and also when only the answer is lost. */
  async #sendSnapshot(from: bigint, to: bigint, snapshot: OutgoingSnapshot): Promise<number> {
    const target = this.#receivers.get(to);
    if (target === undefined || this.#cut.has(`${from}>${to}`)) throw new Error('unreachable');
    const transfer = { from, to, broken: createDeferred<never>() };
    const { promise: broken } = transfer.broken;
    broken.catch(nothing);
    this.#transfers.add(transfer);
    const onChunk = (sequence: number): Promise<void> | void => this.onChunk(from, to, sequence);
    async function* chunks(): AsyncGenerator<Buffer> {
      for (let sequence = 0; ; sequence += 1) {
        const chunk = await Promise.race([snapshot.nextChunk(), broken]);
        if (chunk === undefined) return;
        await Promise.race([onChunk(sequence), broken]);
        yield chunk;
      }
    }
    try {
      const received = target.receiver.receiveSnapshot({ from, term: snapshot.term, chunks: chunks() });
      return await Promise.race([received, broken]);
    } finally {
      this.#transfers.delete(transfer);
    }
  }

  #breakTransfers(isBroken: (transfer: Transfer) => boolean): void {
    for (const transfer of this.#transfers) if (isBroken(transfer)) transfer.broken.reject(new Error('broken'));
  }
}
