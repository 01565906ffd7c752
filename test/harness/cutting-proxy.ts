/**
 * A TCP proxy before one member that loses what it is told to lose: what clients send, or what the member answers, is
 * swallowed, and connections are cut. Knows bytes only.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class CuttingProxy {
  /** Nothing more reaches the member. */
  swallowsRequests = false;
  /** Nothing more reaches the clients. */
  swallowsReplies = false;
  readonly #target: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** `target` is host:port. */
  static async start(target: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    await proxy.listen();
    return proxy;
  }

  /** host:port, the same for as long as the proxy lives. */
  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Accepts connections again after `refuse`. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Cuts every connection, and passes everything on again for those that come. */
  cut(): void {
    this.swallowsRequests = false;
    this.swallowsReplies = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Cuts every connection and accepts no more. */
  async refuse(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  async stop(): Promise<void> {
    if (this.#server.listening) await this.refuse();
  }

  #accept(client: Socket): void {
    const colon = this.#target.lastIndexOf(':');
    const member = connect(Number(this.#target.slice(colon + 1)), this.#target.slice(0, colon));
    this.#join(client, member, () => this.swallowsRequests);
    this.#join(member, client, () => this.swallowsReplies);
  }

  #join(from: Socket, to: Socket, isSwallowed: () => boolean): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (bytes) => {
      if (!isSwallowed()) to.write(bytes);
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
