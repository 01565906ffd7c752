/**
 * One HTTP/2 connection that carries gRPC streams, as bare as a load generator may be: it speaks just enough of RFC 9113
 * to open streams, send small messages and read large amounts of them. Its windows are opened wide once, so it is TCP
 * alone that slows a member down.
 *
 * node:http2 makes JavaScript work for every DATA frame, and some programs send a frame for each message: the reader would
 * then be what is measured.
 */
import { connect, type Socket } from 'node:net';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const frameHeaderBytes = 9;
const messageHeaderBytes = 5;
const frameTypes = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const flags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8 } as const;
const settings = { headerTableSize: 1, enablePush: 2, initialWindowSize: 4 } as const;
const windowMax = 2 ** 31 - 1;
const firstConnectionWindow = 65_535;
const nothing = Buffer.alloc(0);

/** `bytes` holds the message from `start` to `end`, and is the connection's again afterwards. */
export type OnMessage = (stream: number, bytes: Buffer, start: number, end: number) => void;

export interface ConnectionEvents {
  readonly message: OnMessage;
  /** The connection or one of its streams ended, whoever ended it. */
  readonly ended: (reason: string) => void;
}

/** The part of a gRPC message that has come, as long as the rest is missing. */
interface Partial {
  pieces: Buffer[];
  bytes: number;
}

export class GrpcConnection {
  readonly #socket: Socket;
  readonly #authority: string;
  readonly #events: ConnectionEvents;
  readonly #partials = new Map<number, Partial>();
  #rest: Buffer = nothing;
  #nextStream = 1;

  /** `endpoint` is host:port. */
  constructor(endpoint: string, events: ConnectionEvents) {
    this.#authority = endpoint;
    this.#events = events;
    const { hostname, port } = new URL(`http://${endpoint}`);
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('error', (error) => events.ended(error.message));
    this.#socket.on('close', () => events.ended('the connection was closed'));
    this.#socket.write(preface);
    this.#send(frameTypes.settings, 0, 0, settingsBytes());
    this.#send(frameTypes.windowUpdate, 0, 0, uint32(windowMax - firstConnectionWindow));
  }

  /** `path` such as /etcdserverpb.Watch/Watch. Returns the stream's number. */
  open(path: string): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#send(frameTypes.headers, flags.endHeaders, stream, headerBlock(path, this.#authority));
    return stream;
  }

  /** All messages together must fit the window that a peer opens at first, 64 KiB: this sends requests, not data. */
  send(stream: number, message: Uint8Array): void {
    const header = Buffer.alloc(messageHeaderBytes);
    header.writeUInt32BE(message.length, 1);
    this.#send(frameTypes.data, 0, stream, Buffer.concat([header, message]));
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #send(type: number, flag: number, stream: number, payload: Buffer): void {
    const header = Buffer.alloc(frameHeaderBytes);
    header.writeUIntBE(payload.length, 0, 3);
    header[3] = type;
    header[4] = flag;
    header.writeUInt32BE(stream, 5);
    this.#socket.write(Buffer.concat([header, payload]));
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + frameHeaderBytes <= bytes.length) {
      const payloadAt = at + frameHeaderBytes;
      const end = payloadAt + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5) & windowMax;
      this.#take(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, stream, bytes.subarray(payloadAt, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #take(type: number, flag: number, stream: number, payload: Buffer): void {
    const isEnd = type === frameTypes.headers && (flag & flags.endStream) !== 0;
    if (type === frameTypes.data) {
      if ((flag & flags.padded) !== 0) throw new Error('a padded frame');
      this.#takeData(stream, payload);
    } else if (type === frameTypes.settings && (flag & flags.ack) === 0) {
      this.#send(frameTypes.settings, flags.ack, 0, nothing);
    } else if (type === frameTypes.ping && (flag & flags.ack) === 0) {
      this.#send(frameTypes.ping, flags.ack, 0, payload);
    } else if (isEnd || type === frameTypes.reset || type === frameTypes.goAway) {
      this.#events.ended(`stream ${stream} was ended by a frame of type ${type}`);
    }
  }

  #takeData(stream: number, payload: Buffer): void {
    const partial = this.#partials.get(stream);
    if (partial === undefined) {
      this.#takeMessages(stream, payload);
      return;
    }
    partial.pieces.push(payload);
    partial.bytes += payload.length;
    if (!isWhole(partial)) return;
    this.#partials.delete(stream);
    this.#takeMessages(stream, Buffer.concat(partial.pieces));
  }

  #takeMessages(stream: number, bytes: Buffer): void {
    let at = 0;
    while (at + messageHeaderBytes <= bytes.length) {
      const start = at + messageHeaderBytes;
      const end = start + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      if (bytes[at] !== 0) throw new Error('a compressed message');
      this.#events.message(stream, bytes, start, end);
      at = end;
    }
    if (at < bytes.length) this.#partials.set(stream, { pieces: [bytes.subarray(at)], bytes: bytes.length - at });
  }
}

/** Whether concatenating brings a message out: long ones come in many pieces. */
function isWhole({ pieces, bytes }: Partial): boolean {
  const first = pieces[0] ?? nothing;
  if (first.length < messageHeaderBytes) {
    pieces.splice(0, pieces.length, Buffer.concat(pieces));
    return bytes >= messageHeaderBytes && isWhole({ pieces, bytes });
  }
  return bytes >= messageHeaderBytes + first.readUInt32BE(1);
}

function settingsBytes(): Buffer {
  const wanted = [
    // Nothing of the peer's header compression has to be understood: its headers are not read.
    [settings.headerTableSize, 0],
    [settings.enablePush, 0],
    [settings.initialWindowSize, windowMax],
  ] as const;
  return Buffer.concat(wanted.map(([name, value]) => Buffer.concat([Buffer.from([0, name]), uint32(value)])));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** RFC 7541: entries of the static table where there are any, everything else as plain text, nothing remembered. */
function headerBlock(path: string, authority: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x83, 0x86]),
    Buffer.from([0x04]),
    plainText(path),
    Buffer.from([0x01]),
    plainText(authority),
    Buffer.from([0x0f, 0x10]),
    plainText('application/grpc'),
    Buffer.from([0x00]),
    plainText('te'),
    plainText('trailers'),
  ]);
}

function plainText(text: string): Buffer {
  if (text.length >= 127) throw new Error(`too long for one byte of length: ${text}`);
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
}
