/**
 * The command that logs are full of: a put without a lease, as the bytes of a LogCommand, written and read by hand. What
 * the generated code makes of the same message is the measure, and the way for every other command.
 */
import { WireReader } from '../lib/wire-reader.js';
import { bytesFieldSize, varintFieldSize, varintSize, WireWriter } from '../lib/wire-writer.js';
import type { PutCommand, Stamp } from '../state/command.js';
import type { LoggedCommand, ProposalId } from './logged-command.js';

const VERSION = 1;
const tag = { version: 0x08, id: 0x12, put: 0x1a, stamp: 0x7a } as const;
const idTag = { member: 0x09, boot: 0x10, seq: 0x18 } as const;
const putTag = { key: 0x0a, value: 0x12, prevKv: 0x20, ignoreValue: 0x28, ignoreLease: 0x30 } as const;
const stampTag = { session: 0x08, sequence: 0x10, settled: 0x18 } as const;
const VERSION_FIELD_BYTES = 2;
const MEMBER_FIELD_BYTES = 9;
const FLAG_FIELD_BYTES = 2;

/** Of its own: commands stay in memory as long as the log keeps them. */
const writer = new WireWriter();

/** `put` has no lease. */
export function encodePut(id: ProposalId, put: PutCommand, stamp?: Stamp): Buffer {
  const { key, value } = put;
  const idSize = MEMBER_FIELD_BYTES + varintFieldSize(id.boot) + varintFieldSize(id.seq);
  const putSize = bytesFieldSize(key.length) + bytesFieldSize(value.length) + flagsOf(put) * FLAG_FIELD_BYTES;
  const stampSize = stamp === undefined ? 0 : sizeOf(stamp);
  const stampFieldSize = stamp === undefined ? 0 : 1 + varintSize(stampSize) + stampSize;
  writer.begin(VERSION_FIELD_BYTES + bytesFieldSize(idSize) + 1 + varintSize(putSize) + putSize + stampFieldSize);
  writer.varintField(tag.version, VERSION);
  writer.varintField(tag.id, idSize);
  writer.byte(idTag.member);
  writer.fixed64(id.member);
  if (id.boot > 0) writer.varintField(idTag.boot, id.boot);
  if (id.seq > 0) writer.varintField(idTag.seq, id.seq);
  writer.varintField(tag.put, putSize);
  if (key !== '') writer.byteStringField(putTag.key, key);
  if (value !== '') writer.byteStringField(putTag.value, value);
  if (put.prevKv) writer.varintField(putTag.prevKv, 1);
  if (put.ignoreValue) writer.varintField(putTag.ignoreValue, 1);
  if (put.ignoreLease) writer.varintField(putTag.ignoreLease, 1);
  if (stamp !== undefined) writeStamp(stamp, stampSize);
  return writer.take();
}

function sizeOf({ session, sequence, settled }: Stamp): number {
  return varintFieldSize(session) + varintFieldSize(sequence) + varintFieldSize(settled);
}

function writeStamp({ session, sequence, settled }: Stamp, size: number): void {
  writer.varintField(tag.stamp, size);
  if (session > 0) writer.varintField(stampTag.session, session);
  if (sequence > 0) writer.varintField(stampTag.sequence, sequence);
  if (settled > 0) writer.varintField(stampTag.settled, settled);
}

function flagsOf({ prevKv, ignoreValue, ignoreLease }: PutCommand): number {
  return Number(prevKv) + Number(ignoreValue) + Number(ignoreLease);
}

/** Undefined for every other command, and for a put that is not written as encodePut does it. */
export function readPut(bytes: Uint8Array): LoggedCommand | undefined {
  const reader = new WireReader(bytes);
  reader.expect(tag.version);
  if (reader.varint() !== VERSION) return undefined;
  reader.expect(tag.id);
  const idEnd = reader.end();
  reader.expect(idTag.member);
  const member = reader.fixed64();
  const boot = reader.has(idTag.boot) ? reader.varint() : 0;
  const seq = reader.has(idTag.seq) ? reader.varint() : 0;
  if (!reader.isAt(idEnd)) return undefined;
  reader.expect(tag.put);
  const end = reader.end();
  const key = reader.has(putTag.key) ? reader.byteString() : '';
  const value = reader.has(putTag.value) ? reader.byteString() : '';
  const prevKv = reader.has(putTag.prevKv) && reader.varint() !== 0;
  const ignoreValue = reader.has(putTag.ignoreValue) && reader.varint() !== 0;
  const ignoreLease = reader.has(putTag.ignoreLease) && reader.varint() !== 0;
  if (!reader.isAt(end)) return undefined;
  const id = { member, boot, seq };
  const command = { kind: 'put', key, value, lease: 0n, prevKv, ignoreValue, ignoreLease } as const;
  if (end === bytes.length) return { id, command };
  const stamp = readStamp(reader, bytes.length);
  return stamp && { id, command, stamp };
}

function readStamp(reader: WireReader, end: number): Stamp | undefined {
  reader.expect(tag.stamp);
  if (reader.end() !== end) return undefined;
  const session = reader.has(stampTag.session) ? reader.varint() : 0;
  const sequence = reader.has(stampTag.sequence) ? reader.varint() : 0;
  const settled = reader.has(stampTag.settled) ? reader.varint() : 0;
  return reader.isAt(end) ? { session, sequence, settled } : undefined;
}
