/**
 * The sockets of the client door: listens on every address, hands each connection over, bounds how many there are, and
 * can end them all. Knows nothing about what is spoken on them.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../lib/clock.js';
import { createDeferred } from '../lib/deferred.js';
import type { Logger } from '../lib/logger.js';

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** An address that cannot be listened on; `cause` is what the system said. */
export class ListenError extends Error {
  override readonly name = 'ListenError';

  constructor(address: string, cause: Error) {
    super(`cannot listen on ${address}: ${cause.message}`, { cause });
  }
}

/** On each address; a connection beyond it is closed at once. */
export const connectionsMax = 16_384;
/** Refused connections are logged this often at most. */
const dropLogIntervalMs = 10_000;

export interface ListenersPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onConnection: (socket: Socket) => void;
}

export class Listeners {
  readonly #ports: ListenersPorts;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #allClosed = createDeferred<void>();
  #dropLoggedAt = -Infinity;

  constructor(ports: ListenersPorts) {
    this.#ports = ports;
  }

  /** Returns the addresses with the ports that were taken. Rejects with ListenError, and then listens nowhere. */
  async listen(addresses: readonly ListenAddress[]): Promise<readonly ListenAddress[]> {
    const taken: ListenAddress[] = [];
    for (const address of addresses) {
      try {
        taken.push(await this.#listenOn(address));
      } catch (error) {
        this.stopListening();
        throw new ListenError(
          `${address.host} port ${address.port}`,
          error instanceof Error ? error : new Error(String(error)),
        );
      }
    }
    return taken;
  }

  /** No new connections; those that stand stay. */
  stopListening(): void {
    for (const server of this.#servers.splice(0)) server.close();
  }

  /** Resolves when the last connection has ended. */
  allClosed(): Promise<void> {
    this.#settleIfEmpty();
    return this.#allClosed.promise;
  }

  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listenOn(address: ListenAddress): Promise<ListenAddress> {
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = connectionsMax;
    server.on('drop', () => this.#logDrop(address));
    const listening = createDeferred<void>();
    server.once('error', listening.reject);
    server.listen({ host: address.host, port: address.port }, listening.resolve);
    await listening.promise;
    server.off('error', listening.reject);
    // Accepting can fail later, when the process runs out of descriptors; the listener itself goes on.
    server.on('error', (error) => this.#ports.logger.error('accepting a connection failed', { error }));
    this.#servers.push(server);
    const bound = server.address();
    return { host: address.host, port: typeof bound === 'object' && bound !== null ? bound.port : address.port };
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    // What breaks a connection is the peer's business; without a listener it would end the process.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#settleIfEmpty();
    });
    this.#ports.onConnection(socket);
  }

  #settleIfEmpty(): void {
    if (this.#servers.length === 0 && this.#sockets.size === 0) this.#allClosed.resolve();
  }

  #logDrop({ host, port }: ListenAddress): void {
    const now = this.#ports.clock.now();
    if (now - this.#dropLoggedAt < dropLogIntervalMs) return;
    this.#dropLoggedAt = now;
    this.#ports.logger.warn('too many connections: refusing more', { host, port, connectionsMax });
  }
}
