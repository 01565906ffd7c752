/** Between the generated code, which knows whole messages, and requests and readers, which share buffers. */
import type { AnswerReader } from './answer-reader.js';

/** The same bytes. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What is left of the answer's message, which is read then. */
export function restOf(reader: AnswerReader): Uint8Array {
  const rest = reader.buffer.subarray(reader.at, reader.end);
  reader.at = reader.end;
  return rest;
}
