/**
 * One direction of one lane to one peer: a bidirectional stream that is opened, checked, refilled and reopened for as
 * long as the member runs. Its queue is bounded: what does not fit is dropped and reported, as if the network had lost
 * it. Small messages have a lane of their own, so that heartbeats never wait behind bulk data.
 */
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { type PeerFrame, PeerDefinition } from '@quorate/proto/quorate/internal/peer.js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import type { PeerMessage } from '../node/ports.js';
import { decodeFrame, encodeFrames, helloFrame, type PeerIdentity, type PeerLane, sizeOf } from './peer-frames.js';

export const EXCHANGE_PATH = `/${PeerDefinition.fullName}/${PeerDefinition.methods.exchange.name}`;

/** Everything that bounds one lane. */
const LINK_LIMITS = {
  queueItemsMax: 8_192,
  queueBytesMax: 64 * 1024 * 1024,
  /** One frame carries what has collected, up to about this much. */
  frameBytesMax: 2 * 1024 * 1024,
  handshakeMs: 3_000,
  reconnectMs: 150,
} as const;

/** Largest message a peer may send: a full frame plus one oversized entry. */
export const PEER_MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export const PEER_CHANNEL_OPTIONS = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': PEER_MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': PEER_MESSAGE_BYTES_MAX,
  'grpc.keepalive_time_ms': 2_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.enable_retries': 0,
} as const;

export interface PeerLinkParts {
  readonly identity: PeerIdentity;
  readonly peer: bigint;
  readonly lane: PeerLane;
  /** Where the peer listens, as host:port; at least one, tried in turn. */
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** What was sent last is probably lost. */
  readonly broken: () => void;
}

interface QueuedMessage {
  readonly message: PeerMessage;
  readonly bytes: number;
}

export class PeerLink {
  readonly #parts: PeerLinkParts;
  #client: Client | undefined;
  #stream: ClientDuplexStream<Buffer, Buffer> | undefined;
  /** The peer has said who it is, and it is the one we want. */
  #isOpen = false;
  #isBlocked = false;
  #isFlushing = false;
  #isStopped = false;
  #queue: QueuedMessage[] = [];
  #queueBytes = 0;
  #attempt = 0;
  #retry: Timer | undefined;
  #handshake: Timer | undefined;

  constructor(parts: PeerLinkParts) {
    this.#parts = parts;
  }

  /** The address in use, or to be tried next. */
  get address(): string | undefined {
    const { addresses } = this.#parts;
    return addresses[this.#attempt % addresses.length];
  }

  start(): void {
    this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
    this.#retry?.cancel();
    this.#close();
  }

  /** Dropped while the peer is not there; a full queue is dropped as a whole, like a broken stream. */
  send(message: PeerMessage): void {
    if (!this.#isOpen) return;
    if (this.#queue.length >= LINK_LIMITS.queueItemsMax || this.#queueBytes >= LINK_LIMITS.queueBytesMax) {
      this.#clearQueue();
      this.#parts.broken();
      return;
    }
    const bytes = sizeOf(message);
    this.#queue.push({ message, bytes });
    this.#queueBytes += bytes;
    if (this.#isFlushing || this.#isBlocked) return;
    this.#isFlushing = true;
    // Everything sent in this turn shares a frame.
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const stream = this.#stream;
    while (this.#queue.length > 0 && this.#isOpen && stream !== undefined && !this.#isBlocked) {
      let bytes = 0;
      let count = 0;
      for (const queued of this.#queue) {
        if (count > 0 && bytes + queued.bytes > LINK_LIMITS.frameBytesMax) break;
        bytes += queued.bytes;
        count += 1;
      }
      const messages = this.#queue.splice(0, count).map(({ message }) => message);
      this.#queueBytes -= bytes;
      for (const frame of encodeFrames(messages)) this.#isBlocked = !stream.write(frame) || this.#isBlocked;
    }
  }

  #clearQueue(): void {
    this.#queue = [];
    this.#queueBytes = 0;
  }

  #connect(): void {
    const { identity, peer, lane, clock } = this.#parts;
    const client = new Client(this.address ?? '', credentials.createInsecure(), PEER_CHANNEL_OPTIONS);
    const stream = client.makeBidiStreamRequest(EXCHANGE_PATH, passThrough, passThrough);
    this.#client = client;
    this.#stream = stream;
    stream.on('data', (bytes: Buffer) => {
      try {
        this.#answered(decodeFrame(bytes));
      } catch (error) {
        this.#broke(stream, String(error));
      }
    });
    stream.on('drain', () => {
      this.#isBlocked = false;
      this.#flush();
    });
    stream.on('error', (error: Error) => this.#broke(stream, error.message));
    stream.on('end', () => this.#broke(stream, 'closed by the peer'));
    this.#handshake = clock.setTimer(() => this.#broke(stream, 'no answer'), LINK_LIMITS.handshakeMs);
    stream.write(helloFrame(identity, peer, lane));
  }

  /** The peer's one frame: its own hello. */
  #answered(frame: PeerFrame): void {
    const { identity, peer, logger, lane } = this.#parts;
    this.#handshake?.cancel();
    const hello = frame.frame?.$case === 'hello' ? frame.frame.value : undefined;
    if (hello === undefined || hello.clusterId !== identity.clusterId || hello.from !== peer) {
      logger.error('peer is not who it should be', {
        peer,
        lane,
        clusterId: hello?.clusterId,
        memberId: hello?.from,
      });
      if (this.#stream !== undefined) this.#broke(this.#stream, 'wrong identity');
      return;
    }
    this.#isOpen = true;
    if (lane === 'control') logger.info('peer connected', { peer });
  }

  #broke(stream: ClientDuplexStream<Buffer, Buffer>, reason: string): void {
    if (this.#stream !== stream) return;
    const wasOpen = this.#isOpen;
    this.#close();
    if (this.#isStopped) return;
    const { peer, lane, logger, broken } = this.#parts;
    if (wasOpen) logger.warn('peer stream broke', { peer, lane, reason });
    else logger.debug('peer not reached', { peer, lane, reason });
    broken();
    this.#reconnect();
  }

  #reconnect(): void {
    this.#attempt += 1;
    this.#retry = this.#parts.clock.setTimer(() => this.#connect(), LINK_LIMITS.reconnectMs);
  }

  #close(): void {
    this.#handshake?.cancel();
    const stream = this.#stream;
    this.#stream = undefined;
    this.#isOpen = false;
    this.#isBlocked = false;
    this.#clearQueue();
    stream?.on('error', () => undefined);
    stream?.cancel();
    this.#client?.close();
    this.#client = undefined;
  }
}

export function passThrough(bytes: Buffer): Buffer {
  return bytes;
}
