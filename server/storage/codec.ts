/**
 * The payloads of a member's records: our plain types to bytes and back. Protobuf types stop here. Decoders throw on
 * anything that these encoders cannot have written; `decodeStored` says where it stood.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import * as raftProto from '@quorate/proto/quorate/internal/raft.js';
import * as storageProto from '@quorate/proto/quorate/internal/storage.js';
import { ReusedWriter } from '../lib/reused-writer.js';
import type { ConfState, HardState, SnapshotMeta } from '../raft/types.js';
import type { LeaseInfo, MemberInfo } from '../state/result.js';
import { STORE_FORMAT_VERSION, type MemberIdentity } from './identity.js';
import type { AppliedPoint } from './member-store.js';
import { StorageCorruptionError } from './storage-errors.js';

/** The generation that counts and the start of its log. */
export interface ActiveGeneration {
  readonly generation: number;
  readonly logStart: SnapshotMeta;
}

export interface SnapshotHeader {
  readonly formatVersion: number;
  readonly clusterId: bigint;
  readonly meta: SnapshotMeta;
  readonly revision: number;
}

export interface SnapshotTrailer {
  readonly records: number;
  readonly bytes: number;
  readonly crc: number;
}

/** Runs a decoder on a payload whose checksum was right; what it still refuses is corruption too. */
export function decodeStored<T>(decode: (payload: Buffer) => T, payload: Buffer, what: string, index?: number): T {
  try {
    return decode(payload);
  } catch (error: unknown) {
    throw new StorageCorruptionError(`${what} is corrupt: ${String(error)}`, index, { cause: error });
  }
}

/** For what is written with every request. */
const writer = new ReusedWriter(() => new BinaryWriter());

export function encodeHardState({ term, vote, commit }: HardState): Uint8Array {
  const message: raftProto.HardState = { term: BigInt(term), vote, commit: BigInt(commit) };
  return writer.encode((to) => raftProto.HardState.encode(message, to));
}

export function decodeHardState(payload: Buffer): HardState {
  const { term, vote, commit } = raftProto.HardState.decode(payload);
  return { term: safe(term), vote, commit: safe(commit) };
}

export function encodeApplied({ index, term, conf, revision }: AppliedPoint): Uint8Array {
  const numbers = { index: BigInt(index), term: BigInt(term), revision: BigInt(revision) };
  const message: storageProto.AppliedPoint = { ...numbers, conf: confMessage(conf) };
  return writer.encode((to) => storageProto.AppliedPoint.encode(message, to));
}

export function decodeApplied(payload: Buffer): AppliedPoint {
  const { index, term, conf, revision } = storageProto.AppliedPoint.decode(payload);
  return { index: safe(index), term: safe(term), conf: confFrom(conf), revision: safe(revision) };
}

export function encodeMember({ id, name, peerUrls, clientUrls }: MemberInfo): Uint8Array {
  const urls = { peerUrls: [...peerUrls], clientUrls: [...clientUrls] };
  return storageProto.MemberRecord.encode({ id, name, ...urls }).finish();
}

export function decodeMember(payload: Buffer): MemberInfo {
  const { id, name, peerUrls, clientUrls } = storageProto.MemberRecord.decode(payload);
  return { id, name, peerUrls, clientUrls };
}

export function encodeLease({ id, ttlMs, remainingMs, grantedIndex }: LeaseInfo): Uint8Array {
  const message: storageProto.StoredLease = {
    id,
    ttlMs: BigInt(ttlMs),
    remainingMs: BigInt(remainingMs),
    grantedIndex: BigInt(grantedIndex),
  };
  return writer.encode((to) => storageProto.StoredLease.encode(message, to));
}

export function decodeLease(payload: Buffer): LeaseInfo {
  const { id, ttlMs, remainingMs, grantedIndex } = storageProto.StoredLease.decode(payload);
  return { id, ttlMs: safe(ttlMs), remainingMs: safe(remainingMs), grantedIndex: safe(grantedIndex) };
}

export function encodeActive({ generation, logStart }: ActiveGeneration): Uint8Array {
  return Buffer.concat([uint32(generation), raftProto.SnapshotMeta.encode(snapshotMetaMessage(logStart)).finish()]);
}

export function decodeActive(payload: Buffer): ActiveGeneration {
  return {
    generation: payload.readUInt32BE(0),
    logStart: snapshotMetaFrom(raftProto.SnapshotMeta.decode(payload.subarray(4))),
  };
}

export function encodeIdentity({ clusterId, memberId }: MemberIdentity): Uint8Array {
  return Buffer.concat([uint32(STORE_FORMAT_VERSION), uint64(clusterId), uint64(memberId)]);
}

export function decodeIdentity(payload: Buffer): MemberIdentity & { readonly formatVersion: number } {
  return {
    formatVersion: payload.readUInt32BE(0),
    clusterId: payload.readBigUInt64BE(4),
    memberId: payload.readBigUInt64BE(12),
  };
}

/** One number that is no message of its own: the boot count, the compacted revision. */
export function encodeNumber(value: number): Uint8Array {
  return uint64(BigInt(value));
}

export function decodeNumber(payload: Buffer): number {
  return safe(payload.readBigUInt64BE(0));
}

export function encodeSnapshotHeader({ formatVersion, clusterId, meta, revision }: SnapshotHeader): Uint8Array {
  const numbers = { formatVersion, clusterId, revision: BigInt(revision) };
  return storageProto.SnapshotHeader.encode({ ...numbers, meta: snapshotMetaMessage(meta) }).finish();
}

export function decodeSnapshotHeader(payload: Buffer): SnapshotHeader {
  const { formatVersion, clusterId, meta, revision } = storageProto.SnapshotHeader.decode(payload);
  return { formatVersion, clusterId, meta: snapshotMetaFrom(meta), revision: safe(revision) };
}

export function encodeSnapshotTrailer({ records, bytes, crc }: SnapshotTrailer): Uint8Array {
  return Buffer.concat([uint64(BigInt(records)), uint64(BigInt(bytes)), uint32(crc)]);
}

export function decodeSnapshotTrailer(payload: Buffer): SnapshotTrailer {
  return {
    records: safe(payload.readBigUInt64BE(0)),
    bytes: safe(payload.readBigUInt64BE(8)),
    crc: payload.readUInt32BE(16),
  };
}

/** As members exchange it, and as it is stored. */
export function snapshotMetaMessage({ term, index, conf }: SnapshotMeta): raftProto.SnapshotMeta {
  return { term: BigInt(term), index: BigInt(index), conf: confMessage(conf) };
}

export function snapshotMetaFrom(message: raftProto.SnapshotMeta | undefined): SnapshotMeta {
  if (message === undefined) throw new RangeError('the snapshot point is missing');
  return { term: safe(message.term), index: safe(message.index), conf: confFrom(message.conf) };
}

export function confMessage({ voters, learners }: ConfState): raftProto.ConfState {
  return { voters: [...voters], learners: [...learners] };
}

export function confFrom(message: raftProto.ConfState | undefined): ConfState {
  if (message === undefined) throw new RangeError('the configuration is missing');
  return { voters: message.voters, learners: message.learners };
}

/** Every index, term and revision of ours is a safe integer from 0 on. */
function safe(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} is not a safe integer`);
  return Number(value);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
