/**
 * Several gRPC messages in one write of grpc-js. A stream that tells a thousand watchers of one event would spend most
 * of its time on what grpc-js and HTTP/2 do for each write, and little on the messages. Messages come in parts, most of
 * which many messages share: they are put together where the frames are written, and nowhere before.
 *
 * grpc-js frames what its serializer returns by making room for five bytes more than its byteLength, writing the header of
 * one message there and then calling its copy(room, 5). A bundle answers to both, and writes the frames of all its
 * messages over all of that room. test/rpc/message-bundle.test.ts holds this against the grpc-js that is installed.
 */
import { FRAME_HEADER_BYTES, NOT_COMPRESSED } from './one-message.js';

/** The parts of one encoded message, in order. */
export type Message = readonly Uint8Array[];

/** The last message counts whole. */
const bytesMax = 64 * 1024;
const messagesMax = 256;

export class MessageBundle {
  readonly #frames: { readonly message: Message; readonly length: number }[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }
  get isFull(): boolean {
    return this.#bytes >= bytesMax || this.#frames.length >= messagesMax;
  }
  /** Frames included. */
  get bytes(): number {
    return this.#bytes;
  }

  add(message: Message): void {
    let length = 0;
    for (const part of message) length += part.length;
    this.#frames.push({ message, length });
    this.#bytes += FRAME_HEADER_BYTES + length;
  }

  /** One by one, for whoever needs no frames. */
  messages(): readonly Buffer[] {
    return this.#frames.map(({ message }) => Buffer.concat(message));
  }

  // What grpc-js reads of it

  get byteLength(): number {
    return this.#bytes - FRAME_HEADER_BYTES;
  }

  copy(target: Buffer): void {
    let at = 0;
    for (const { message, length } of this.#frames) {
      target[at] = NOT_COMPRESSED;
      target.writeUInt32BE(length, at + 1);
      at += FRAME_HEADER_BYTES;
      for (const part of message) {
        target.set(part, at);
        at += part.length;
      }
    }
  }
}

/** For Server.register(), as the serializer of a method whose responses are bundles, never empty ones. */
export function serializeBundle(bundle: MessageBundle): Buffer {
  // Not a Buffer, but all of one that is looked at.
  return bundle as Pick<Buffer, 'byteLength'> as Buffer;
}
