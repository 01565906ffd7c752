/** Members reached by gRPC, each over connections of its own. */
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { GrpcConnection } from './grpc-connection.js';
import type { Connection, Transport } from './transport.js';

/** PEM, as files hold it. */
export interface TlsOptions {
  /** Who vouches for the members. Default: whom Node.js trusts. */
  readonly ca?: string | Uint8Array;
  /** Who this client is, where members want to know: certificate and key together. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name to check the members' certificates against. Default: the host of the endpoint. */
  readonly serverName?: string;
}

/**
 * gRPC's own retries are off: only this package knows what may be sent twice. Its pause between connection attempts grows
 * to two minutes by default, which outlives every lease. A ping each 10 s is what etcd's members allow with open streams.
 */
const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
};

export class GrpcTransport implements Transport {
  readonly #credentials: ChannelCredentials;
  readonly #options: ChannelOptions;

  /** `tls` undefined: without. */
  constructor(tls?: TlsOptions) {
    this.#credentials = tls === undefined ? credentials.createInsecure() : secureCredentials(tls);
    const serverName = tls?.serverName;
    this.#options =
      serverName === undefined
        ? CHANNEL_OPTIONS
        : { ...CHANNEL_OPTIONS, 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
  }

  connect(address: string): Connection {
    return new GrpcConnection(address, this.#credentials, this.#options);
  }
}

function secureCredentials({ ca, cert, key }: TlsOptions): ChannelCredentials {
  const bufferOf = (pem: string | Uint8Array | undefined): Buffer | null =>
    pem === undefined ? null : Buffer.from(pem as Uint8Array);
  return credentials.createSsl(bufferOf(ca), bufferOf(key), bufferOf(cert));
}
