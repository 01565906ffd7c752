/**
 * The frame of every stored record: CRC-32 over key and payload, then the payload. Iterators of the engines do not
 * verify their own checksums, and a value under the wrong key is as wrong as a flipped bit; both end here.
 */
import { crc32 } from 'node:zlib';
import { StorageCorruptionError } from './storage-errors.js';

export const CRC_BYTES = 4;

/** The largest record, frame included: the largest request that a member can be configured to take, and room around. */
export const RECORD_BYTES_MAX = 48 * 1024 * 1024;

/** `key`: of a state record its subkey, else the whole key. */
export function frameRecord(key: Buffer, payload: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(CRC_BYTES + payload.length);
  record.set(payload, CRC_BYTES);
  return sealRecord(key, record);
}

/** Fills in the checksum, for which `record` has left room before its payload. */
export function sealRecord(key: Buffer, record: Buffer): Buffer {
  if (record.length > RECORD_BYTES_MAX) {
    throw new RangeError(`a record of ${record.length} bytes was to be stored, the limit is ${RECORD_BYTES_MAX}`);
  }
  record.writeUInt32BE(checksum(key, record.subarray(CRC_BYTES)), 0);
  return record;
}

/** The payload, a view into `record`. `what` names the record in the StorageCorruptionError. */
export function openRecord(key: Buffer, record: Buffer, what: string, index?: number): Buffer {
  if (!isIntact(key, record)) {
    throw new StorageCorruptionError(`${what} is corrupt: its checksum does not match what is stored`, index);
  }
  return record.subarray(CRC_BYTES);
}

export function isIntact(key: Buffer, record: Buffer): boolean {
  if (record.length < CRC_BYTES) return false;
  return record.readUInt32BE(0) === checksum(key, record.subarray(CRC_BYTES));
}

/** Not asked about an empty payload: over no bytes at no address crc32 forgets what came before. */
function checksum(key: Buffer, payload: Uint8Array): number {
  return payload.length === 0 ? crc32(key) : crc32(payload, crc32(key));
}
