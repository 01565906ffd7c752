/**
 * Two counters outside the cluster, behind one HTTP server: `/plain` takes whatever is written, `/fenced` only what comes
 * with a token that is not below the highest it has seen. A write says what its writer has read, and adds one to that. Both
 * remember how often they were written.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fenceRequests } from '@quorate/client/fence';
import { QuorateError } from '@quorate/client';

export const FENCED_NAME = 'register';

export class Counter {
  value = 0;
  writes = 0;
  /** Writes by somebody who had read something else than what they wrote over. */
  stale = 0;

  /** One more than what the writer has read. */
  write(read: number): void {
    if (read !== this.value) this.stale += 1;
    this.value = read + 1;
    this.writes += 1;
  }

  /** Each write adds one: what is missing was overwritten. */
  get lost(): number {
    return this.writes - this.value;
  }
}

export class Registers {
  readonly plain = new Counter();
  readonly fenced = new Counter();
  /** Requests with a token below the mark. */
  refused = 0;
  readonly #server: Server;
  #mark = 0;

  private constructor() {
    const door = fenceRequests({
      name: FENCED_NAME,
      claim: async ({ grant: { token } }) => {
        if (token < this.#mark) {
          this.refused += 1;
          throw new QuorateError('FENCED', { detail: `token ${token} came after ${this.#mark}` });
        }
        this.#mark = token;
      },
    });
    this.#server = createServer((request, response) => {
      if (request.url === '/plain') void serve(this.plain, request, response);
      else door(request, response, () => void this.#serveFenced(request, response));
    });
    // Longer than any worker is stopped: what it sends when it goes on must arrive.
    this.#server.keepAliveTimeout = 60_000;
  }

  static async start(): Promise<Registers> {
    const registers = new Registers();
    await new Promise<void>((resolve) => registers.#server.listen(0, '127.0.0.1', resolve));
    return registers;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** A request may be overtaken between the door and its last byte: it is looked at again when it is whole. */
  async #serveFenced(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await serve(this.fenced, request, response, () => tokenOf(request) >= this.#mark);
  }
}

function tokenOf({ headers }: IncomingMessage): number {
  return Number(String(headers['fencing-token']).split(';')[1]);
}

async function serve(
  counter: Counter,
  request: IncomingMessage,
  response: ServerResponse,
  mayWrite: () => boolean = () => true,
): Promise<void> {
  try {
    if (request.method === 'PUT') {
      const read = Number(await text(request));
      if (!mayWrite()) {
        response.writeHead(409).end();
        return;
      }
      counter.write(read);
    }
    response.end(String(counter.value));
  } catch {
    // The client died in the middle of it.
    response.destroy();
  }
}
