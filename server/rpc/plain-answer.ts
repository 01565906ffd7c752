/**
 * The answers that sessions get by far the most of, as bytes and by hand: to a put that asked for nothing, and to a read.
 * What the generated code makes of the same messages is the measure, and the way for all others.
 */
import { ResponseHeader } from '@quorate/proto/etcd/header.js';
import { bytesFieldSize, varintFieldSize, varintSize, type WireWriter } from '../lib/wire-writer.js';
import type { Header, RangeAnswer } from '../node/member.js';
import type { KeyValue } from '../state/result.js';

export type PlainAnswer =
  | { readonly kind: 'put'; readonly header: Header }
  /** No key of it hangs on a lease. */
  | { readonly kind: 'range'; readonly answer: RangeAnswer };

const tag = { number: 0x08, range: 0x1a, put: 0x22 } as const;
const headerTag = { revision: 0x18, raftTerm: 0x20 } as const;
/** Of a put's answer and of a range's. */
const answerTag = { header: 0x0a, kv: 0x12, more: 0x18, count: 0x20 } as const;
const kvTag = { key: 0x0a, createRevision: 0x10, modRevision: 0x18, version: 0x20, value: 0x2a } as const;
const FLAG_FIELD_BYTES = 2;

/** The ids of a header, which are those of this member every time. */
let ids: { readonly clusterId: bigint; readonly memberId: bigint; readonly bytes: Uint8Array } | undefined;

export function isPlainRange({ kvs }: RangeAnswer): boolean {
  return kvs.every(({ lease }) => lease === 0n);
}

/** How many bytes writePlainReply writes. */
export function plainReplySize(number: number, plain: PlainAnswer): number {
  const size = plain.kind === 'put' ? putSize(plain.header) : rangeSize(plain.answer);
  return varintFieldSize(number) + 1 + varintSize(size) + size;
}

/** The fields of a Reply. */
export function writePlainReply(writer: WireWriter, number: number, plain: PlainAnswer): void {
  if (number > 0) writer.varintField(tag.number, number);
  if (plain.kind === 'put') {
    writer.varintField(tag.put, putSize(plain.header));
    writeHeader(writer, plain.header);
  } else {
    writer.varintField(tag.range, rangeSize(plain.answer));
    writeRange(writer, plain.answer);
  }
}

function putSize(header: Header): number {
  const size = headerSize(header);
  return 1 + varintSize(size) + size;
}

function rangeSize({ header, kvs, more, count }: RangeAnswer): number {
  let size = putSize(header) + (more ? FLAG_FIELD_BYTES : 0) + varintFieldSize(count);
  for (const kv of kvs) {
    const bytes = kvSize(kv);
    size += 1 + varintSize(bytes) + bytes;
  }
  return size;
}

function writeRange(writer: WireWriter, { header, kvs, more, count }: RangeAnswer): void {
  writeHeader(writer, header);
  for (const kv of kvs) {
    writer.varintField(answerTag.kv, kvSize(kv));
    if (kv.key !== '') writer.byteStringField(kvTag.key, kv.key);
    if (kv.createRevision > 0) writer.varintField(kvTag.createRevision, kv.createRevision);
    if (kv.modRevision > 0) writer.varintField(kvTag.modRevision, kv.modRevision);
    if (kv.version > 0) writer.varintField(kvTag.version, kv.version);
    if (kv.value !== '') writer.byteStringField(kvTag.value, kv.value);
  }
  if (more) writer.varintField(answerTag.more, 1);
  if (count > 0) writer.varintField(answerTag.count, count);
}

function kvSize({ key, createRevision, modRevision, version, value }: KeyValue): number {
  const numbers = varintFieldSize(createRevision) + varintFieldSize(modRevision) + varintFieldSize(version);
  return bytesFieldSize(key.length) + numbers + bytesFieldSize(value.length);
}

function headerSize(header: Header): number {
  return idsOf(header).length + varintFieldSize(header.revision) + varintFieldSize(header.raftTerm);
}

function writeHeader(writer: WireWriter, header: Header): void {
  writer.varintField(answerTag.header, headerSize(header));
  writer.raw(idsOf(header));
  if (header.revision > 0) writer.varintField(headerTag.revision, header.revision);
  if (header.raftTerm > 0) writer.varintField(headerTag.raftTerm, header.raftTerm);
}

function idsOf({ clusterId, memberId }: Header): Uint8Array {
  if (ids?.clusterId === clusterId && ids.memberId === memberId) return ids.bytes;
  const bytes = ResponseHeader.encode({ clusterId, memberId, revision: 0n, raftTerm: 0n }).finish();
  ids = { clusterId, memberId, bytes };
  return bytes;
}
