/**
 * One gRPC channel to one member. A unary call waits until the channel stands before it is handed over, so that a call
 * which never left is known as such without reading error texts.
 */
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  connectivityState,
  Metadata as GrpcMetadata,
  type StatusObject,
} from '@grpc/grpc-js';
import { callStatus } from './grpc-status.js';
import type { CallStatus, Connection, Metadata, Stream, StreamHandler, UnaryDone, UnaryOptions } from './transport.js';

const identity = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const asReceived = (bytes: Buffer): Buffer => bytes;
const ignore = (): void => undefined;

const notSent = (name: CallStatus['name'], text: string): CallStatus => ({ name, text, wasSent: false });

export class GrpcConnection implements Connection {
  readonly #client: Client;
  #isClosed = false;

  constructor(address: string, credentials: ChannelCredentials, options: ChannelOptions) {
    this.#client = new Client(address, credentials, options);
  }

  unary(method: string, request: Uint8Array, options: UnaryOptions, done: UnaryDone): () => void {
    const deadline = Date.now() + options.timeoutMs;
    let cancelCall: (() => void) | undefined;
    let isCanceled = false;
    let isOver = false;
    const end: UnaryDone = (status, answer) => {
      if (isOver) return;
      isOver = true;
      done(status, answer);
    };
    this.#whenReady(deadline, (failure) => {
      if (isCanceled) return;
      if (failure === undefined) cancelCall = this.#send(method, request, deadline, options.metadata, end);
      else end(failure, undefined);
    });
    return () => {
      isCanceled = true;
      if (cancelCall !== undefined) cancelCall();
      else queueMicrotask(() => end(notSent('CANCELLED', 'given up'), undefined));
    };
  }

  stream(method: string, metadata: Metadata, handler: StreamHandler): Stream {
    if (this.#isClosed) {
      queueMicrotask(() => handler.onEnd(notSent('UNAVAILABLE', 'the connection is closed')));
      return { send: ignore, pause: ignore, resume: ignore, cancel: ignore };
    }
    const call = this.#client.makeBidiStreamRequest<Uint8Array, Uint8Array>(
      method,
      identity,
      asReceived,
      grpcMetadata(metadata),
    );
    return new GrpcStream(call, handler);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#client.close();
  }

  #send(
    method: string,
    request: Uint8Array,
    deadline: number,
    metadata: Metadata | undefined,
    done: UnaryDone,
  ): () => void {
    const call = this.#client.makeUnaryRequest<Uint8Array, Uint8Array>(
      method,
      identity,
      asReceived,
      request,
      grpcMetadata(metadata),
      { deadline },
      (error, answer) => {
        if (error !== null) done(callStatus(error, true), undefined);
        else done({ name: 'OK', text: '', wasSent: true }, answer);
      },
    );
    return () => call.cancel();
  }

  /** Calls back with what stands in the way, or with nothing once the channel stands. Never before it has returned. */
  #whenReady(deadline: number, callback: (failure: CallStatus | undefined) => void): void {
    const channel = this.#client.getChannel();
    const look = (isLate: boolean): void => {
      if (this.#isClosed) return callback(notSent('UNAVAILABLE', 'the connection is closed'));
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return callback(undefined);
      if (state === connectivityState.TRANSIENT_FAILURE) return callback(notSent('UNAVAILABLE', 'no connection'));
      if (isLate) return callback(notSent('DEADLINE_EXCEEDED', 'no connection in time'));
      channel.watchConnectivityState(state, deadline, (error) => look(error !== undefined));
    };
    queueMicrotask(() => look(false));
  }
}

class GrpcStream implements Stream {
  readonly #call: ClientDuplexStream<Uint8Array, Uint8Array>;
  #hasEnded = false;

  constructor(call: ClientDuplexStream<Uint8Array, Uint8Array>, handler: StreamHandler) {
    this.#call = call;
    call.on('data', (bytes: Uint8Array) => {
      if (!this.#hasEnded) handler.onMessage(bytes);
    });
    // Says the same as the status, which comes with every end; unheard it would end the process.
    call.on('error', ignore);
    call.on('status', (status: StatusObject) => {
      if (this.#hasEnded) return;
      this.#hasEnded = true;
      handler.onEnd(callStatus(status, true));
    });
  }

  send(bytes: Uint8Array, done?: () => void): void {
    if (this.#hasEnded) return;
    this.#call.write(bytes, (error?: Error | null) => {
      if (done !== undefined && (error === undefined || error === null) && !this.#hasEnded) done();
    });
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  cancel(): void {
    this.#call.cancel();
  }
}

function grpcMetadata(metadata: Metadata | undefined): GrpcMetadata {
  const result = new GrpcMetadata();
  for (const [name, value] of Object.entries(metadata ?? {})) result.set(name, value);
  return result;
}
