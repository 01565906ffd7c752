/**
 * The network between the members: streams that keep their order until the weather is bad, links that are cut in one
 * direction or both, slow ones, and messages that are lost, doubled, held up or come back long after they were sent.
 */
import { assertNever } from '../../server/lib/assert.js';
import type { Random } from '../../server/lib/random.js';
import type { PeerMessage } from '../../server/node/ports.js';
import { describeMessage } from '../../server/raft/describe.js';
import type { Message, NodeId } from '../../server/raft/types.js';
import { encodeFrames, laneOf, messagesFrom, type PeerLane } from '../../server/rpc/peer-frames.js';
import { between, chance, longTail, pick, streamOf } from './draws.js';
import type { FaultCounts } from './fault-counts.js';
import type { Life } from './life.js';
import type { FaultKind, Plan } from './plan-types.js';
import type { Trace } from './trace.js';
import { UNITS_PER_MS, type VirtualTime } from './virtual-time.js';

export interface NetworkPorts {
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly counts: FaultCounts;
  lifeOf(id: NodeId): Life | undefined;
  /** A process has just taken the message. */
  received(life: Life, message: PeerMessage): void;
}

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: PeerMessage;
}

interface Link {
  /** How many partitions cut it. */
  cuts: number;
  /** Added to every message, by all slow spells together. */
  slowMs: number;
  /** When the last message of each stream arrives, in units: later ones come after it. */
  readonly lastAt: Record<PeerLane, number>;
}

const LATENCY_MS = { from: 0.1, to: 1 } as const;
/** How bad it gets at full strength. */
const WORST = { loss: 0.3, duplication: 0.1, delay: 0.3, delayMs: 5000, replay: 0.02 } as const;
/** Of old messages, so many are remembered. */
const REMEMBERED = 256;

export class SimNetwork {
  readonly #ports: NetworkPorts;
  readonly #plan: Plan;
  readonly #random: Random;
  /** Whether messages travel as bytes in this run. It is dear, and what arrives is the same, or should be. */
  readonly #isOnWire: boolean;
  readonly #links = new Map<number, Link>();
  readonly #old: Envelope[] = [];
  /** Only while it is: losses, duplicates, delays and replays. */
  isFaulty = true;

  constructor(plan: Plan, ports: NetworkPorts) {
    this.#plan = plan;
    this.#ports = ports;
    this.#random = streamOf(plan.seed, 'network');
    this.#isOnWire = streamOf(plan.seed, 'wire').below(4) === 0;
  }

  send(from: NodeId, to: NodeId, message: PeerMessage): void {
    const link = this.#link(from, to);
    this.#traceMessage('->', from, to, message);
    if (link.cuts > 0) return;
    const envelope = { from, to, message };
    this.#post(envelope, link);
    if (!this.isFaulty) return;
    if (this.#happens('messageDuplication', WORST.duplication)) this.#post(envelope, link);
    this.#remember(envelope);
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#link(from, to).cuts > 0;
  }

  cut(from: NodeId, to: NodeId): void {
    this.#link(from, to).cuts += 1;
  }
  mend(from: NodeId, to: NodeId): void {
    this.#link(from, to).cuts -= 1;
  }

  slow(from: NodeId, to: NodeId, ms: number): void {
    this.#link(from, to).slowMs += ms;
  }

  /** For what travels beside the messages: a snapshot's chunks, broken connections. */
  latencyMs(from: NodeId, to: NodeId): number {
    return between(this.#random, LATENCY_MS.from, LATENCY_MS.to) + this.#link(from, to).slowMs;
  }

  #post(envelope: Envelope, link: Link): void {
    const { time, counts } = this.#ports;
    let ms = between(this.#random, LATENCY_MS.from, LATENCY_MS.to) + link.slowMs;
    let isOrdered = this.#plan.faults.messageDelay === undefined;
    if (this.isFaulty) {
      if (this.#happens('messageLoss', WORST.loss)) return;
      if (this.#happens('messageDelay', WORST.delay)) {
        ms += longTail(this.#random, 0, WORST.delayMs);
        isOrdered = false;
      }
    }
    if (link.slowMs > 0) counts.add('slowLink');
    let at = time.now + Math.ceil(ms * UNITS_PER_MS);
    if (isOrdered) {
      const lane = laneOf(envelope.message);
      at = Math.max(at, link.lastAt[lane]);
      link.lastAt[lane] = at;
    }
    time.at(at, () => this.#deliver(envelope));
  }

  #deliver({ from, to, message }: Envelope): void {
    const life = this.#ports.lifeOf(to);
    if (life?.receiver === undefined || this.isCut(from, to)) return;
    const { receiver, process } = life;
    this.#ports.trace.mix(this.#ports.time.now);
    this.#ports.trace.mix(codeOf(message));
    process.run(() => {
      receiver.receive(from, this.#isOnWire ? overTheWire(message) : message);
      this.#ports.received(life, message);
    });
  }

  #remember(envelope: Envelope): void {
    if (this.#plan.faults.messageReplay === undefined) return;
    if (this.#old.length < REMEMBERED) this.#old.push(envelope);
    else if (this.#random.below(4) === 0) this.#old[this.#random.below(REMEMBERED)] = envelope;
    if (!this.#happens('messageReplay', WORST.replay)) return;
    const old = pick(this.#random, this.#old);
    this.#ports.time.after(longTail(this.#random, 0, 1000), () => this.#deliver(old));
  }

  #happens(kind: FaultKind, worst: number): boolean {
    const strength = this.#plan.faults[kind];
    if (strength === undefined || !chance(this.#random, strength * worst)) return false;
    this.#ports.counts.add(kind);
    return true;
  }

  #link(from: NodeId, to: NodeId): Link {
    const key = Number(from) * 1000 + Number(to);
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const link = { cuts: 0, slowMs: 0, lastAt: { control: 0, bulk: 0 } };
    this.#links.set(key, link);
    return link;
  }

  #traceMessage(arrow: string, from: NodeId, to: NodeId, message: PeerMessage): void {
    const { trace } = this.#ports;
    const text = (): string => `m${from} ${arrow} m${to} ${describePeerMessage(message)}`;
    if (message.kind !== 'raft') {
      trace.event(text, Number(from), Number(to), codeOf(message), 'term' in message ? message.term : 0, message.boot);
      return;
    }
    trace.event(text, Number(from), Number(to), codeOf(message), message.message.term);
    mixRaft(trace, message.message);
  }
}

function overTheWire(message: PeerMessage): PeerMessage {
  const [arrived] = encodeFrames([message]).flatMap(messagesFrom);
  if (arrived === undefined) throw new Error(`a ${message.kind} message does not survive the wire`);
  return arrived;
}

function describePeerMessage(message: PeerMessage): string {
  switch (message.kind) {
    case 'raft':
      return describeMessage(message.message).replace(/^\S+ /, '');
    case 'forward':
      return `forward term=${message.term} of ${message.proposals.length}`;
    case 'forwardResult':
      return `forwardResult term=${message.term} accepted=${message.accepted.length} refused=${message.refused.length}`;
    case 'leaseQuestions':
      return `leaseQuestions of ${message.asks.length}`;
    case 'leaseAnswers':
      return `leaseAnswers answered=${message.answers.length} refused=${message.refused.length}`;
    default:
      return assertNever(message);
  }
}

const CODES: Readonly<Record<Message['type'] | Exclude<PeerMessage['kind'], 'raft'>, number>> = {
  voteRequest: 1,
  voteResponse: 2,
  appendRequest: 3,
  appendResponse: 4,
  heartbeat: 5,
  heartbeatResponse: 6,
  installSnapshot: 7,
  timeoutNow: 8,
  readIndexRequest: 9,
  readIndexResponse: 10,
  forward: 11,
  forwardResult: 12,
  leaseQuestions: 13,
  leaseAnswers: 14,
};

function codeOf(message: PeerMessage): number {
  return CODES[message.kind === 'raft' ? message.message.type : message.kind];
}

function mixRaft(trace: Trace, message: Message): void {
  switch (message.type) {
    case 'voteRequest':
      trace.mix(message.lastIndex * 4 + (message.pre ? 1 : 0) + (message.transfer ? 2 : 0));
      return;
    case 'voteResponse':
      trace.mix((message.pre ? 1 : 0) + (message.granted ? 2 : 0));
      return;
    case 'appendRequest':
      trace.mix(message.prevIndex);
      trace.mix(message.commit);
      for (const entry of message.entries) trace.mix(entry.term * 1024 + entry.data.length);
      return;
    case 'appendResponse':
      trace.mix(message.index * 2 + (message.accepted ? 1 : 0));
      return;
    case 'heartbeat':
      trace.mix(message.commit);
      trace.mix(message.readToken);
      return;
    case 'heartbeatResponse':
      trace.mix(message.readToken);
      return;
    case 'readIndexRequest':
    case 'readIndexResponse':
      trace.mix(message.token);
      return;
    case 'installSnapshot':
    case 'timeoutNow':
      return;
  }
}
