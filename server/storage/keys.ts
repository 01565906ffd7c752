/**
 * The key layout of a member's engine. All numbers are big-endian, so that byte order is number order.
 *
 *   'm' name                                  what this member alone knows: identity, hard state, boot, active, log start
 *   'l' generation u32, index u64             the log
 *   's' generation u32, table u8, ...         the replicated state: applied point, compacted, members, revisions, leases,
 *                                             sessions and their replies, grants
 *
 * A generation is one life of the replicated state and the log together: an installed snapshot begins a new one, and
 * the record 'active' says which one counts. All of one generation's state is one contiguous range with the applied
 * point first, so that one iterator is one consistent cut.
 */
import { WireWriter } from '../lib/wire-writer.js';
import type { LogIndex, NodeId } from '../raft/types.js';
import type { Revision } from '../state/result.js';
import type { KeyRange } from './engine.js';

const LOG_PREFIX = 0x6c;
const STATE_PREFIX = 0x73;
const GENERATION_OFFSET = 1;
const GENERATION_END = 5;

/** The order is that of the tables in a cut; the rebuild of the state relies on it. */
export const stateTable = {
  applied: 1,
  compacted: 2,
  member: 3,
  revision: 4,
  lease: 5,
  sessionClock: 6,
  session: 7,
  reply: 8,
  grantClock: 9,
  grant: 10,
} as const;
const TABLE_END = 11;

export const metaKey = {
  identity: Buffer.from('mIdentity'),
  hardState: Buffer.from('mHardState'),
  boot: Buffer.from('mBoot'),
  /** The generation that counts, with the start of its log: they always switch together. */
  active: Buffer.from('mActive'),
} as const;

export const everyKey: KeyRange = { gte: Buffer.from([0]), lt: Buffer.from([0xff]) };
export const everyStateKey: KeyRange = { gte: Buffer.from([STATE_PREFIX]), lt: Buffer.from([STATE_PREFIX + 1]) };
export const everyLogKey: KeyRange = { gte: Buffer.from([LOG_PREFIX]), lt: Buffer.from([LOG_PREFIX + 1]) };

/** For keys that are no part of a larger piece. */
const writer = new WireWriter();

export const LOG_KEY_BYTES = GENERATION_END + 8;

export function writeLogKey(to: WireWriter, generation: number, index: LogIndex): void {
  to.byte(LOG_PREFIX);
  to.uint32BE(generation);
  to.uint64BE(index);
}

export function logKey(generation: number, index: LogIndex): Buffer {
  writer.begin(LOG_KEY_BYTES);
  writeLogKey(writer, generation, index);
  return writer.take();
}

export function logIndexOf(key: Buffer): LogIndex {
  return readUint64(key, GENERATION_END);
}

/** The log of one generation from `first` on. */
export function logRange(generation: number, first: LogIndex): KeyRange {
  return { gte: logKey(generation, first), lt: logKey(generation + 1, 0) };
}

/**
 * A state record's key without its prefix and generation: table byte and the rest. Checksums and snapshots use this
 * part, so that a record means the same in every generation and on every member.
 */
export function stateSubkey(key: Buffer): Buffer {
  return key.subarray(GENERATION_END);
}

/** Which table of the state a record stands in. */
export function tableOf(key: Buffer): number {
  return key.readUInt8(GENERATION_END);
}

export function stateKey(generation: number, subkey: Buffer): Buffer {
  const key = Buffer.allocUnsafe(GENERATION_END + subkey.length);
  key[0] = STATE_PREFIX;
  key.writeUInt32BE(generation, GENERATION_OFFSET);
  subkey.copy(key, GENERATION_END);
  return key;
}

export const appliedSubkey: Buffer = Buffer.from([stateTable.applied]);
export const compactedSubkey: Buffer = Buffer.from([stateTable.compacted]);

export function memberSubkey(id: NodeId): Buffer {
  const subkey = Buffer.allocUnsafe(9);
  subkey[0] = stateTable.member;
  subkey.writeBigUInt64BE(id, 1);
  return subkey;
}

/** Ids are signed; here they stand as their 64 bits. */
export function leaseSubkey(id: bigint): Buffer {
  const subkey = Buffer.allocUnsafe(9);
  subkey[0] = stateTable.lease;
  subkey.writeBigInt64BE(id, 1);
  return subkey;
}

export const sessionClockSubkey: Buffer = Buffer.from([stateTable.sessionClock]);

export function sessionSubkey(id: number): Buffer {
  writer.begin(9);
  writer.byte(stateTable.session);
  writer.uint64BE(id);
  return writer.take();
}

export const grantClockSubkey: Buffer = Buffer.from([stateTable.grantClock]);

export function grantSubkey(place: number): Buffer {
  writer.begin(9);
  writer.byte(stateTable.grant);
  writer.uint64BE(place);
  return writer.take();
}

/** A session keeps no more replies at one time (WINDOW_REPLIES), so a new one takes the place of an old one. */
export const REPLY_SLOTS = 1024;

const REPLY_SUBKEY_BYTES = 13;
export const REPLY_KEY_BYTES = GENERATION_END + REPLY_SUBKEY_BYTES;

/** The whole key, of which replySubkey is the end. */
export function writeReplyKey(to: WireWriter, generation: number, session: number, sequence: number): void {
  to.byte(STATE_PREFIX);
  to.uint32BE(generation);
  writeReplySubkey(to, session, sequence);
}

export function replySubkey(session: number, sequence: number): Buffer {
  writer.begin(REPLY_SUBKEY_BYTES);
  writeReplySubkey(writer, session, sequence);
  return writer.take();
}

function writeReplySubkey(to: WireWriter, session: number, sequence: number): void {
  to.byte(stateTable.reply);
  to.uint64BE(session);
  to.uint32BE(sequence % REPLY_SLOTS);
}

const REVISION_SUBKEY_BYTES = 13;
export const REVISION_KEY_BYTES = GENERATION_END + REVISION_SUBKEY_BYTES;

/** The whole key, of which revisionSubkey is the end. */
export function writeRevisionKey(to: WireWriter, generation: number, revision: Revision): void {
  to.byte(STATE_PREFIX);
  to.uint32BE(generation);
  writeRevisionSubkey(to, revision);
}

function writeRevisionSubkey(to: WireWriter, { main, sub }: Revision): void {
  to.byte(stateTable.revision);
  to.uint64BE(main);
  to.uint32BE(sub);
}

export function revisionSubkey(revision: Revision): Buffer {
  writer.begin(REVISION_SUBKEY_BYTES);
  writeRevisionSubkey(writer, revision);
  return writer.take();
}

/** Undefined when `subkey` names no revision. */
export function revisionOf(subkey: Buffer): Revision | undefined {
  if (subkey.length !== REVISION_SUBKEY_BYTES || subkey[0] !== stateTable.revision) return undefined;
  return { main: readUint64(subkey, 1), sub: subkey.readUInt32BE(9) };
}

/** The whole state of one generation. */
export function stateRange(generation: number): KeyRange {
  return { gte: stateKey(generation, appliedSubkey), lt: stateKey(generation, Buffer.from([TABLE_END])) };
}

/** The state of one generation without revisions after main revision `upTo`. */
export function stateRangeUpTo(generation: number, upTo: number): KeyRange {
  return {
    gte: stateKey(generation, appliedSubkey),
    lt: stateKey(generation, revisionSubkey({ main: upTo + 1, sub: 0 })),
  };
}

/** The state of one generation without any revision. */
export function stateHeadRange(generation: number): KeyRange {
  return stateRangeUpTo(generation, -1);
}

/** Nothing but revisions: from main revision `from` to `upTo`, both included. */
export function revisionRange(generation: number, from: number, upTo: number): KeyRange {
  return {
    gte: stateKey(generation, revisionSubkey({ main: from, sub: 0 })),
    lt: stateKey(generation, revisionSubkey({ main: upTo + 1, sub: 0 })),
  };
}

function readUint64(source: Buffer, offset: number): number {
  return source.readUInt32BE(offset) * 0x1_0000_0000 + source.readUInt32BE(offset + 4);
}
