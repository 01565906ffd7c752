/** Streams whose other end is the test: it sees what was sent and says what comes. */
import type { CallStatus, Connection, Metadata, Stream, StreamHandler } from '../../client/transport/transport.js';

export class ScriptedStream implements Stream {
  readonly sent: Uint8Array[] = [];
  isPaused = false;
  isOver = false;
  readonly #handler: StreamHandler;

  constructor(
    readonly member: string,
    readonly method: string,
    readonly metadata: Metadata,
    handler: StreamHandler,
  ) {
    this.#handler = handler;
  }

  send(bytes: Uint8Array, done?: () => void): void {
    this.sent.push(bytes);
    done?.();
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  cancel(): void {
    this.end({ name: 'CANCELLED', text: 'from here', wasSent: true });
  }

  say(bytes: Uint8Array): void {
    if (!this.isOver) this.#handler.onMessage(bytes);
  }

  end(status: CallStatus = { name: 'UNAVAILABLE', text: 'Connection dropped', wasSent: true }): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#handler.onEnd(status);
  }
}

export class ScriptedMembers {
  readonly streams: ScriptedStream[] = [];
  /** Of each new stream, before anything is sent on it. */
  onStream: (stream: ScriptedStream) => void = () => undefined;

  get last(): ScriptedStream {
    const last = this.streams.at(-1);
    if (last === undefined) throw new Error('nobody has opened a stream');
    return last;
  }

  connectionTo(member: string): Connection {
    return {
      unary: () => {
        throw new Error('no unary calls here');
      },
      stream: (method, metadata, handler) => {
        const stream = new ScriptedStream(member, method, metadata, handler);
        this.streams.push(stream);
        this.onStream(stream);
        return stream;
      },
      close: () => undefined,
    };
  }
}
