/**
 * A client of a session that is told everything frame by frame: over gRPC, or in memory, where a test says how much the
 * client takes.
 */
import { type Client, type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js';
import { RangeRequest, PutRequest } from '@quorate/proto/etcd/kv.js';
import {
  ClientFrame,
  type Failure,
  type Goodbye,
  type Leadership,
  type Open,
  Outcome,
  type Read,
  type Reply,
  type Request,
  ServerFrame,
  type Welcome,
} from '@quorate/proto/quorate/v1/session.js';
import { encodeMessage } from '../../server/rpc/codec.js';
import type { SessionExchange, SessionSource } from '../../server/rpc/session-port.js';

export type Asked = NonNullable<Request['request']>;

/** Everything that a client was told, in order. */
export class Heard {
  readonly frames: ServerFrame[] = [];
  isEnded = false;

  take(bytes: Uint8Array): void {
    this.frames.push(ServerFrame.decode(bytes));
  }

  get welcome(): Welcome | undefined {
    return this.frames.flatMap(({ frame }) => (frame?.$case === 'welcome' ? [frame.value] : []))[0];
  }
  get goodbye(): Goodbye | undefined {
    return this.frames.flatMap(({ frame }) => (frame?.$case === 'goodbye' ? [frame.value] : []))[0];
  }
  get leaderships(): readonly Leadership[] {
    return this.frames.flatMap(({ frame }) => (frame?.$case === 'leadership' ? [frame.value] : []));
  }
  /** One for each frame. */
  get batches(): readonly (readonly Reply[])[] {
    return this.frames.flatMap(({ frame }) => (frame?.$case === 'replies' ? [frame.value.replies] : []));
  }
  get replies(): readonly Reply[] {
    return this.batches.flat();
  }
  replyTo(number: number): Reply['reply'] {
    return this.replies.find((reply) => reply.number === BigInt(number))?.reply;
  }
  failureOf(number: number): string | undefined {
    const reply = this.replyTo(number);
    return reply?.$case === 'failure' ? describe(reply.value) : undefined;
  }
}

/** The code, what it says of the outcome, and whether it is worth another try. */
export function describe({ code, outcome, retryable }: Failure): string {
  const said = Object.entries(Outcome).find(([, value]) => value === outcome)?.[0];
  return `${code} ${said}${retryable ? ' again' : ''}`;
}

export function openFrame(open: Partial<Open> = {}): Buffer {
  const value = { protocolVersion: 1, sessionId: 0n, clientName: 'test', ...open };
  return encodeMessage(ClientFrame, { frame: { $case: 'open', value } });
}

export function request(number: number, asked: Asked | undefined, sequence = 0, timeoutMs = 0): Request {
  return { number: BigInt(number), sequence: BigInt(sequence), timeoutMs, request: asked };
}

export function requestsFrame(requests: readonly Request[], settled = 0n): Buffer {
  return encodeMessage(ClientFrame, { frame: { $case: 'requests', value: { requests: [...requests], settled } } });
}

export function putting(key: string, value = '', rest: Partial<PutRequest> = {}): Asked {
  const bare = PutRequest.fromPartial({ key: Buffer.from(key), value: Buffer.from(value) });
  return { $case: 'put', value: { ...bare, ...rest } };
}

export function reading(
  key: string,
  consistency?: Read['consistency'],
  rest: Partial<RangeRequest> = {},
): Extract<Asked, { $case: 'read' }> {
  const range = { ...RangeRequest.fromPartial({ key: Buffer.from(key) }), ...rest };
  return { $case: 'read', value: { range, consistency } };
}

/** Without a wire: takes what it is sent at once, unless told not to. */
export class MemoryClient {
  readonly heard = new Heard();
  readonly exchange: SessionExchange;
  /** False: every frame fills it, until it is drained. */
  takesMore = true;
  isPaused = false;

  constructor(source: SessionSource) {
    this.exchange = source.open({
      write: (frame) => {
        this.heard.take(frame);
        return this.takesMore;
      },
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
      },
      end: () => {
        this.heard.isEnded = true;
      },
    });
  }

  open(open?: Partial<Open>): void {
    this.exchange.receive(openFrame(open));
  }

  send(requests: readonly Request[], settled = 0n): void {
    this.exchange.receive(requestsFrame(requests, settled));
  }
}

export class GrpcClient {
  readonly heard = new Heard();
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  error: ServiceError | undefined;
  #changed = (): void => undefined;

  constructor(client: Client) {
    const pass = (bytes: Buffer): Buffer => bytes;
    this.call = client.makeBidiStreamRequest('/quorate.v1.Session/Exchange', pass, pass, new Metadata());
    this.call.on('data', (bytes: Buffer) => {
      this.heard.take(bytes);
      this.#changed();
    });
    this.call.on('error', (error: ServiceError) => {
      this.error = error;
      this.#changed();
    });
    this.call.on('end', () => {
      this.heard.isEnded = true;
      this.#changed();
    });
  }

  open(open?: Partial<Open>): void {
    this.call.write(openFrame(open));
  }

  send(requests: readonly Request[], settled = 0n): void {
    this.call.write(requestsFrame(requests, settled));
  }

  async until(holds: (heard: Heard) => boolean): Promise<void> {
    while (!holds(this.heard) && this.error === undefined) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    if (this.error !== undefined && !holds(this.heard)) throw this.error;
  }
}
