/**
 * Clients of the SDK, each a process of its own, and the network between them and the members. It has weather of its own,
 * as strong as that of the members: streams break, members cannot be reached, frames take long; processes stand still. What
 * it began it also ends.
 */
import type { Connection, Metadata, Stream, StreamHandler, Transport } from '../../client/transport/transport.js';
import type { Clock, Timer } from '../../server/lib/clock.js';
import type { Random } from '../../server/lib/random.js';
import type { NodeId } from '../../server/raft/types.js';
import { ClientLine, type ClientLineParts, type StreamMember } from './client-line.js';
import { between, chance, longTail, pick, streamOf } from './draws.js';
import { MemberProcess } from './member-clock.js';
import type { FaultKind, Plan } from './plan-types.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';
import type { SdkPorts, SdkProcess } from './workload-ports.js';

/** Mean true ms between two of a kind at full strength, over all clients. */
const EVERY_MS = { cut: 2500, pause: 4000, jump: 6000 } as const;
const JUMP_MS_MAX = [1500, 20_000, 86_400_000] as const;
const LOST_FRAMES_SHARE = 0.1;
const SLOW_FRAMES_SHARE = 0.05;
const SLOW_MS = 2000;
const CUT_MS_MAX = [500, 4000, 15_000] as const;
const PAUSE_MS_MAX = [200, 3000] as const;
/** Long enough for a short session to end. */
const SILENCE_MS = { from: 12_000, to: 30_000 } as const;
const SLOW_SPELL = { ms: { from: 50, to: 600 }, lastsMs: { from: 1000, to: 5000 } } as const;
const WINDOWS = [1, 4, 64] as const;
/** What rounding makes of a deadline. */
const EARLY_MS = 0.01;
/** By how much, in thousandths, a member's clock may run faster than that of a client that believes in its leases. */
const DECLARED_DRIFT = 10;
/** The SDK takes no notice of shorter ones, and says so. */
const SLEEP_MS = { from: 1300, to: 15_000 } as const;

export interface ClientNetworkParts {
  readonly time: VirtualTime;
  readonly trace: Trace;
  /** Who can be reached there; undefined: nobody. */
  readonly memberOf: (id: NodeId) => StreamMember | undefined;
  /** Of every member that there is by now. */
  readonly ids: () => Iterable<NodeId>;
  /** Of any member's clock, in thousandths of true time. */
  readonly fastestRate: () => number;
}

export function addressOfMember(id: NodeId): string {
  return `m${id}:1`;
}

export class ClientNetwork implements SdkPorts {
  readonly counts = {
    'client streams': 0,
    'client streams broken': 0,
    'client cuts': 0,
    'client pauses': 0,
    'client wall clock jumps': 0,
    'client machines asleep': 0,
    'client slow spells': 0,
  };
  readonly #plan: Plan;
  readonly #parts: ClientNetworkParts;
  readonly #clients = new Set<Client>();
  readonly #random: Random;
  /** A wall clock that goes back could hide a sleep: no run has both. */
  readonly #sleeps: boolean;
  #isFaulty = true;
  #begun = 0;

  constructor(plan: Plan, parts: ClientNetworkParts) {
    this.#plan = plan;
    this.#parts = parts;
    this.#random = streamOf(plan.seed, 'client weather');
    this.#sleeps = plan.sdkGrantClients > 0 && streamOf(plan.seed, 'sleep').below(2) === 0;
    if (plan.sessionClients + plan.sdkGrantClients === 0) return;
    this.#repeat('partitionSymmetric', EVERY_MS.cut, () => {
      // Answers that are late, and then none at all, are what leases have to outlive.
      if (plan.sdkGrantClients > 0 && this.#random.below(2) === 0) this.#slowDown();
      else this.#cut(pick(this.#random, [...this.#clients]));
    });
    this.#repeat('pause', EVERY_MS.pause, () => (this.#sleeps ? this.#pauseOrSleep() : this.#pause()));
    // Where nobody believes in leases the wall clock decides nothing.
    if (plan.sdkGrantClients > 0) this.#repeat('wallClockJump', EVERY_MS.jump, () => this.#jump());
  }

  addressOf(id: NodeId): string {
    return addressOfMember(id);
  }

  begin({ isDriftBounded }: { readonly isDriftBounded: boolean }): SdkProcess {
    const { time } = this.#parts;
    this.#begun += 1;
    const name = `sdk ${this.#begun}`;
    const random = streamOf(this.#plan.seed, name);
    const rate = isDriftBounded ? this.#boundedRate(random) : this.#anyRate(random);
    const process = new MemberProcess(time, { ran: () => undefined }, { rate, start: random.below(1_000_000) });
    const client = new Client(name, process, random, (line) => this.#lineParts(client, line));
    this.#clients.add(client);
    return {
      name,
      clock: clockOf(process),
      random: streamOf(this.#plan.seed, `${name} itself`),
      addresses: this.#addresses,
      transport: client,
      isPaused: () => process.isPaused,
      isAsleep: () => process.isAsleep,
      onResumed: (listener) => client.resumed.push(listener),
      end: () => {
        this.#clients.delete(client);
        process.end();
        client.end();
      },
    };
  }

  /** A member's process is gone. */
  processEnded(process: MemberProcess): void {
    for (const client of this.#clients) {
      for (const line of client.lines) if (line.member?.process === process) line.processEnded();
    }
  }

  /** Everything that lasts is over; who was not told of a break has to find out all the same. */
  heal(): void {
    this.#isFaulty = false;
    for (const client of this.#clients) {
      client.cutOff = new Set();
      client.slowMs = 0;
      client.resume();
    }
  }

  #anyRate(random: Random): number {
    const drift = this.#plan.faults.clockRate ?? 0;
    return Math.round(between(random, 1000 - 100 * drift, 1000 + 100 * drift));
  }

  /** As slow as may be, or somewhat faster: to give up too early is safe. */
  #boundedRate(random: Random): number {
    const fastest = this.#parts.fastestRate();
    const slowest = Math.ceil((fastest * (1000 - DECLARED_DRIFT)) / 1000);
    return random.below(2) === 0 ? slowest : Math.ceil(between(random, slowest, fastest + DECLARED_DRIFT));
  }

  #lineParts(client: Client, address: string): ClientLineParts {
    const { time, memberOf, ids } = this.#parts;
    const memberAt = (): NodeId | undefined => [...ids()].find((id) => addressOfMember(id) === address);
    this.counts['client streams'] += 1;
    const stream = this.counts['client streams'];
    return {
      client: client.process,
      time,
      random: client.random,
      window: pick(client.random, WINDOWS),
      member: () => memberOf(memberAt() ?? 0n),
      isCutOff: () => client.cutOff.has(address),
      isLost: () => this.#isLost(client),
      delayMs: () => this.#delayMs(client),
      over: (line) => client.lines.delete(line),
      note: (what) => this.#parts.trace.note(() => `stream ${stream} of ${client.name} to ${address} ${what}`),
    };
  }

  #isLost({ name, random }: Client): boolean {
    const strength = this.#plan.faults.messageLoss;
    if (!this.#isFaulty || strength === undefined || !chance(random, LOST_FRAMES_SHARE * strength)) return false;
    this.counts['client streams broken'] += 1;
    this.#parts.trace.event(() => `a stream of ${name} breaks`, name.length);
    return true;
  }

  #delayMs({ random, slowMs }: Client): number {
    if (slowMs > 0) return between(random, slowMs / 2, slowMs);
    const strength = this.#plan.faults.messageDelay;
    if (!this.#isFaulty || strength === undefined || !chance(random, SLOW_FRAMES_SHARE * strength)) return 0;
    return longTail(random, 0, SLOW_MS);
  }

  #repeat(kind: FaultKind, everyMs: number, action: () => void): void {
    const strength = this.#plan.faults[kind];
    if (strength === undefined) return;
    const next = (): void => {
      this.#parts.time.after(between(this.#random, 0, (2 * everyMs) / strength), () => {
        if (!this.#isFaulty) return;
        if (this.#clients.size > 0) action();
        next();
      });
    };
    next();
  }

  get #addresses(): readonly string[] {
    return [...this.#parts.ids()].map(addressOfMember);
  }

  /** From one member, some or all. */
  #cut(client: Client): void {
    const addresses = this.#addresses;
    const share = pick(this.#random, [1 / addresses.length, 0.5, 1]);
    const cut = new Set(addresses.filter(() => chance(this.#random, share)));
    const ms = longTail(this.#random, 50, pick(this.#random, CUT_MS_MAX));
    this.counts['client cuts'] += 1;
    this.#parts.trace.event(() => `${client.name} is cut off from ${[...cut].join(' ')}`, cut.size, ms);
    client.cutOff = cut;
    for (const line of client.lines) if (cut.has(client.addressOf(line))) line.break();
    this.#parts.time.after(ms, () => {
      if (client.cutOff === cut) client.cutOff = new Set();
    });
  }

  #pause(): void {
    const client = pick(this.#random, [...this.#clients]);
    if (client.process.isPaused) return;
    const ms =
      this.#random.below(3) === 0
        ? between(this.#random, SILENCE_MS.from, SILENCE_MS.to)
        : longTail(this.#random, 10, pick(this.#random, PAUSE_MS_MAX));
    this.counts['client pauses'] += 1;
    this.#parts.trace.event(() => `${client.name} is paused for ${Math.round(ms)} ms`, ms);
    client.process.pause();
    this.#parts.time.after(ms, () => client.resume());
  }

  /** For a while, and then it is cut off. */
  #slowDown(): void {
    const client = pick(this.#random, [...this.#clients]);
    if (client.slowMs > 0) return;
    client.slowMs = between(this.#random, SLOW_SPELL.ms.from, SLOW_SPELL.ms.to);
    this.counts['client slow spells'] += 1;
    this.#parts.trace.event(() => `frames of ${client.name} take ${Math.round(client.slowMs)} ms`, client.slowMs);
    this.#parts.time.after(between(this.#random, SLOW_SPELL.lastsMs.from, SLOW_SPELL.lastsMs.to), () => {
      client.slowMs = 0;
      if (this.#isFaulty && this.#clients.has(client)) this.#cut(client);
    });
  }

  #pauseOrSleep(): void {
    if (this.#random.below(2) === 0) return this.#pause();
    const client = pick(this.#random, [...this.#clients]);
    if (client.process.isPaused) return;
    const ms = longTail(this.#random, SLEEP_MS.from, SLEEP_MS.to);
    this.counts['client machines asleep'] += 1;
    this.#parts.trace.event(() => `the machine of ${client.name} sleeps for ${Math.round(ms)} ms`, ms);
    client.process.sleep();
    this.#parts.time.after(ms, () => client.resume());
  }

  /** Forth looks like a sleep of the machine. */
  #jump(): void {
    const client = pick(this.#random, [...this.#clients]);
    const size = longTail(this.#random, 10, pick(this.#random, JUMP_MS_MAX));
    const ms = this.#random.below(3) === 0 && !this.#sleeps ? -size : size;
    this.counts['client wall clock jumps'] += 1;
    this.#parts.trace.event(() => `the wall clock of ${client.name} jumps by ${Math.round(ms)} ms`, ms);
    client.process.jumpWallClock(ms);
  }
}

/**
 * What a process that stood still finds when it goes on may be canceled by what it does first, and after a sleep it may not
 * be due.
 */
function clockOf(process: MemberProcess): Clock {
  return {
    now: () => process.now(),
    wallTime: () => process.wallTime(),
    defer: (callback) => process.defer(callback),
    setTimer(callback, ms) {
      const dueMs = process.now() + ms;
      let isCanceled = false;
      const arm = (afterMs: number): Timer =>
        process.setTimer(() => {
          if (isCanceled) return;
          const leftMs = dueMs - process.now();
          if (leftMs > EARLY_MS) timer = arm(leftMs);
          else callback();
        }, afterMs);
      let timer = arm(ms);
      return {
        cancel() {
          isCanceled = true;
          timer.cancel();
        },
      };
    },
  };
}

type LinePartsOf = (address: string) => ClientLineParts;

/** One client's end of the network. */
class Client implements Transport {
  readonly name: string;
  readonly process: MemberProcess;
  readonly random: Random;
  readonly lines = new Set<ClientLine>();
  /** Nobody is reached there for now. */
  cutOff: ReadonlySet<string> = new Set();
  /** Frames take up to so long for now. */
  slowMs = 0;
  /** Whoever looks first when the process goes on. */
  readonly resumed: (() => void)[] = [];
  readonly #addresses = new WeakMap<ClientLine, string>();
  readonly #partsOf: LinePartsOf;

  constructor(name: string, process: MemberProcess, random: Random, partsOf: LinePartsOf) {
    this.name = name;
    this.process = process;
    this.random = random;
    this.#partsOf = partsOf;
  }

  resume(): void {
    if (!this.process.isPaused || this.process.isEnded) return;
    this.process.resume();
    for (const listener of this.resumed) listener();
  }

  addressOf(line: ClientLine): string {
    return this.#addresses.get(line) ?? '';
  }

  connect(address: string): Connection {
    return {
      unary: () => {
        throw new Error('no client of a simulation makes unary calls');
      },
      stream: (method, metadata, handler) => this.#stream(address, method, metadata, handler),
      close: () => {
        for (const line of [...this.lines]) if (this.addressOf(line) === address) line.cancel();
      },
    };
  }

  end(): void {
    for (const line of [...this.lines]) line.clientEnded();
  }

  #stream(address: string, method: string, metadata: Metadata, handler: StreamHandler): Stream {
    const line = new ClientLine(method, metadata, handler, this.#partsOf(address));
    this.#addresses.set(line, address);
    this.lines.add(line);
    return line;
  }
}
