/** The frame that carries entries: one append, written and read by hand as the message in it is. */
import { WireReader } from '../lib/wire-reader.js';
import { varintSize, WireWriter } from '../lib/wire-writer.js';
import { type AppendRequest, appendSize, readAppend, writeAppend } from '../node/append-codec.js';

const FRAME_MESSAGES_TAG = 0x12;
const MESSAGES_MESSAGE_TAG = 0x0a;

const writer = new WireWriter();

export function encodeAppendFrame(message: AppendRequest): Buffer {
  const size = appendSize(message);
  const messagesSize = 1 + varintSize(size) + size;
  writer.begin(1 + varintSize(messagesSize) + messagesSize);
  writer.varintField(FRAME_MESSAGES_TAG, messagesSize);
  writer.varintField(MESSAGES_MESSAGE_TAG, size);
  writeAppend(writer, message);
  return writer.take();
}

/** Undefined for every other frame. Entries keep views of `bytes`. */
export function readAppendFrame(bytes: Buffer): AppendRequest | undefined {
  const reader = new WireReader(bytes);
  reader.expect(FRAME_MESSAGES_TAG);
  if (reader.end() !== bytes.length) return undefined;
  reader.expect(MESSAGES_MESSAGE_TAG);
  return reader.end() === bytes.length ? readAppend(reader, bytes.length) : undefined;
}
