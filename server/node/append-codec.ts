/**
 * The message that carries entries, as the bytes of a RaftMessage. It goes to each follower with every write of a
 * client, so it is written and read by hand. What the generated code makes of it is the measure; that reads what is rare.
 */
import type { WireReader } from '../lib/wire-reader.js';
import { varintFieldSize, varintSize, type WireWriter } from '../lib/wire-writer.js';
import type { AppendRequest, Entry } from '../raft/types.js';
import { entrySize, readEntry, writeEntry } from '../storage/entry-codec.js';

export type { AppendRequest };

const tag = { from: 0x09, to: 0x11, term: 0x18, appendRequest: 0x32 } as const;
const appendTag = { prevIndex: 0x08, prevTerm: 0x10, entry: 0x1a, commit: 0x20 } as const;
/** `from` and `to`. */
const ADDRESS_BYTES = 18;

/** How many bytes writeAppend writes. */
export function appendSize(message: AppendRequest): number {
  const size = requestSize(message);
  return ADDRESS_BYTES + varintFieldSize(message.term) + 1 + varintSize(size) + size;
}

function requestSize({ prevIndex, prevTerm, entries, commit }: AppendRequest): number {
  let size = varintFieldSize(prevIndex) + varintFieldSize(prevTerm) + varintFieldSize(commit);
  for (const entry of entries) {
    const bytes = entrySize(entry);
    size += 1 + varintSize(bytes) + bytes;
  }
  return size;
}

export function writeAppend(writer: WireWriter, message: AppendRequest): void {
  const { from, to, term, prevIndex, prevTerm, entries, commit } = message;
  writer.byte(tag.from);
  writer.fixed64(from);
  writer.byte(tag.to);
  writer.fixed64(to);
  if (term > 0) writer.varintField(tag.term, term);
  writer.varintField(tag.appendRequest, requestSize(message));
  if (prevIndex > 0) writer.varintField(appendTag.prevIndex, prevIndex);
  if (prevTerm > 0) writer.varintField(appendTag.prevTerm, prevTerm);
  for (const entry of entries) {
    writer.varintField(appendTag.entry, entrySize(entry));
    writeEntry(writer, entry);
  }
  if (commit > 0) writer.varintField(appendTag.commit, commit);
}

/** Up to `end`; data of entries are views. Undefined for other messages, and for what is not written as nearly all are. */
export function readAppend(reader: WireReader, end: number): AppendRequest | undefined {
  reader.expect(tag.from);
  const from = reader.fixed64();
  reader.expect(tag.to);
  const to = reader.fixed64();
  const term = reader.has(tag.term) ? reader.varint() : 0;
  reader.expect(tag.appendRequest);
  if (reader.end() !== end) return undefined;
  const prevIndex = reader.has(appendTag.prevIndex) ? reader.varint() : 0;
  const prevTerm = reader.has(appendTag.prevTerm) ? reader.varint() : 0;
  const entries: Entry[] = [];
  while (reader.has(appendTag.entry)) {
    const entry = readEntry(reader, reader.end());
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  const commit = reader.has(appendTag.commit) ? reader.varint() : 0;
  return reader.isAt(end) ? { type: 'appendRequest', from, to, term, prevIndex, prevTerm, entries, commit } : undefined;
}
