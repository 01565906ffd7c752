/**
 * A TCP proxy before one member that breaks connections at every point where what a client sent or what the member answered
 * can be lost. Knows bytes only. Which faults come follows from the seed; whom they strike, from what is under way.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../../server/lib/random.js';

export const faultKinds = [
  /** What a client sent does not reach the member, and the connection is cut. */
  'beforeRequest',
  /** It reaches the member, and the connection is cut before any answer. */
  'afterRequest',
  /** What the member answered does not reach the client, and the connection is cut. */
  'beforeReply',
  /** It reaches the client, and the connection is cut. */
  'afterReply',
  /** Requests pass, answers do not; the connection is cut only after a while. */
  'halfOpen',
  /** Nothing passes for a while, then everything does. */
  'pause',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** The first ones cut at once. */
const cutKindsCount = 4;
/** Less is a ping, an acknowledgement or a window update of HTTP/2: cutting there says little. */
const chunkBytesMin = 30;
/** The member goes on with what it was sent before the client was cut off. */
const lingerMs = 300;
const halfOpenMsMax = 5_000;
const pauseMsMax = 1_500;

/** Faults that lie in wait. All proxies of a cluster share them: each strikes where the next fitting bytes come. */
export class ArmedFaults {
  /** How often each struck. */
  readonly struck: Record<FaultKind, number> = {
    beforeRequest: 0,
    afterRequest: 0,
    beforeReply: 0,
    afterReply: 0,
    halfOpen: 0,
    pause: 0,
  };
  readonly random: Random;
  #armed: FaultKind[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  /** One more. */
  arm(): void {
    this.#armed.push(draw(this.random));
  }

  disarm(): void {
    this.#armed = [];
  }

  take(direction: 'request' | 'reply'): FaultKind | undefined {
    const place = this.#armed.findIndex((kind) => directions[kind] === direction);
    if (place === -1) return undefined;
    const [kind] = this.#armed.splice(place, 1);
    if (kind !== undefined) this.struck[kind] += 1;
    return kind;
  }
}

export class UnreliableProxy {
  readonly #target: string;
  readonly #faults: ArmedFaults;
  readonly #server: Server;
  readonly #lines = new Set<Line>();

  private constructor(target: string, faults: ArmedFaults) {
    this.#target = target;
    this.#faults = faults;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** `target` is host:port; nobody needs to listen there yet. */
  static async start(target: string, faults: ArmedFaults): Promise<UnreliableProxy> {
    const proxy = new UnreliableProxy(target, faults);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** host:port. */
  get endpoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const line of this.#lines) line.cut();
    await closed;
  }

  #accept(client: Socket): void {
    const colon = this.#target.lastIndexOf(':');
    const member = connect(Number(this.#target.slice(colon + 1)), this.#target.slice(0, colon));
    const line: Line = new Line(client, member, this.#faults, () => this.#lines.delete(line));
    this.#lines.add(line);
  }
}

/** A connection that is half open, or stands still, is out of use for long: such faults come less often. */
function draw(random: Random): FaultKind {
  const among = random.below(4) > 0 ? cutKindsCount : faultKinds.length;
  return faultKinds[random.below(among)] ?? 'beforeRequest';
}

/** Where each fault begins. */
const directions: Readonly<Record<FaultKind, 'request' | 'reply'>> = {
  beforeRequest: 'request',
  afterRequest: 'request',
  beforeReply: 'reply',
  afterReply: 'reply',
  halfOpen: 'request',
  pause: 'request',
};

/** One connection of a client and the one to the member that belongs to it. */
class Line {
  readonly #client: Socket;
  readonly #member: Socket;
  readonly #faults: ArmedFaults;
  readonly #onOver: () => void;
  #swallowsReplies = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: Socket, member: Socket, faults: ArmedFaults, onOver: () => void) {
    this.#client = client;
    this.#member = member;
    this.#faults = faults;
    this.#onOver = onOver;
    client.setNoDelay(true);
    member.setNoDelay(true);
    client.on('data', (bytes) => this.#onRequest(bytes));
    member.on('data', (bytes) => this.#onReply(bytes));
    for (const socket of [client, member]) socket.on('error', () => undefined);
    member.on('close', () => this.cut());
    client.on('close', () => {
      if (!this.#swallowsReplies) this.cut();
    });
  }

  cut(): void {
    clearTimeout(this.#timer);
    this.#client.destroy();
    this.#member.destroy();
    this.#onOver();
  }

  #onRequest(bytes: Buffer): void {
    switch (this.#faultAt('request', bytes)) {
      case 'beforeRequest':
        return this.cut();
      case 'afterRequest':
        this.#swallowsReplies = true;
        this.#member.write(bytes, () => this.#client.destroy());
        return this.#later(lingerMs, () => this.cut());
      case 'halfOpen':
        this.#swallowsReplies = true;
        this.#member.write(bytes);
        return this.#later(this.#faults.random.below(halfOpenMsMax), () => this.cut());
      case 'pause':
        this.#member.write(bytes);
        this.#client.pause();
        this.#member.pause();
        return this.#later(this.#faults.random.below(pauseMsMax), () => this.#goOn());
      default:
        this.#member.write(bytes);
    }
  }

  #onReply(bytes: Buffer): void {
    if (this.#swallowsReplies) return;
    switch (this.#faultAt('reply', bytes)) {
      case 'beforeReply':
        return this.cut();
      case 'afterReply':
        this.#client.write(bytes, () => this.cut());
        return;
      default:
        this.#client.write(bytes);
    }
  }

  #faultAt(direction: 'request' | 'reply', { length }: Buffer): FaultKind | undefined {
    const isBusy = this.#swallowsReplies || this.#timer !== undefined;
    return length < chunkBytesMin || isBusy ? undefined : this.#faults.take(direction);
  }

  #goOn(): void {
    this.#timer = undefined;
    this.#client.resume();
    this.#member.resume();
  }

  #later(ms: number, callback: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(callback, ms);
  }
}
