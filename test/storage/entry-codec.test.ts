/** Entries by hand: the bytes are those of the generated code, and so is what is read from any bytes. */
import * as wire from '@quorate/proto/quorate/internal/raft.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireReader } from '../../server/lib/wire-reader.js';
import { WireWriter } from '../../server/lib/wire-writer.js';
import type { Entry } from '../../server/raft/types.js';
import { decodeStored } from '../../server/storage/codec.js';
import { decodeEntry, entrySize, readEntry, writeEntry } from '../../server/storage/entry-codec.js';
import { damaged, safeNumber } from './wire-arbitraries.js';

const id = fc.bigInt({ min: 1n, max: 0xffff_ffff_ffff_ffffn });
const data = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const common = { term: safeNumber, index: safeNumber, data };
const conf = fc.record({ voters: fc.array(id), learners: fc.array(id) });
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ ...common, kind: fc.constant('normal' as const) }),
  fc.record({ ...common, kind: fc.constant('noop' as const) }),
  fc.record({ ...common, kind: fc.constant('conf' as const), conf }),
);

function encode(written: Entry): Buffer {
  const writer = new WireWriter();
  writer.begin(entrySize(written));
  writeEntry(writer, written);
  return writer.take();
}

function generated(written: Entry): Buffer {
  const kind = { normal: wire.EntryKind.NORMAL, noop: wire.EntryKind.NOOP, conf: wire.EntryKind.CONF }[written.kind];
  const message: wire.Entry = {
    term: BigInt(written.term),
    index: BigInt(written.index),
    kind,
    data: Buffer.from(written.data),
    conf:
      written.kind === 'conf' ? { voters: [...written.conf.voters], learners: [...written.conf.learners] } : undefined,
  };
  return Buffer.from(wire.Entry.encode(message).finish());
}

describe('entries', () => {
  it('are written as the generated code writes them, in as many bytes as was said', () => {
    fc.assert(
      fc.property(entry, (written) => {
        const bytes = encode(written);
        expect(bytes).toEqual(generated(written));
        expect(entrySize(written)).toBe(bytes.length);
        expect(encode({ ...written, data: new Uint8Array(written.data) })).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it('come back as they were', () => {
    fc.assert(
      fc.property(entry, (written) => {
        expect(decodeEntry(encode(written))).toEqual(written);
      }),
    );
  });

  it('that are common are read by hand', () => {
    const bytes = encode({ kind: 'normal', term: 3, index: 300, data: Buffer.from('data') });
    expect(readEntry(new WireReader(bytes), bytes.length)).toEqual(decodeEntry(bytes));
  });

  it('are read by hand as the generated code reads them, or left to it, whatever the bytes are', () => {
    fc.assert(
      fc.property(damaged(entry.map(encode)), (bytes) => {
        const read = readEntry(new WireReader(bytes), bytes.length);
        if (read === undefined) return;
        const { term, index, kind, data: bare, conf: none } = wire.Entry.decode(bytes);
        expect(read).toEqual({ term: Number(term), index: Number(index), kind: 'normal', data: bare });
        expect([kind, none]).toEqual([wire.EntryKind.NORMAL, undefined]);
      }),
      { numRuns: 3000 },
    );
  });

  it('that no member can have written are refused', () => {
    const hugeTerm = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x18, 1];
    for (const payload of [[], [0x18, 9], [0x18, 3], hugeTerm]) {
      expect(() => decodeStored(decodeEntry, Buffer.from(payload), 'it', 7)).toThrowError(
        expect.objectContaining({ name: 'StorageCorruptionError', index: 7 }),
      );
    }
  });
});
