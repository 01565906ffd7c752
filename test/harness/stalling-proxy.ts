/**
 * A TCP proxy before one member whose connections stall: bytes are held back, in either direction, and let go later, or
 * the connections are reset after so many more bytes. Whoever wants to knows what passed: a tap is shown all bytes just
 * before they go on. Knows bytes only.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Of one connection. */
export interface Tap {
  toMember(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
}

export type Direction = 'toMember' | 'toClient';

export interface StallingOptions {
  readonly tapOf?: () => Tap;
  /** How long everything takes on its way to the client. Default: no longer than it must. */
  readonly answersLateMs?: number;
}

/** One direction of one connection. */
interface Lane {
  readonly direction: Direction;
  readonly to: Socket;
  readonly held: Buffer[];
  readonly tap: Tap | undefined;
}

export class StallingProxy {
  readonly #target: string;
  readonly #options: StallingOptions;
  readonly #server: Server;
  readonly #lanes = new Set<Lane>();
  #holding: ReadonlySet<Direction> = new Set();
  #isRefusing = false;
  #bytesUntilCut = Infinity;
  #onCut: (() => void) | undefined;
  #port = 0;

  private constructor(target: string, options: StallingOptions) {
    this.#target = target;
    this.#options = options;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** `target` is host:port. */
  static async start(target: string, options: StallingOptions = {}): Promise<StallingProxy> {
    const proxy = new StallingProxy(target, options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.#port = (proxy.#server.address() as AddressInfo).port;
    return proxy;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Nothing passes in these directions until `letGo`, and then all of it does, in order. */
  hold(...directions: readonly Direction[]): void {
    this.#holding = new Set(directions);
  }

  /** Ends every connection and takes none, until `letGo`. */
  refuse(): void {
    this.#isRefusing = true;
    this.cut();
  }

  letGo(): void {
    this.#holding = new Set();
    this.#isRefusing = false;
    for (const lane of this.#lanes) for (const bytes of lane.held.splice(0)) pass(lane, bytes);
  }

  cut(): void {
    for (const { to } of this.#lanes) to.destroy();
  }

  /** Cuts every connection once so many more bytes have come from the member, in the middle of whatever they are. */
  cutAfter(bytes: number): Promise<void> {
    this.#bytesUntilCut = bytes;
    return new Promise((resolve) => {
      this.#onCut = resolve;
    });
  }

  /** Takes `cutAfter` back; its promise stays open. */
  disarm(): void {
    this.#bytesUntilCut = Infinity;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#isRefusing) {
      client.destroy();
      return;
    }
    const colon = this.#target.lastIndexOf(':');
    const member = connect(Number(this.#target.slice(colon + 1)), this.#target.slice(0, colon));
    const tap = this.#options.tapOf?.();
    this.#join(client, { direction: 'toMember', to: member, held: [], tap });
    this.#join(member, { direction: 'toClient', to: client, held: [], tap });
  }

  #join(from: Socket, lane: Lane): void {
    this.#lanes.add(lane);
    from.setNoDelay(true);
    const lateMs = lane.direction === 'toClient' ? (this.#options.answersLateMs ?? 0) : 0;
    from.on('data', (bytes) => {
      // Timers of one length come in their order.
      if (lateMs > 0) setTimeout(() => this.#arrived(lane, bytes), lateMs);
      else this.#arrived(lane, bytes);
    });
    from.on('error', () => lane.to.destroy());
    from.on('close', () => {
      this.#lanes.delete(lane);
      lane.to.destroy();
    });
  }

  #arrived(lane: Lane, bytes: Buffer): void {
    if (this.#holding.has(lane.direction)) lane.held.push(bytes);
    else if (lane.direction === 'toClient' && bytes.length >= this.#bytesUntilCut) this.#cutWithin(lane, bytes);
    else {
      if (lane.direction === 'toClient') this.#bytesUntilCut -= bytes.length;
      pass(lane, bytes);
    }
  }

  #cutWithin(lane: Lane, bytes: Buffer): void {
    // The last bytes still reach the client; what follows them never does.
    pass(lane, bytes.subarray(0, this.#bytesUntilCut));
    this.disarm();
    lane.to.destroySoon();
    this.cut();
    this.#onCut?.();
  }
}

function pass({ direction, to, tap }: Lane, bytes: Buffer): void {
  tap?.[direction](bytes);
  to.write(bytes);
}
