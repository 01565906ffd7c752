/** Members in this process, reached without a network: each offers a door that takes the same calls. */
import type {
  CallStatus,
  Connection,
  Metadata,
  Stream,
  StreamHandler,
  Transport,
  UnaryDone,
  UnaryOptions,
} from './transport.js';

/** What a member offers clients in its own process. */
export type MemberDoor = Pick<Connection, 'unary' | 'stream'>;

const NOT_THERE: CallStatus = { name: 'UNAVAILABLE', text: 'the connection is closed', wasSent: false };
const ignore = (): void => undefined;

export class MemoryTransport implements Transport {
  readonly #doors: ReadonlyMap<string, MemberDoor>;

  /** By address: any host:port, as long as each has its own. */
  constructor(doors: ReadonlyMap<string, MemberDoor>) {
    this.#doors = doors;
  }

  connect(address: string): Connection {
    return new MemoryConnection(this.#doors.get(address));
  }
}

class MemoryConnection implements Connection {
  readonly #door: MemberDoor | undefined;
  /** What ends each call that is under way. */
  readonly #open = new Set<() => void>();
  #isClosed = false;

  constructor(door: MemberDoor | undefined) {
    this.#door = door;
  }

  unary(method: string, request: Uint8Array, options: UnaryOptions, done: UnaryDone): () => void {
    if (this.#door === undefined || this.#isClosed) {
      queueMicrotask(() => done(NOT_THERE, undefined));
      return ignore;
    }
    const cancel = this.#door.unary(method, request, options, (status, answer) => {
      this.#open.delete(cancel);
      done(status, answer);
    });
    this.#open.add(cancel);
    return cancel;
  }

  stream(method: string, metadata: Metadata, handler: StreamHandler): Stream {
    if (this.#door === undefined || this.#isClosed) {
      queueMicrotask(() => handler.onEnd(NOT_THERE));
      return { send: ignore, pause: ignore, resume: ignore, cancel: ignore };
    }
    const stream = this.#door.stream(method, metadata, {
      onMessage: (bytes) => handler.onMessage(bytes),
      onEnd: (status) => {
        this.#open.delete(cancel);
        handler.onEnd(status);
      },
    });
    const cancel = (): void => stream.cancel();
    this.#open.add(cancel);
    return stream;
  }

  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#open) cancel();
  }
}
