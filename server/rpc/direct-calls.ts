/**
 * Plain unary calls, which are nearly all that a busy member gets, served on Node's HTTP/2 streams themselves: cheaper
 * than through grpc-js by a third. Whatever is not plain (compressed, another HTTP method or content type, a header that
 * makes no sense), and every stream, stays with grpc-js, on the same connections: adr/0007.
 */
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { assert } from '../lib/assert.js';
import type { Clock } from '../lib/clock.js';
import { readDirectCall } from './direct-call.js';
import type { ServeUnary } from './unary-call.js';

type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => void;

export interface DirectCallsOptions {
  readonly clock: Clock;
  /** Of a message; a larger one is refused with RESOURCE_EXHAUSTED. */
  readonly receiveBytesMax: number;
}

export class DirectCalls {
  readonly #options: DirectCallsOptions;
  readonly #served = new Map<string, ServeUnary>();

  constructor(options: DirectCallsOptions) {
    this.#options = options;
  }

  /** `path`: as in the header `:path`. */
  serve(path: string, serve: ServeUnary): void {
    this.#served.set(path, serve);
  }

  /** Takes the plain calls away from `server`, whose connections are injected: call it once that is prepared. */
  attach(server: Server): void {
    const http2Server = http2ServerOf(server);
    const [library, ...others] = http2Server.listeners('stream');
    assert(isStreamListener(library) && others.length === 0, 'grpc-js serves streams in another way than it used to');
    http2Server.removeAllListeners('stream');
    http2Server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => {
      if (!this.#take(stream, headers)) library.call(http2Server, stream, headers, ...rest);
    });
  }

  #take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
    const serve = this.#served.get(headers[':path'] ?? '');
    if (serve === undefined || !isPlain(headers)) return false;
    const timeoutMs = timeoutMsFrom(headers['grpc-timeout']);
    if (timeoutMs === undefined) return false;
    const { clock, receiveBytesMax } = this.#options;
    const deadline = timeoutMs === Infinity ? undefined : clock.now() + timeoutMs;
    const requiresLeader = headers['hasleader'] === 'true';
    readDirectCall(stream, { deadline, requiresLeader, receiveBytesMax }, serve);
    return true;
  }
}

/** grpc-js keeps it to itself; the version is pinned, and test/rpc/direct-calls.test.ts holds this against it. */
function http2ServerOf(server: Server): Http2Server {
  const { http2Servers } = server as unknown as { readonly http2Servers?: unknown };
  assert(http2Servers instanceof Map && http2Servers.size === 1, 'grpc-js has not one HTTP/2 server');
  const [http2Server] = http2Servers.keys() as MapIterator<Http2Server>;
  assert(http2Server !== undefined, 'grpc-js has no HTTP/2 server');
  return http2Server;
}

function isStreamListener(listener: unknown): listener is StreamListener {
  return typeof listener === 'function';
}

function isPlain(headers: IncomingHttpHeaders): boolean {
  const { 'grpc-encoding': encoding, hasleader } = headers;
  return (
    headers[':method'] === 'POST' &&
    headers['content-type']?.startsWith('application/grpc') === true &&
    (encoding === undefined || encoding === 'identity') &&
    (hasleader === undefined || hasleader === 'true')
  );
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Infinity without the header; undefined when it makes no sense. */
function timeoutMsFrom(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return Infinity;
  const [, digits, unit] = (typeof header === 'string' && /^(\d{1,8})([HMSmun])$/.exec(header)) || [];
  const scale = unitMs[unit ?? ''];
  return scale === undefined ? undefined : Number(digits) * scale;
}
