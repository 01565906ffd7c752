/**
 * The real client on real members, in one process on a virtual clock: connections take a moment for each message, break
 * when told to, lose what is under way then, and members crash. Everything follows from the seed.
 */
import type { Client, ConnectOptions } from '../../client/index.js';
import { connect } from '../../client/index.js';
import type { CallStatus, Connection, Stream, StreamHandler, Transport } from '../../client/transport/transport.js';
import { seededRandom } from '../../server/lib/random.js';
import { silentLogger } from '../../server/lib/logger.js';
import { serveClients } from '../../server/rpc/client-services.js';
import { LocalDoor } from '../../server/rpc/local-door.js';
import { type ClusterOptions, NodeCluster, TEST_OPTIONS } from '../node/node-cluster.js';
import type { VirtualClock } from '../node/virtual-clock.js';

const LOST: CallStatus = { name: 'UNAVAILABLE', text: 'connection lost', wasSent: true };
const REFUSED: CallStatus = { name: 'UNAVAILABLE', text: 'nobody listens', wasSent: false };
const LATENCY_MS = 1;

export class SdkCluster {
  readonly nodes: NodeCluster;
  readonly network: FaultyNetwork;
  /** Another one, for clients whom nothing shall happen to. */
  readonly quiet: FaultyNetwork;
  readonly #seed: number;

  constructor(size: number, options: ClusterOptions = {}) {
    this.nodes = new NodeCluster(size, options);
    this.#seed = options.seed ?? 1;
    this.network = new FaultyNetwork(this.nodes.clock);
    this.quiet = new FaultyNetwork(this.nodes.clock);
  }

  get clock(): VirtualClock {
    return this.nodes.clock;
  }

  get addresses(): readonly string[] {
    return this.nodes.ids.map((id) => `m${id}:1`);
  }

  async startAll(): Promise<void> {
    for (const id of this.nodes.ids) await this.start(id);
    await this.nodes.untilLeader();
  }

  async start(id: bigint): Promise<void> {
    const { kv, leases, sessions, grants, process } = await this.nodes.start(id);
    const door = new LocalDoor(process);
    serveClients(door, door, {
      member: kv,
      watches: kv,
      leases,
      sessions,
      grants,
      clock: process,
      random: seededRandom(this.#seed * 1_000 + Number(id)),
      logger: silentLogger,
      maxRequestBytes: 1_572_864,
      maxTxnOps: 128,
      electionMs: TEST_OPTIONS.electionMs,
      watchProgressIntervalMs: 600_000,
    });
    this.network.listen(`m${id}:1`, door);
    this.quiet.listen(`m${id}:1`, door);
    void kv.publish(`m${id}`, [`http://m${id}:1`]);
  }

  crash(id: bigint): void {
    this.network.refuse(`m${id}:1`);
    this.quiet.refuse(`m${id}:1`);
    this.nodes.crash(id);
  }

  connect(options: ConnectOptions = {}, addresses = this.addresses): Promise<Client> {
    const random = seededRandom(this.#seed * 77 + 5);
    return this.run(connect(addresses, { clock: this.clock, random, transport: this.network, ...options }));
  }

  run<T>(work: Promise<T>, maxMs?: number): Promise<T> {
    return this.nodes.run(work, maxMs);
  }
}

/** What a message on its way is asked: whether it gets there, or the connection breaks before or after it did. */
export type MessageFault = 'none' | 'cutBefore' | 'cutAfter';

export class FaultyNetwork implements Transport {
  /** Of each message of a stream, either way. */
  fault: (address: string, direction: 'request' | 'reply') => MessageFault = () => 'none';
  readonly #clock: VirtualClock;
  readonly #doors = new Map<string, LocalDoor>();
  readonly #streams = new Set<FaultyStream>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  listen(address: string, door: LocalDoor): void {
    this.#doors.set(address, door);
  }

  /** Nobody is there any more, and nobody says good-bye. */
  refuse(address: string): void {
    this.#doors.delete(address);
    this.cut(address);
  }

  cut(address: string): void {
    for (const stream of this.#streams) if (stream.address === address) stream.break();
  }

  connect(address: string): Connection {
    return {
      unary: (method, request, options, done) => {
        const door = this.#doors.get(address);
        if (door !== undefined) return door.unary(method, request, options, done);
        this.#clock.defer(() => done(REFUSED, undefined));
        return () => undefined;
      },
      stream: (method, metadata, handler) => {
        const door = this.#doors.get(address);
        const stream = new FaultyStream(address, this.#clock, handler, {
          fault: (direction) => this.fault(address, direction),
          onOver: (over) => this.#streams.delete(over),
        });
        if (door === undefined) stream.end(REFUSED);
        else stream.join((toClient) => door.stream(method, metadata, toClient));
        this.#streams.add(stream);
        return stream;
      },
      close: () => this.cut(address),
    };
  }
}

interface StreamHooks {
  readonly fault: (direction: 'request' | 'reply') => MessageFault;
  readonly onOver: (stream: FaultyStream) => void;
}

class FaultyStream implements Stream {
  readonly address: string;
  readonly #clock: VirtualClock;
  readonly #handler: StreamHandler;
  readonly #hooks: StreamHooks;
  #inner: Stream | undefined;
  #isOver = false;

  constructor(address: string, clock: VirtualClock, handler: StreamHandler, hooks: StreamHooks) {
    this.address = address;
    this.#clock = clock;
    this.#handler = handler;
    this.#hooks = hooks;
  }

  join(open: (toClient: StreamHandler) => Stream): void {
    this.#inner = open({
      onMessage: (bytes) => this.#pass('reply', () => this.#handler.onMessage(bytes)),
      onEnd: (status) => this.#later(() => this.end(status)),
    });
  }

  send(bytes: Uint8Array, done?: () => void): void {
    this.#pass('request', () => {
      this.#inner?.send(bytes);
      done?.();
    });
  }
  pause(): void {
    this.#inner?.pause();
  }
  resume(): void {
    this.#inner?.resume();
  }
  cancel(): void {
    this.end({ name: 'CANCELLED', text: 'from here', wasSent: true });
  }

  /** Whatever is under way is lost, and both ends hear of it. */
  break(): void {
    this.end(LOST);
  }

  end(status: CallStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#hooks.onOver(this);
    this.#inner?.cancel();
    this.#clock.defer(() => this.#handler.onEnd(status));
  }

  #pass(direction: 'request' | 'reply', deliver: () => void): void {
    const fault = this.#hooks.fault(direction);
    this.#later(() => {
      if (fault !== 'cutBefore') deliver();
      if (fault !== 'none') this.break();
    });
  }

  #later(callback: () => void): void {
    this.#clock.setTimer(() => {
      if (!this.#isOver) callback();
    }, LATENCY_MS);
  }
}
