/**
 * The client door for clients in the same process: the same services, in bytes, without a connection. What a client of
 * the network is told by gRPC's status, this one is told by the same names.
 */
import { Duplex } from 'node:stream';
import { Metadata, type Server, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Clock } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import { codeTrailer, detailTrailer, type WireStatus, wireStatusOf } from './errors.js';
import { requiresLeader } from './leader-loss.js';
import { MessageBundle } from './message-bundle.js';
import type { ServeUnary, UnaryCall } from './unary-call.js';

/** How a call ended. */
export interface LocalStatus {
  /** As gRPC names it. */
  readonly name: keyof typeof status;
  readonly text: string;
  /** Whatever ended it, the member knew of the call. */
  readonly wasSent: true;
  readonly quorateCode?: string | undefined;
  readonly quorateDetail?: string | undefined;
}

export interface LocalStreamHandler {
  onMessage(bytes: Uint8Array): void;
  /** Once, and the last thing. */
  onEnd(status: LocalStatus): void;
}

export interface LocalStream {
  /** `done` is called when the member takes more. */
  send(bytes: Uint8Array, done?: () => void): void;
  pause(): void;
  resume(): void;
  cancel(): void;
}

/** What clients in this process see of a member. */
export type ClientDoor = Pick<LocalDoor, 'unary' | 'stream'>;

type LocalMetadata = Readonly<Record<string, string>>;
type LocalDone = (status: LocalStatus, answer: Uint8Array | undefined) => void;
type ServeStream = (call: ServerDuplexStream<Buffer, MessageBundle | Buffer>) => void;

const OK: LocalStatus = { name: 'OK', text: '', wasSent: true };
const CANCELLED: LocalStatus = { name: 'CANCELLED', text: 'the client gave up', wasSent: true };

export class LocalDoor {
  readonly #clock: Clock;
  readonly #unary = new Map<string, ServeUnary>();
  readonly #streams = new Map<string, ServeStream>();
  readonly #open = new Set<LocalDuplex>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  // What services see of it

  serve(path: string, serve: ServeUnary): void {
    this.#unary.set(path, serve);
  }

  /** As Server.register of grpc-js. Unary methods come through `serve`; streams of one direction are not for clients here. */
  readonly register: Server['register'] = (path, handler, _serialize, _deserialize, type) => {
    if (type === 'bidi') this.#streams.set(path, handler as unknown as ServeStream);
    return true;
  };

  /** Whoever comes from now on is refused. */
  refuse(): void {
    this.#isClosed = true;
  }

  /** Ends what is left. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#open) stream.close(localStatus(wireStatusOf(new QuorateError('STOPPED'))));
  }

  // What clients see of it

  /** `done` is called once, never before this returns. Returns what gives the call up. */
  unary(
    method: string,
    request: Uint8Array,
    { timeoutMs, metadata = {} }: { readonly timeoutMs: number; readonly metadata?: LocalMetadata | undefined },
    done: LocalDone,
  ): () => void {
    const deadline = this.#clock.now() + timeoutMs;
    const call = new LocalCall(bufferOf(request), metadata, deadline, (end, answer) => {
      this.#clock.defer(() => done(end, answer));
    });
    const serve = this.#unary.get(method);
    this.#clock.defer(() => {
      if (this.#isClosed) call.refuse(wireStatusOf(new QuorateError('STOPPED')));
      else if (serve === undefined) call.refuse(wireStatusOf(new QuorateError('UNIMPLEMENTED', method)));
      else serve(call);
    });
    return () => call.cancel();
  }

  stream(method: string, metadata: LocalMetadata, handler: LocalStreamHandler): LocalStream {
    const call: LocalDuplex = new LocalDuplex(grpcMetadata(metadata), this.#clock, {
      onMessage: (bytes) => handler.onMessage(bytes),
      onEnd: (end) => {
        this.#open.delete(call);
        handler.onEnd(end);
      },
    });
    this.#open.add(call);
    const serve = this.#streams.get(method);
    this.#clock.defer(() => {
      if (this.#isClosed) call.emit('error', wireStatusOf(new QuorateError('STOPPED')));
      else if (serve === undefined) call.emit('error', wireStatusOf(new QuorateError('UNIMPLEMENTED', method)));
      else serve(call as unknown as ServerDuplexStream<Buffer, MessageBundle | Buffer>);
    });
    return call.client;
  }
}

class LocalCall implements UnaryCall {
  readonly request: Buffer;
  readonly requiresLeader: boolean;
  readonly deadline: number;
  readonly #done: LocalDone;
  readonly #onClosed: (() => void)[] = [];
  isClosed = false;

  constructor(request: Buffer, metadata: LocalMetadata, deadline: number, done: LocalDone) {
    this.request = request;
    this.requiresLeader = requiresLeader(grpcMetadata(metadata));
    this.deadline = deadline;
    this.#done = done;
  }

  onClosed(listener: () => void): void {
    this.#onClosed.push(listener);
  }

  answer(message: Buffer): void {
    this.#close(OK, message);
  }

  refuse(refusal: WireStatus): void {
    this.#close(localStatus(refusal), undefined);
  }

  cancel(): void {
    this.#close(CANCELLED, undefined);
  }

  #close(end: LocalStatus, answer: Buffer | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const listener of this.#onClosed) listener();
    this.#done(end, answer);
  }
}

/** A stream as services know it from grpc-js: they read and write it, end it, or emit the error that ends it. */
class LocalDuplex extends Duplex {
  readonly metadata: Metadata;
  readonly client: LocalStream;
  readonly #clock: Clock;
  readonly #handler: LocalStreamHandler;
  /** Calls of `send` whose bytes wait to be read. */
  #waiting: (() => void)[] = [];
  #isPaused = false;
  /** What was written while the client reads nothing. */
  #held: (() => void) | undefined;
  #isOver = false;

  constructor(metadata: Metadata, clock: Clock, handler: LocalStreamHandler) {
    super({ objectMode: true });
    this.metadata = metadata;
    this.#clock = clock;
    this.#handler = handler;
    this.on('error', (refusal: WireStatus) => this.close(localStatus(refusal)));
    this.on('finish', () => this.close(OK));
    this.client = {
      send: (bytes, done) => this.#received(bytes, done),
      pause: () => {
        this.#isPaused = true;
      },
      resume: () => {
        this.#isPaused = false;
        this.#held?.();
      },
      cancel: () => this.close(CANCELLED),
    };
  }

  /** Ends it for both sides. */
  close(end: LocalStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#clock.defer(() => {
      this.emit('cancelled');
      this.#handler.onEnd(end);
    });
  }

  #received(bytes: Uint8Array, done: (() => void) | undefined): void {
    this.#clock.defer(() => {
      if (this.#isOver) return;
      const wantsMore = this.push(bufferOf(bytes));
      if (done === undefined) return;
      if (wantsMore) done();
      else this.#waiting.push(done);
    });
  }

  override _read(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }

  override _write(chunk: MessageBundle | Buffer, _encoding: string, callback: () => void): void {
    const deliver = (): void => {
      this.#held = undefined;
      this.#clock.defer(() => {
        if (!this.#isOver) for (const bytes of messagesOf(chunk)) this.#handler.onMessage(bytes);
        callback();
      });
    };
    if (this.#isPaused) this.#held = deliver;
    else deliver();
  }
}

function messagesOf(chunk: MessageBundle | Buffer): readonly Buffer[] {
  return chunk instanceof MessageBundle ? chunk.messages() : [chunk];
}

function localStatus({ code, details, metadata }: Pick<WireStatus, 'code' | 'details' | 'metadata'>): LocalStatus {
  const detail = textOf(metadata, detailTrailer);
  return {
    name: (status[code] ?? 'UNKNOWN') as keyof typeof status,
    text: details,
    wasSent: true,
    quorateCode: textOf(metadata, codeTrailer),
    quorateDetail: detail === undefined ? undefined : decodeURIComponent(detail),
  };
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}

function grpcMetadata(values: LocalMetadata): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return metadata;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
