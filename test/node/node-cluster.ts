/** Whole members in one process: the real driver, state and store, over memory engines, a virtual clock and links that
 * a test can cut. */
import { silentLogger } from '../../server/lib/logger.js';
import { seededRandom } from '../../server/lib/random.js';
import { KvMember } from '../../server/node/kv-member.js';
import type { NodeOptions } from '../../server/node/options.js';
import type { OutgoingSnapshot, PeerMessage, PeerReceiver, PeerTransport } from '../../server/node/ports.js';
import { RaftNode } from '../../server/node/raft-node.js';
import { rebuildState } from '../../server/node/rebuild.js';
import { MemoryIdentityFile } from '../../server/storage/identity.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import { openMemberStore } from '../../server/storage/open-member-store.js';
import type { PutCommand, RangeQuery } from '../../server/state/command.js';
import { VirtualClock } from './virtual-clock.js';

export const TEST_OPTIONS: NodeOptions = {
  heartbeatMs: 100,
  electionMs: 1000,
  snapshotCount: 10_000,
  snapshotCatchUpEntries: 5_000,
  checkInvariants: true,
};

export function put(key: string, value: string): PutCommand {
  return { kind: 'put', key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}

export function get(key: string, options: Partial<RangeQuery> = {}): RangeQuery {
  return {
    kind: 'range',
    key,
    rangeEnd: '',
    limit: 0,
    revision: 0,
    sortOrder: 'none',
    sortTarget: 'key',
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...options,
  };
}

export interface RunningMember {
  readonly node: RaftNode;
  readonly kv: KvMember;
}

const CLUSTER_ID = 77n;

export class NodeCluster {
  readonly clock = new VirtualClock();
  readonly ids: readonly bigint[];
  readonly #options: NodeOptions;
  readonly #engines = new Map<bigint, MemoryEngine>();
  readonly #identities = new Map<bigint, MemoryIdentityFile>();
  readonly #running = new Map<bigint, RunningMember>();
  readonly #receivers = new Map<bigint, PeerReceiver>();
  /** Directed links that lose everything, as "from>to". */
  readonly #cut = new Set<string>();
  /** Looks at every message on its way; false loses it. */
  onMessage: (from: bigint, to: bigint, message: PeerMessage) => boolean = () => true;

  constructor(size: number, options: Partial<NodeOptions> = {}) {
    this.ids = Array.from({ length: size }, (_, place) => BigInt(place + 1));
    this.#options = { ...TEST_OPTIONS, ...options };
  }

  async start(id: bigint): Promise<RunningMember> {
    const engine = this.#engines.get(id) ?? new MemoryEngine();
    const identityFile = this.#identities.get(id) ?? new MemoryIdentityFile();
    this.#engines.set(id, engine);
    this.#identities.set(id, identityFile);
    const store = await openMemberStore({
      engine,
      identityFile,
      identity: { clusterId: CLUSTER_ID, memberId: id },
      bootstrap: {
        conf: { voters: this.ids, learners: [] },
        members: this.ids.map((member) => ({ id: member, name: `m${member}`, peerUrls: [], clientUrls: [] })),
      },
    });
    const loaded = await store.load();
    const node = new RaftNode({
      store,
      loaded,
      machine: await rebuildState(store),
      rebuild: () => rebuildState(store),
      transport: this.#transport(id),
      clock: this.clock,
      random: seededRandom(Number(id) * 1000 + loaded.boot),
      logger: silentLogger,
      options: this.#options,
    });
    const member = { node, kv: new KvMember(node, store, this.clock, CLUSTER_ID) };
    this.#running.set(id, member);
    void node.fatal.then((fatal) => this.fatals.push({ id, error: fatal.error }));
    await node.start();
    return member;
  }

  readonly fatals: { readonly id: bigint; readonly error: unknown }[] = [];

  async startAll(): Promise<void> {
    for (const id of this.ids) await this.start(id);
  }

  /** A power cut of one member: what was not synced is gone, except the first `keepUnsynced` batches. */
  crash(id: bigint, keepUnsynced = 0): void {
    const engine = this.#engines.get(id);
    this.#running.delete(id);
    this.#receivers.delete(id);
    if (engine !== undefined) this.#engines.set(id, engine.crash({ keepUnsynced }));
  }

  engine(id: bigint): MemoryEngine {
    const engine = this.#engines.get(id);
    if (engine === undefined) throw new Error(`member ${id} never started`);
    return engine;
  }

  member(id: bigint): RunningMember {
    const member = this.#running.get(id);
    if (member === undefined) throw new Error(`member ${id} does not run`);
    return member;
  }

  get running(): readonly RunningMember[] {
    return [...this.#running.values()];
  }

  cut(a: bigint, b: bigint): void {
    this.#cut.add(`${a}>${b}`).add(`${b}>${a}`);
  }
  heal(): void {
    this.#cut.clear();
  }
  isolate(id: bigint): void {
    for (const other of this.ids) if (other !== id) this.cut(id, other);
  }

  leader(): RunningMember | undefined {
    return this.running
      .filter(({ node }) => node.status().role === 'leader')
      .sort((a, b) => b.node.term - a.node.term)[0];
  }

  async untilLeader(): Promise<RunningMember> {
    for (let waited = 0; waited < 20_000; waited += 10) {
      const leader = this.leader();
      if (leader !== undefined && leader.node.status().commitIndex > 0) return leader;
      await this.clock.advance(10);
    }
    throw new Error('no leader in 20 virtual seconds');
  }

  /** Advances time until `work` is settled. */
  async run<T>(work: Promise<T>, maxMs = 30_000): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined);
    for (let waited = 0; !isDone && waited < maxMs; waited += 5) await this.clock.advance(5);
    if (!isDone) throw new Error(`not settled in ${maxMs} virtual ms`);
    return done;
  }

  #reaches(from: bigint, to: bigint): boolean {
    return !this.#cut.has(`${from}>${to}`);
  }

  #transport(from: bigint): PeerTransport {
    const transport: PeerTransport = {
      start: async (receiver) => {
        this.#receivers.set(from, receiver);
      },
      send: (to, message) => {
        const isAlive = this.#receivers.has(from);
        if (!isAlive || !this.#reaches(from, to) || !this.onMessage(from, to, message)) return;
        this.clock.setTimer(() => this.#receivers.get(to)?.receive(from, message), 1);
      },
      sendSnapshot: async (to: bigint, snapshot: OutgoingSnapshot) => {
        const receiver = this.#receivers.get(to);
        if (receiver === undefined || !this.#reaches(from, to)) throw new Error('unreachable');
        async function* chunks(): AsyncGenerator<Buffer> {
          for (let chunk = await snapshot.nextChunk(); chunk !== undefined; chunk = await snapshot.nextChunk()) yield chunk;
        }
        return receiver.receiveSnapshot({ from, term: snapshot.term, chunks: chunks() });
      },
      stop: async () => {
        this.#receivers.delete(from);
      },
    };
    return transport;
  }
}
