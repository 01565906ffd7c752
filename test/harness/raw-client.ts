/**
 * Unary gRPC calls in plain bytes: what goes out and what comes back is exactly what stands on the wire. The codecs are
 * the caller's business, so malformed and oversized messages can be sent too.
 */
import { type ChannelOptions, Client, credentials, type ServiceError } from '@grpc/grpc-js';

const options: ChannelOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.use_local_subchannel_pool': 1,
  // A restarted member is found again at once, and a call waits for that instead of failing.
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 100,
};

export type RawAnswer =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly code: number; readonly text: string };

export class RawClient {
  readonly #client: Client;

  /** `endpoint` is host:port. */
  constructor(readonly endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), options);
  }

  /** Never rejects: a gRPC error is an answer too. `method` is the full path, such as /etcdserverpb.KV/Range. */
  call(method: string, message: Uint8Array, timeoutMs = 30_000): Promise<RawAnswer> {
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        method,
        (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        (bytes: Buffer) => bytes,
        message,
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, bytes?: Buffer) => resolve(answer(error, bytes)),
      );
    });
  }

  /** Resolves once the connection stands; rejects when `deadline` passes first. */
  connect(deadline: Date): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(deadline, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  close(): void {
    this.#client.close();
  }
}

function answer(error: ServiceError | null, bytes: Buffer | undefined): RawAnswer {
  if (error !== null) return { ok: false, code: error.code, text: error.details };
  return { ok: true, bytes: bytes ?? Buffer.alloc(0) };
}
