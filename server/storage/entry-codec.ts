/**
 * Entries of the log as bytes: on the disk, and between members, where they travel as they are stored. Every write of a
 * client passes here several times on every member, so this is done by hand. What the generated code makes of the same
 * message is the measure, and the way for what is rare.
 */
import * as raftProto from '@quorate/proto/quorate/internal/raft.js';
import { safeInteger } from '../lib/integers.js';
import { WireReader } from '../lib/wire-reader.js';
import { bytesFieldSize, varintFieldSize, type WireWriter } from '../lib/wire-writer.js';
import type { ConfState, Entry } from '../raft/types.js';
import { confFrom, confMessage } from './codec.js';

const tag = { term: 0x08, index: 0x10, kind: 0x18, data: 0x22 } as const;
const KIND_FIELD_BYTES = 2;

const kindCodes = {
  normal: raftProto.EntryKind.NORMAL,
  noop: raftProto.EntryKind.NOOP,
  conf: raftProto.EntryKind.CONF,
} as const;

/** How many bytes writeEntry writes. */
export function entrySize(entry: Entry): number {
  const { term, index, data } = entry;
  const size = varintFieldSize(term) + varintFieldSize(index) + KIND_FIELD_BYTES + bytesFieldSize(data.length);
  return entry.kind === 'conf' ? size + confField(entry.conf).length : size;
}

export function writeEntry(writer: WireWriter, entry: Entry): void {
  const { term, index, kind, data } = entry;
  if (term > 0) writer.varintField(tag.term, term);
  if (index > 0) writer.varintField(tag.index, index);
  writer.varintField(tag.kind, kindCodes[kind]);
  if (data.length > 0) writer.bytesField(tag.data, data);
  if (kind === 'conf') writer.raw(confField(entry.conf));
}

/** As the generated code writes it; it comes last. */
function confField(conf: ConfState): Uint8Array {
  const nothingElse = { term: 0n, index: 0n, kind: raftProto.EntryKind.UNSPECIFIED, data: Buffer.alloc(0) };
  return raftProto.Entry.encode({ ...nothingElse, conf: confMessage(conf) }).finish();
}

/** `data` is a view: the payload belongs to the entry from now on. */
export function decodeEntry(payload: Buffer): Entry {
  return readEntry(new WireReader(payload), payload.length) ?? entryFrom(raftProto.Entry.decode(payload));
}

/** Up to `end`; `data` is a view. Undefined for what is not written as nearly all entries are. */
export function readEntry(reader: WireReader, end: number): Entry | undefined {
  reader.expect(tag.term);
  const term = reader.varint();
  reader.expect(tag.index);
  const index = reader.varint();
  reader.expect(tag.kind);
  const kindCode = reader.varint();
  reader.expect(tag.data);
  const data = reader.bytes();
  return kindCode === kindCodes.normal && reader.isAt(end) ? { term, index, kind: 'normal', data } : undefined;
}

function entryFrom({ term, index, kind, data, conf }: raftProto.Entry): Entry {
  const base = { term: safeInteger(term), index: safeInteger(index), data };
  switch (kind) {
    case raftProto.EntryKind.NORMAL:
      return { ...base, kind: 'normal' };
    case raftProto.EntryKind.NOOP:
      return { ...base, kind: 'noop' };
    case raftProto.EntryKind.CONF:
      return { ...base, kind: 'conf', conf: confFrom(conf) };
    default:
      throw new RangeError(`an entry of the unknown kind ${kind}`);
  }
}
