/**
 * The chunks of a snapshot on their way between two members: one header, any number of record chunks, one trailer.
 *
 *   magic u32 | kind u8 | sequence u32 | payload bytes u32 | crc u32 | payload          all numbers big-endian
 *   payload of a record chunk:  (subkey bytes u16 | record bytes u32 | subkey | record) ...
 *
 * The crc covers everything before it and the payload. Every length is checked against what is there before it is used.
 */
import { crc32 } from 'node:zlib';
import { RECORD_BYTES_MAX } from './record.js';
import { SnapshotError } from './storage-errors.js';

export const SNAPSHOT_FORMAT_VERSION = 1;

/** A record chunk is sent when it has reached this; a chunk is at most this plus one record. */
export const CHUNK_BYTES_TARGET = 256 * 1024;

const MAGIC = 0x51_52_53_31;
const CRC_OFFSET = 13;
const FRAME_BYTES = 17;
const RECORD_HEAD_BYTES = 6;
const SUBKEY_BYTES_MAX = 64;

/** Larger chunks are refused unread. The peer transport has to let this much through. */
export const CHUNK_BYTES_MAX: number =
  FRAME_BYTES + CHUNK_BYTES_TARGET + RECORD_HEAD_BYTES + SUBKEY_BYTES_MAX + RECORD_BYTES_MAX;

const kindCodes = { header: 1, records: 2, trailer: 3 } as const;
export type ChunkKind = keyof typeof kindCodes;

export interface Chunk {
  readonly kind: ChunkKind;
  readonly sequence: number;
  readonly payload: Buffer;
}

export interface SnapshotRecord {
  readonly subkey: Buffer;
  readonly record: Buffer;
}

export function frameChunk(kind: ChunkKind, sequence: number, payload: Uint8Array): Buffer {
  const chunk = Buffer.allocUnsafe(FRAME_BYTES + payload.length);
  chunk.writeUInt32BE(MAGIC, 0);
  chunk.writeUInt8(kindCodes[kind], 4);
  chunk.writeUInt32BE(sequence, 5);
  chunk.writeUInt32BE(payload.length, 9);
  chunk.set(payload, FRAME_BYTES);
  chunk.writeUInt32BE(checksum(chunk), CRC_OFFSET);
  return chunk;
}

export function openChunk(chunk: Buffer): Chunk {
  if (chunk.length > CHUNK_BYTES_MAX) {
    throw new SnapshotError('TOO_LARGE', `a chunk of ${chunk.length} bytes, the limit is ${CHUNK_BYTES_MAX}`);
  }
  if (chunk.length < FRAME_BYTES || chunk.readUInt32BE(0) !== MAGIC) {
    throw new SnapshotError('MALFORMED', `${chunk.length} bytes that are no snapshot chunk`);
  }
  const payloadBytes = chunk.readUInt32BE(9);
  if (payloadBytes !== chunk.length - FRAME_BYTES) {
    const text = `a chunk says it carries ${payloadBytes} bytes and carries ${chunk.length - FRAME_BYTES}`;
    throw new SnapshotError('SIZE_MISMATCH', text);
  }
  const sequence = chunk.readUInt32BE(5);
  if (chunk.readUInt32BE(CRC_OFFSET) !== checksum(chunk)) {
    throw new SnapshotError('BAD_CHECKSUM', `chunk ${sequence} is not what was sent: its checksum does not match`);
  }
  return { kind: kindOf(chunk.readUInt8(4)), sequence, payload: chunk.subarray(FRAME_BYTES) };
}

export function frameRecords(records: readonly SnapshotRecord[]): Buffer {
  const parts: Buffer[] = [];
  for (const { subkey, record } of records) {
    const head = Buffer.allocUnsafe(RECORD_HEAD_BYTES);
    head.writeUInt16BE(subkey.length, 0);
    head.writeUInt32BE(record.length, 2);
    parts.push(head, subkey, record);
  }
  return Buffer.concat(parts);
}

/** The records of a payload, as views into it. */
export function openRecords(payload: Buffer): readonly SnapshotRecord[] {
  const records: SnapshotRecord[] = [];
  let offset = 0;
  while (offset < payload.length) {
    if (payload.length - offset < RECORD_HEAD_BYTES) throw new SnapshotError('MALFORMED', 'a record ends in its head');
    const subkeyBytes = payload.readUInt16BE(offset);
    const recordBytes = payload.readUInt32BE(offset + 2);
    const start = offset + RECORD_HEAD_BYTES;
    const left = payload.length - start;
    if (subkeyBytes > SUBKEY_BYTES_MAX || recordBytes > RECORD_BYTES_MAX || subkeyBytes + recordBytes > left) {
      const text = `a record says it has ${subkeyBytes} and ${recordBytes} bytes, ${left} are there`;
      throw new SnapshotError('SIZE_MISMATCH', text);
    }
    const end = start + subkeyBytes + recordBytes;
    records.push({
      subkey: payload.subarray(start, start + subkeyBytes),
      record: payload.subarray(start + subkeyBytes, end),
    });
    offset = end;
  }
  return records;
}

function kindOf(code: number): ChunkKind {
  switch (code) {
    case kindCodes.header:
      return 'header';
    case kindCodes.records:
      return 'records';
    case kindCodes.trailer:
      return 'trailer';
    default:
      throw new SnapshotError('UNKNOWN_FORMAT', `a chunk of the unknown kind ${code}`);
  }
}

function checksum(chunk: Buffer): number {
  return crc32(chunk.subarray(FRAME_BYTES), crc32(chunk.subarray(0, CRC_OFFSET)));
}
