/** What is written by hand is what protobuf writes, and comes back; what is no such thing leaves the reader lost. */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { WireReader } from '../../server/lib/wire-reader.js';
import { bytesFieldSize, varintFieldSize, varintSize, WireWriter } from '../../server/lib/wire-writer.js';

/** Around every power of two, where lengths change. */
const safe = fc.oneof(
  fc.maxSafeNat(),
  fc.tuple(fc.nat(52), fc.integer({ min: -2, max: 2 })).map(([bits, more]) => Math.max(0, 2 ** bits + more)),
);
/** Of every length, and around every power of two. */
const int64 = fc
  .tuple(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer({ min: 0, max: 63 }), fc.nat(2))
  .map(([value, shift, form]) =>
    form === 0 ? value >> BigInt(shift) : BigInt.asIntN(64, (1n << BigInt(shift)) - BigInt(form - 1)),
  );
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

function written(bytesMax: number, write: (writer: WireWriter) => void, writer = new WireWriter()): Buffer {
  writer.begin(bytesMax);
  write(writer);
  return writer.take();
}

function generated(write: (writer: BinaryWriter) => void): Buffer {
  const writer = new BinaryWriter();
  write(writer);
  return Buffer.from(writer.finish());
}

describe('a wire writer', () => {
  it('writes numbers as protobuf does, in as many bytes as it says', () => {
    fc.assert(
      fc.property(safe, (value) => {
        const piece = written(10, (writer) => writer.varint(value));
        expect(piece).toEqual(generated((writer) => writer.uint64(BigInt(value))));
        expect(varintSize(value)).toBe(piece.length);
        expect(varintFieldSize(value)).toBe(value === 0 ? 0 : 1 + piece.length);
        expect(new BinaryReader(written(8, (writer) => writer.uint64BE(value)).reverse()).fixed64()).toBe(
          BigInt(value),
        );
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(int64, (value) => {
        expect(written(10, (writer) => writer.varint64(value))).toEqual(generated((writer) => writer.int64(value)));
        const unsigned = BigInt.asUintN(64, value);
        const piece = written(8, (writer) => writer.fixed64(unsigned));
        expect(piece).toEqual(generated((writer) => writer.fixed64(unsigned)));
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses numbers that protobuf would write as others', () => {
    for (const value of [-1, 0.5, 2 ** 53, NaN, Infinity]) {
      expect(() => written(10, (writer) => writer.varint(value))).toThrow(InvariantError);
    }
  });

  it('writes fields as protobuf does, in as many bytes as it says', () => {
    fc.assert(
      fc.property(bytes, safe, (content, value) => {
        const piece = written(700, (writer) => {
          writer.bytesField(0x0a, content);
          writer.byteStringField(0x12, content.toString('latin1'));
          writer.varintField(0x18, value);
          writer.raw(content);
        });
        const expected = generated((writer) => {
          writer.uint32(0x0a).bytes(content).uint32(0x12).bytes(content).uint32(0x18).uint64(BigInt(value));
          writer.raw(content);
        });
        expect(piece).toEqual(expected);
        const field = written(400, (writer) => writer.bytesField(0x0a, content));
        expect(bytesFieldSize(content.length)).toBe(content.length === 0 ? 0 : field.length);
      }),
    );
  });

  it('gives pieces that nothing written later touches, small ones and large ones in any order', () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 0, max: 10_000 }), fc.nat(50)), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, (wanted) => {
        const writer = new WireWriter();
        const pieces = wanted.map(([size, unused], at) => {
          const half = size >>> 1;
          writer.begin(size + unused);
          writer.raw(Buffer.alloc(half, at));
          const first = writer.take();
          writer.raw(Buffer.alloc(size - half, at));
          return Buffer.concat([first, writer.take()]);
        });
        expect(pieces.every((piece, at) => piece.equals(Buffer.alloc(wanted[at]?.[0] ?? 0, at)))).toBe(true);
      }),
    );
    const writer = new WireWriter();
    const kept = Array.from({ length: 5000 }, (_, at) => written(50, (to) => to.uint64BE(at), writer));
    expect(kept.every((piece, at) => Number(piece.readBigUInt64BE()) === at)).toBe(true);
    expect(new Set(kept.map(({ buffer }) => buffer)).size).toBeLessThan(10);
  });

  it('forgets what was begun and not taken, and notices a piece that is longer than was said', () => {
    const writer = new WireWriter();
    writer.begin(10);
    writer.varint(1);
    expect(written(10, (to) => to.varint(2), writer)).toEqual(Buffer.from([2]));
    expect(() => written(1, (to) => to.varint(300), writer)).toThrow(InvariantError);
    expect(written(10, (to) => to.varint(3), writer)).toEqual(Buffer.from([3]));
  });
});

describe('a wire reader', () => {
  it('reads back what a writer wrote', () => {
    const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(bytes, safe, id, int64, (content, value, fixed, signed) => {
        const piece = written(800, (writer) => {
          writer.varintField(0x08, value);
          writer.byte(0x11);
          writer.fixed64(fixed);
          writer.bytesField(0x1a, content);
          writer.byteStringField(0x22, content.toString('latin1'));
          writer.byte(0x28);
          writer.varint64(signed);
        });
        const reader = new WireReader(new Uint8Array(piece));
        expect(reader.has(0x10)).toBe(false);
        expect(reader.has(0x08) && reader.varint()).toBe(value);
        expect(reader.has(0x11) && reader.fixed64()).toBe(fixed);
        expect(reader.has(0x1a) && reader.bytes()).toEqual(content);
        expect(reader.has(0x22) && reader.byteString()).toBe(content.toString('latin1'));
        expect(reader.has(0x28) && reader.varint64()).toBe(signed);
        expect(reader.isAt(piece.length)).toBe(true);
      }),
    );
  });

  it('is lost, and stays so, where bytes are missing or a number is no safe integer', () => {
    const lost: readonly (readonly [readonly number[], (reader: WireReader) => unknown])[] = [
      [[], (reader) => reader.varint()],
      [[0x80], (reader) => reader.varint()],
      [[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10], (reader) => reader.varint()],
      [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], (reader) => reader.varint()],
      [[0xff, 0xff, 0xff], (reader) => reader.varint64()],
      [[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02], (reader) => reader.varint64()],
      [[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], (reader) => reader.varint64()],
      [[1, 2, 3, 4, 5, 6, 7], (reader) => reader.fixed64()],
      [[4, 1, 2, 3], (reader) => reader.bytes()],
      [[4, 1, 2, 3], (reader) => reader.byteString()],
      [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], (reader) => reader.bytes()],
      [[0x10], (reader) => reader.expect(0x08)],
    ];
    for (const [content, read] of lost) {
      const reader = new WireReader(Buffer.from(content));
      read(reader);
      expect(reader.isAt(content.length)).toBe(false);
      expect(reader.has(0x08)).toBe(false);
      expect(reader.varint()).toBe(0);
    }
    const largest = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    expect(new WireReader(largest).varint()).toBe(Number.MAX_SAFE_INTEGER);
  });
});
