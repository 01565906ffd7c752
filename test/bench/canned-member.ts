/**
 * Stands in for a member of any program, to find out how much the audience alone can take. What it says was made
 * beforehand; each event has a message and a frame of its own, which is the most laborious way to be told.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { WatchResponse } from '@quorate/proto/etcd/watch.js';

export interface CannedOptions {
  readonly streamsPerConnection: number;
  readonly watchersPerStream: number;
  readonly revisions: number;
  readonly valueBytes: number;
}

const frameHeaderBytes = 9;
const messageHeaderBytes = 5;
/** An empty SETTINGS frame. */
const greeting = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

export class CannedMember {
  readonly #server: Server;
  readonly #events: Buffer;
  readonly #connections: Socket[] = [];

  private constructor(options: CannedOptions) {
    this.#events = eventsOf(options);
    const opening = Buffer.concat([greeting, toEach(options, { created: true })]);
    this.#server = createServer((socket) => {
      this.#connections.push(socket);
      // It is cut off when all is told.
      socket.on('error', () => undefined);
      socket.resume().write(opening);
    });
  }

  static async start(options: CannedOptions): Promise<CannedMember> {
    const member = new CannedMember(options);
    await new Promise<void>((resolve) => member.#server.listen(0, '127.0.0.1', resolve));
    return member;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return `127.0.0.1:${address.port}`;
  }

  /** Tells every watcher of every connection of all revisions. */
  play(): void {
    for (const socket of this.#connections) socket.write(this.#events);
  }

  end(): void {
    for (const socket of this.#connections) socket.destroy();
    this.#server.close();
  }
}

function eventsOf(options: CannedOptions): Buffer {
  const key = Buffer.from('hot');
  const value = Buffer.alloc(options.valueBytes, 'v');
  const revisions = Array.from({ length: options.revisions }, (_, place) => {
    const modRevision = BigInt(1_000 + place);
    const event = { kv: { key, value, createRevision: 1_000n, modRevision, version: BigInt(place + 1) } };
    const header = { clusterId: 1n << 62n, memberId: 1n << 62n, revision: modRevision, raftTerm: 2n };
    return toEach(options, { header, events: [event] });
  });
  return Buffer.concat(revisions);
}

/** The message for each watcher of one connection's streams. */
function toEach(options: CannedOptions, message: Parameters<typeof WatchResponse.fromPartial>[0]): Buffer {
  const frames: Buffer[] = [];
  for (let watcher = 0; watcher < options.watchersPerStream; watcher += 1) {
    const bytes = WatchResponse.encode(WatchResponse.fromPartial({ ...message, watchId: BigInt(watcher) })).finish();
    for (let stream = 0; stream < options.streamsPerConnection; stream += 1)
      frames.push(frameOf(2 * stream + 1, bytes));
  }
  return Buffer.concat(frames);
}

function frameOf(stream: number, message: Uint8Array): Buffer {
  const header = Buffer.alloc(frameHeaderBytes + messageHeaderBytes);
  header.writeUIntBE(messageHeaderBytes + message.length, 0, 3);
  header.writeUInt32BE(stream, 5);
  header.writeUInt32BE(message.length, frameHeaderBytes + 1);
  return Buffer.concat([header, message]);
}
