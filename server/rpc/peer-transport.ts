/**
 * Members talk to each other over gRPC on the peer port. Each pair keeps two streams in either direction, one for small
 * messages and one for entries, and a stream of its own for a snapshot. Both sides check cluster and member id before
 * anything else is said.
 */
import {
  Client,
  type ClientWritableStream,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { PeerDefinition, SnapshotChunk, SnapshotReply } from '@quorate/proto/quorate/internal/peer.js';
import type { Clock } from '../lib/clock.js';
import { safeInteger } from '../lib/integers.js';
import type { Logger } from '../lib/logger.js';
import type { OutgoingSnapshot, PeerMessage, PeerReceiver, PeerTransport } from '../node/ports.js';
import { decodeMessage, encodeMessage } from './codec.js';
import {
  decodeFrame,
  hello,
  helloFrame,
  helloRefusal,
  laneOf,
  messagesFrom,
  type PeerIdentity,
  type PeerLane,
} from './peer-frames.js';
import { ListenError } from './listeners.js';
import { EXCHANGE_PATH, PEER_CHANNEL_OPTIONS, passThrough, PeerLink } from './peer-link.js';

const SNAPSHOT_PATH = `/${PeerDefinition.fullName}/${PeerDefinition.methods.installSnapshot.name}`;
const LANES: readonly PeerLane[] = ['control', 'bulk'];
/** A snapshot that makes no progress for this long is given up. */
const SNAPSHOT_STALL_MS = 30_000;

export interface PeerTransportParts {
  readonly identity: PeerIdentity;
  /** host:port to listen on. */
  readonly listen: readonly string[];
  /** host:port of each other member that this one dials, tried in turn. */
  readonly peers: ReadonlyMap<bigint, readonly string[]>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class GrpcPeerTransport implements PeerTransport {
  readonly #parts: PeerTransportParts;
  readonly #server = new Server({ ...PEER_CHANNEL_OPTIONS, 'grpc.max_concurrent_streams': 1_000 });
  readonly #links = new Map<bigint, Readonly<Record<PeerLane, PeerLink>>>();
  readonly #ports: number[] = [];
  #receiver: PeerReceiver | undefined;

  constructor(parts: PeerTransportParts) {
    this.#parts = parts;
    const stream = { requestStream: true, requestSerialize: passThrough, requestDeserialize: passThrough };
    const answer = { responseSerialize: passThrough, responseDeserialize: passThrough };
    this.#server.addService(
      {
        exchange: { path: EXCHANGE_PATH, ...stream, ...answer, responseStream: true },
        installSnapshot: { path: SNAPSHOT_PATH, ...stream, ...answer, responseStream: false },
      },
      {
        exchange: (call: ServerDuplexStream<Buffer, Buffer>) => this.#exchange(call),
        installSnapshot: (call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
          this.#takeSnapshot(call).then(
            (index) => reply(null, encodeMessage(SnapshotReply, { index: BigInt(index) })),
            (error: unknown) => reply({ code: status.FAILED_PRECONDITION, details: String(error) }),
          );
        },
      },
    );
  }

  /** Taken ports, in the order of `listen`. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  /** Binds before anything is dialled. Rejects with ListenError when an address is taken. */
  async listen(): Promise<void> {
    for (const address of this.#parts.listen) {
      const port = await new Promise<number>((resolve, reject) => {
        this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
          if (error === null) resolve(bound);
          else reject(new ListenError(address, error));
        });
      });
      this.#ports.push(port);
    }
  }

  async start(receiver: PeerReceiver): Promise<void> {
    this.#receiver = receiver;
    const { peers, identity, clock, logger } = this.#parts;
    for (const [peer, addresses] of peers) {
      const link = (lane: PeerLane): PeerLink =>
        new PeerLink({ identity, peer, lane, addresses, clock, logger, broken: () => receiver.unreachable(peer) });
      const links = { control: link('control'), bulk: link('bulk') };
      this.#links.set(peer, links);
      for (const lane of LANES) links[lane].start();
    }
  }

  send(to: bigint, message: PeerMessage): void {
    this.#links.get(to)?.[laneOf(message)].send(message);
  }

  async sendSnapshot(to: bigint, snapshot: OutgoingSnapshot): Promise<number> {
    const address = this.#links.get(to)?.control.address;
    if (address === undefined) throw new Error(`no address of member ${to.toString(16)}`);
    const client = new Client(address, credentials.createInsecure(), PEER_CHANNEL_OPTIONS);
    try {
      return await this.#stream(client, to, snapshot);
    } finally {
      client.close();
    }
  }

  async stop(): Promise<void> {
    for (const links of this.#links.values()) for (const lane of LANES) links[lane].stop();
    this.#receiver = undefined;
    this.#server.forceShutdown();
  }

  #stream(client: Client, to: bigint, snapshot: OutgoingSnapshot): Promise<number> {
    const { identity, clock } = this.#parts;
    return new Promise<number>((resolve, reject) => {
      const call = client.makeClientStreamRequest(SNAPSHOT_PATH, passThrough, passThrough, (error, reply?: Buffer) => {
        stall.cancel();
        if (error !== null || reply === undefined) reject(error ?? new Error('no reply'));
        else resolve(safeInteger(decodeMessage(SnapshotReply, reply).index));
      });
      const giveUp = (): void => call.cancel();
      let stall = clock.setTimer(giveUp, SNAPSHOT_STALL_MS);
      const progress = (): void => {
        stall.cancel();
        stall = clock.setTimer(giveUp, SNAPSHOT_STALL_MS);
      };
      const opening = { hello: hello(identity, to, 'snapshot'), term: BigInt(snapshot.term) };
      call.write(encodeMessage(SnapshotChunk, { chunk: { $case: 'opening', value: opening } }));
      this.#pump(call, snapshot, progress).then(
        () => call.end(),
        (error: unknown) => {
          call.cancel();
          reject(error);
        },
      );
    });
  }

  /** No faster than the receiver takes it. */
  async #pump(call: ClientWritableStream<Buffer>, snapshot: OutgoingSnapshot, progress: () => void): Promise<void> {
    let isOver = false;
    call.once('error', () => {
      isOver = true;
    });
    while (!isOver) {
      const data = await snapshot.nextChunk();
      if (data === undefined) return;
      const hasRoom = call.write(encodeMessage(SnapshotChunk, { chunk: { $case: 'data', value: data } }));
      if (!hasRoom) {
        await new Promise<void>((resolve) => {
          for (const event of ['drain', 'error', 'close', 'finish']) call.once(event, () => resolve());
        });
      }
      progress();
    }
  }

  #exchange(call: ServerDuplexStream<Buffer, Buffer>): void {
    let from: bigint | undefined;
    call.on('error', () => undefined);
    call.on('end', () => call.end());
    call.on('data', (bytes: Buffer) => {
      try {
        if (from === undefined) from = this.#greet(call, decodeFrame(bytes).frame);
        else this.#deliver(from, messagesFrom(bytes));
      } catch (error) {
        this.#refuse(call, String(error));
      }
    });
  }

  /** Answers the hello. Undefined when the caller is refused. */
  #greet(call: ServerDuplexStream<Buffer, Buffer>, frame: ReturnType<typeof decodeFrame>['frame']): bigint | undefined {
    const { identity } = this.#parts;
    const greeting = frame?.$case === 'hello' ? frame.value : undefined;
    const refusal = helloRefusal(greeting, identity, (id) => this.#parts.peers.has(id));
    if (refusal !== undefined || greeting === undefined) {
      this.#refuse(call, refusal ?? 'no hello');
      return undefined;
    }
    call.write(helloFrame(identity, greeting.from, greeting.lane));
    return greeting.from;
  }

  #deliver(from: bigint, messages: readonly PeerMessage[]): void {
    for (const message of messages) {
      // Nobody speaks for another member.
      if (message.kind === 'raft' && message.message.from !== from) continue;
      this.#receiver?.receive(from, message);
    }
  }

  #refuse(call: ServerDuplexStream<Buffer, Buffer>, reason: string): void {
    this.#parts.logger.error('peer refused', { peer: call.getPeer(), reason });
    call.emit('error', { code: status.FAILED_PRECONDITION, details: reason });
  }

  async #takeSnapshot(call: ServerReadableStream<Buffer, Buffer>): Promise<number> {
    const receiver = this.#receiver;
    if (receiver === undefined) throw new Error('this member is not serving');
    const chunks = chunksOf(call);
    const first = await chunks.next();
    const opening = first.done !== true && first.value.chunk?.$case === 'opening' ? first.value.chunk.value : undefined;
    const refusal = helloRefusal(opening?.hello, this.#parts.identity, (id) => this.#parts.peers.has(id));
    if (opening?.hello === undefined || refusal !== undefined) throw new Error(refusal);
    return receiver.receiveSnapshot({
      from: opening.hello.from,
      term: safeInteger(opening.term),
      chunks: dataOf(chunks),
    });
  }
}

/** A member's snapshot stream as messages. Ends with an error when the sender goes away before its end. */
async function* chunksOf(call: ServerReadableStream<Buffer, Buffer>): AsyncGenerator<SnapshotChunk, undefined> {
  for await (const bytes of call) yield decodeMessage(SnapshotChunk, bytes);
  if (call.cancelled) throw new Error('the sender went away');
  return undefined;
}

async function* dataOf(chunks: AsyncGenerator<SnapshotChunk, undefined>): AsyncGenerator<Buffer, undefined> {
  for await (const { chunk } of chunks) if (chunk?.$case === 'data') yield chunk.value;
  return undefined;
}
