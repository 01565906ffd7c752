/**
 * A TCP proxy before one member that delivers what others send to it late, in order; what it answers passes at once. With
 * it before its peer port a member lags behind the others, and serves clients as ever. Knows bytes only.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class DelayingProxy {
  /** Of what comes from now on. */
  delayMs = 0;
  readonly #target: string;
  readonly #server: Server;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** `target` is host:port; nobody needs to listen there yet. */
  static async start(target: string): Promise<DelayingProxy> {
    const proxy = new DelayingProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** host:port. */
  get endpoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #accept(sender: Socket): void {
    const colon = this.#target.lastIndexOf(':');
    const member = connect(Number(this.#target.slice(colon + 1)), this.#target.slice(0, colon));
    const waiting: { readonly bytes: Buffer; readonly dueAt: number }[] = [];
    const deliver = (): void => {
      for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
        const leftMs = first.dueAt - performance.now();
        if (leftMs > 0) return void setTimeout(deliver, Math.ceil(leftMs));
        member.write(first.bytes);
        waiting.shift();
      }
    };
    sender.on('data', (bytes) => {
      waiting.push({ bytes, dueAt: performance.now() + this.delayMs });
      if (waiting.length === 1) deliver();
    });
    member.on('data', (bytes) => sender.write(bytes));
    this.#join(sender, member);
    this.#join(member, sender);
  }

  #join(socket: Socket, other: Socket): void {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => other.destroy());
  }
}
