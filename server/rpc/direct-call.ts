/** One unary call on an HTTP/2 stream: reads its one message, and writes the answer with its status. */
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Metadata, status } from '@grpc/grpc-js';
import type { WireStatus } from './errors.js';
import { FRAME_HEADER_BYTES, NOT_COMPRESSED, OneMessage } from './one-message.js';
import type { ServeUnary, UnaryCall } from './unary-call.js';

export interface DirectCallOptions {
  readonly deadline: number | undefined;
  readonly requiresLeader: boolean;
  readonly receiveBytesMax: number;
}

const responseHeaders: OutgoingHttpHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' };
/** gRPC knows no date, and each header costs: without this one and a text for OK, a call costs this layer a tenth less. */
const withTrailers = { waitForTrailers: true, sendDate: false };
const okTrailers: OutgoingHttpHeaders = { 'grpc-status': status.OK };

/** Calls `serve` once the client has said all that it wants to say, if that is one message. */
export function readDirectCall(stream: ServerHttp2Stream, options: DirectCallOptions, serve: ServeUnary): void {
  const received = new OneMessage(options.receiveBytesMax);
  // What breaks a stream also closes it.
  stream.on('error', ignore);
  stream.on('data', (chunk: Buffer) => {
    if (stream.headersSent) return;
    received.add(chunk);
    if (received.tooLarge === undefined) return;
    refuse(stream, tooLarge(received.tooLarge, options.receiveBytesMax));
    // Or it would go on sending.
    stream.close(constants.NGHTTP2_NO_ERROR);
  });
  stream.on('end', () => {
    if (stream.closed || stream.headersSent) return;
    const message = received.whole();
    if (message === undefined) refuse(stream, notOneMessage);
    else serve(new DirectCall(stream, message, options));
  });
}

class DirectCall implements UnaryCall {
  readonly request: Buffer;
  readonly deadline: number | undefined;
  readonly requiresLeader: boolean;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, request: Buffer, { deadline, requiresLeader }: DirectCallOptions) {
    this.#stream = stream;
    this.request = request;
    this.deadline = deadline;
    this.requiresLeader = requiresLeader;
  }

  get isClosed(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  onClosed(listener: () => void): void {
    this.#stream.once('close', listener);
  }

  answer(message: Buffer): void {
    if (this.isClosed) return;
    const stream = this.#stream;
    stream.respond(responseHeaders, withTrailers);
    stream.on('wantTrailers', sendOk);
    const framed = Buffer.allocUnsafe(FRAME_HEADER_BYTES + message.length);
    framed[0] = NOT_COMPRESSED;
    framed.writeUInt32BE(message.length, 1);
    framed.set(message, FRAME_HEADER_BYTES);
    stream.end(framed);
  }

  refuse(refusal: WireStatus): void {
    if (!this.isClosed) refuse(this.#stream, refusal);
  }
}

type Refusal = Pick<WireStatus, 'code' | 'details' | 'metadata'>;

const noMetadata = new Metadata();
const notOneMessage: Refusal = {
  code: status.INTERNAL,
  details: 'a request is one message that is not compressed, and nothing else',
  metadata: noMetadata,
};

function refuse(stream: ServerHttp2Stream, { code, details, metadata }: Refusal): void {
  const trailers = { 'grpc-status': code, 'grpc-message': encodeURI(details), ...metadata.toHttp2Headers() };
  stream.respond({ ...responseHeaders, ...trailers }, { endStream: true });
}

/** The text is that of grpc-js. */
function tooLarge(bytes: number, bytesMax: number): Refusal {
  const details = `Received message larger than max (${bytes} vs ${bytesMax})`;
  return { code: status.RESOURCE_EXHAUSTED, details, metadata: noMetadata };
}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(okTrailers);
}

function ignore(): void {
  // See where it is used.
}
