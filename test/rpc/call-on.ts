/** Calls on one connection to a served member, in typed messages. */
import { type Client, Metadata } from '@grpc/grpc-js';
import { decodeMessage, encodeMessage } from '../../server/rpc/codec.js';
import type { UnaryMethod } from '../../server/rpc/unary-calls.js';

const passBytes = (bytes: Buffer): Buffer => bytes;

export function callOn<Request, Response>(
  client: Client,
  service: { readonly fullName: string },
  method: UnaryMethod<Request, Response>,
  request: Request,
  timeoutMs = 10_000,
): Promise<Response> {
  const bytes = encodeMessage(method.requestType, request);
  const path = `/${service.fullName}/${method.name}`;
  const options = { deadline: Date.now() + timeoutMs };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, passBytes, passBytes, bytes, new Metadata(), options, (error, answer) =>
      error === null && answer !== undefined ? resolve(decodeMessage(method.responseType, answer)) : reject(error),
    );
  });
}

/** A call of any kind, and how it ended. What it is told is of no interest. */
export class OpenStream {
  readonly ended: Promise<{ readonly code: number; readonly text: string; readonly quorateCode: string | undefined }>;
  told = 0;

  private constructor(stream: NodeJS.EventEmitter) {
    stream.on('data', () => {
      this.told += 1;
    });
    stream.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      stream.on('status', ({ code, details, metadata }: { code: number; details: string; metadata: Metadata }) => {
        resolve({ code, text: details, quorateCode: metadata.get('quorate-code')[0]?.toString() });
      });
    });
  }

  static ofKind(
    kind: { readonly requestStream?: boolean; readonly responseStream?: boolean },
    client: Client,
    path: string,
    request: Buffer,
    metadata = new Metadata(),
  ): OpenStream {
    if (kind.requestStream === true) return OpenStream.bidi(client, path, [request], metadata);
    if (kind.responseStream === true) return OpenStream.server(client, path, request, metadata);
    return new OpenStream(client.makeUnaryRequest(path, passBytes, passBytes, request, metadata, () => undefined));
  }

  /** Of one request. */
  static server(client: Client, path: string, request: Buffer, metadata = new Metadata()): OpenStream {
    return new OpenStream(client.makeServerStreamRequest(path, passBytes, passBytes, request, metadata));
  }

  /** Of requests, of which these are the first. */
  static bidi(client: Client, path: string, requests: readonly Buffer[], metadata = new Metadata()): OpenStream {
    const stream = client.makeBidiStreamRequest(path, passBytes, passBytes, metadata);
    for (const request of requests) stream.write(request);
    return new OpenStream(stream);
  }
}
