/** The client door over a FakeMember on a free port, and one connection to it. */
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { systemClock } from '../../server/lib/clock.js';
import { silentLogger, type Logger } from '../../server/lib/logger.js';
import { seededRandom } from '../../server/lib/random.js';
import type { WatchSource } from '../../server/node/member.js';
import { type ClientServer, type ClientServerOptions, startClientServer } from '../../server/rpc/client-server.js';
import type { UnaryMethod } from '../../server/rpc/unary-calls.js';
import { decodeMessage, encodeMessage } from '../../server/rpc/codec.js';
import { WatchHub } from '../../server/watch/watch-hub.js';
import { FakeLeases } from './fake-leases.js';
import { FakeMember, header } from './fake-member.js';
import { NO_GRANTS } from './fake-grants.js';
import { FakeSessions } from './fake-sessions.js';

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Refused {
  readonly code: number;
  readonly text: string;
  /** From the trailers. */
  readonly quorateCode: string | undefined;
  readonly detail: string | undefined;
}

/** Watches on a store in which nothing ever happens. */
function watchesOf(member: FakeMember): WatchSource {
  const hub = new WatchHub({ revision: 1, wake: () => undefined });
  return {
    watch: (reader) => hub.open(reader),
    header: (revision) => ({ ...header, revision }),
    get isReady() {
      return member.isReady;
    },
    onReadyChange: (listener) => member.onReadyChange(listener),
  };
}

const passBytes = (bytes: Buffer): Buffer => bytes;

export class Door {
  private constructor(
    readonly member: FakeMember,
    readonly leases: FakeLeases,
    readonly server: ClientServer,
    readonly client: Client,
  ) {}

  static async open(options: Partial<ClientServerOptions> = {}, logger: Logger = silentLogger): Promise<Door> {
    const member = new FakeMember();
    const leases = new FakeLeases();
    const server = await startClientServer({
      member,
      watches: watchesOf(member),
      leases,
      sessions: new FakeSessions(),
      grants: NO_GRANTS,
      clock: systemClock,
      random: seededRandom(1),
      logger,
      listen: [{ host: '127.0.0.1', port: 0 }],
      maxRequestBytes: 1_572_864,
      maxTxnOps: 128,
      enableReflection: false,
      electionMs: 1_000,
      watchProgressIntervalMs: 600_000,
      ...options,
    });
    return new Door(
      member,
      leases,
      server,
      new Client(`127.0.0.1:${server.addresses[0]?.port}`, credentials.createInsecure(), {
        'grpc.max_receive_message_length': -1,
        'grpc.max_send_message_length': -1,
        'grpc.use_local_subchannel_pool': 1,
        'grpc.enable_retries': 0,
      }),
    );
  }

  async close(): Promise<void> {
    this.client.close();
    await this.server.stop(1000);
  }

  raw(path: string, bytes: Buffer, options: CallOptions = {}): Promise<Buffer> {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
    return new Promise((resolve, reject) => {
      const call = this.client.makeUnaryRequest(
        path,
        passBytes,
        passBytes,
        bytes,
        metadata,
        { deadline: Date.now() + (options.timeoutMs ?? 15_000) },
        (error, answer) => (error === null ? resolve(answer ?? Buffer.alloc(0)) : reject(error)),
      );
      options.signal?.addEventListener('abort', () => call.cancel());
    });
  }

  async call<Request, Response>(
    service: { readonly fullName: string },
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const bytes = encodeMessage(method.requestType, request);
    const answer = await this.raw(`/${service.fullName}/${method.name}`, bytes, options);
    return decodeMessage(method.responseType, answer);
  }
}

/** What a call that must fail failed with. */
export async function refusalOf(call: Promise<unknown>): Promise<Refused> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isServiceError(error)) throw new Error(`expected a refusal, got ${String(error)}`);
  const detail = error.metadata.get('quorate-detail')[0]?.toString();
  return {
    code: error.code,
    text: error.details,
    quorateCode: error.metadata.get('quorate-code')[0]?.toString(),
    detail: detail === undefined ? undefined : decodeURIComponent(detail),
  };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}
