/**
 * Records of revisions: one for each key that a client writes, on every member. That is why they are written by hand;
 * what the generated code makes of the same message is the measure. They are read at a start and for history only.
 */
import * as storageProto from '@quorate/proto/quorate/internal/storage.js';
import { byteStringFrom } from '../lib/bytes.js';
import { safeInteger } from '../lib/integers.js';
import type { WireWriter } from '../lib/wire-writer.js';
import type { DeleteCause, KeyValue, PutRevision } from '../state/result.js';
import type { StoredRevision } from './member-store.js';

const tag = {
  key: 0x0a,
  value: 0x12,
  createRevision: 0x18,
  modRevision: 0x20,
  version: 0x28,
  lease: 0x30,
  tombstone: 0x38,
  deleteCause: 0x40,
} as const;

/** Tags, lengths and numbers. */
const OVERHEAD_BYTES_MAX = 64;

/** writeRevision writes no more than that. */
export function revisionSizeMax({ kv }: PutRevision): number {
  return kv.key.length + kv.value.length + OVERHEAD_BYTES_MAX;
}

export function writeRevision(writer: WireWriter, { kv, tombstone, cause }: PutRevision): void {
  if (!tombstone) {
    writePut(writer, kv);
    return;
  }
  writeKey(writer, kv);
  writeModRevision(writer, kv);
  writer.varintField(tag.tombstone, 1);
  if (cause !== undefined) writer.varintField(tag.deleteCause, causeCodes[cause]);
}

function writePut(writer: WireWriter, kv: KeyValue): void {
  const { value, createRevision, version, lease } = kv;
  writeKey(writer, kv);
  if (value !== '') writer.byteStringField(tag.value, value);
  if (createRevision > 0) writer.varintField(tag.createRevision, createRevision);
  writeModRevision(writer, kv);
  if (version > 0) writer.varintField(tag.version, version);
  if (lease === 0n) return;
  writer.byte(tag.lease);
  writer.varint64(lease);
}

function writeKey(writer: WireWriter, { key }: KeyValue): void {
  if (key !== '') writer.byteStringField(tag.key, key);
}

function writeModRevision(writer: WireWriter, { modRevision }: KeyValue): void {
  if (modRevision > 0) writer.varintField(tag.modRevision, modRevision);
}

const causeCodes = {
  delete: storageProto.DeleteCause.DELETE,
  txn: storageProto.DeleteCause.TXN,
  leaseExpired: storageProto.DeleteCause.LEASE_EXPIRED,
  leaseRevoked: storageProto.DeleteCause.LEASE_REVOKED,
} as const satisfies Record<DeleteCause, storageProto.DeleteCause>;

/** In the snapshot of a newer member there may be causes that this one does not know: those it cannot tell. */
function causeOf(code: storageProto.DeleteCause): DeleteCause | undefined {
  switch (code) {
    case storageProto.DeleteCause.DELETE:
      return 'delete';
    case storageProto.DeleteCause.TXN:
      return 'txn';
    case storageProto.DeleteCause.LEASE_EXPIRED:
      return 'leaseExpired';
    case storageProto.DeleteCause.LEASE_REVOKED:
      return 'leaseRevoked';
    default:
      return undefined;
  }
}

export function decodeRevision(payload: Buffer): Omit<StoredRevision, 'revision'> {
  const stored = storageProto.StoredKeyValue.decode(payload);
  const kv = {
    key: byteStringFrom(stored.key),
    value: byteStringFrom(stored.value),
    createRevision: safeInteger(stored.createRevision),
    modRevision: safeInteger(stored.modRevision),
    version: safeInteger(stored.version),
    lease: stored.lease,
  };
  const cause = causeOf(stored.deleteCause);
  return { tombstone: stored.tombstone, kv, ...(cause !== undefined && { cause }) };
}
