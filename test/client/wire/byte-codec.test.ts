import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { ByteReader, MalformedMessage } from '../../../client/wire/byte-reader.js';
import { ByteWriter, varintLength } from '../../../client/wire/byte-writer.js';

const numbers = [
  1,
  127,
  128,
  16_383,
  16_384,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 35,
  Number.MAX_SAFE_INTEGER,
];
const bigints = [1n, -1n, 2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];

describe('the byte writer', () => {
  it.each(numbers)('writes %i as others do', (value) => {
    const writer = new ByteWriter();
    writer.number(3, value);
    const others = new BinaryWriter().uint32(24).uint64(BigInt(value)).finish();
    expect([...writer.finish()]).toEqual([...others]);
    expect(varintLength(value)).toBe(others.length - 1);
  });

  it.each(bigints)('writes %s as others do', (value) => {
    const writer = new ByteWriter();
    writer.bigint(20, value);
    expect([...writer.finish()]).toEqual([...new BinaryWriter().uint32(160).int64(value).finish()]);
  });

  it.each([0, 1, 100, 127, 128, 20_000])('writes a message of %i bytes inside a message', (length) => {
    const writer = new ByteWriter();
    const outer = writer.begin(1);
    const inner = writer.begin(2);
    writer.bytes(5, undefined, new Uint8Array(length).fill(7));
    writer.end(inner);
    writer.number(3, 9);
    writer.end(outer);
    const others = new BinaryWriter().uint32(10).fork().uint32(18).fork();
    if (length > 0) others.uint32(42).bytes(new Uint8Array(length).fill(7));
    others.join().uint32(24).uint32(9).join();
    expect([...writer.finish()]).toEqual([...others.finish()]);
  });

  it('leaves alone what it has given away, over many slabs', () => {
    const writer = new ByteWriter();
    const given = [];
    for (let count = 0; count < 300; count += 1) {
      writer.bytes(1, Buffer.from('prefix/'), `${count}:${'é'.repeat(count * 10)}`);
      given.push({ message: writer.finish(), count });
    }
    for (const { message, count } of given) {
      const reader = new ByteReader(message);
      expect(reader.tag()).toBe(10);
      expect(reader.text()).toBe(`prefix/${count}:${'é'.repeat(count * 10)}`);
      expect(reader.isAtEnd).toBe(true);
    }
  });

  it('forgets what is discarded', () => {
    const writer = new ByteWriter();
    writer.number(1, 5);
    writer.discard();
    writer.number(2, 6);
    expect([...writer.finish()]).toEqual([16, 6]);
  });
});

describe('the byte reader', () => {
  it.each(numbers)('reads %i', (value) => {
    expect(new ByteReader(new BinaryWriter().uint64(BigInt(value)).finish()).number()).toBe(value);
  });

  it.each(bigints)('reads %s', (value) => {
    expect(new ByteReader(new BinaryWriter().int64(value).finish()).bigint()).toBe(value);
  });

  it.each([2n ** 53n, 2n ** 63n - 1n, -1n])('takes %s for no number', (value) => {
    expect(() => new ByteReader(new BinaryWriter().int64(value).finish()).number()).toThrow('above 2^53');
  });

  it('skips what it does not know, however it is written', () => {
    const bytes = new BinaryWriter()
      .uint32(8)
      .int64(-1n)
      .uint32(17)
      .fixed64(1n)
      .uint32(26)
      .string('abc')
      .uint32(37)
      .fixed32(1);
    const reader = new ByteReader(bytes.finish());
    while (!reader.isAtEnd) reader.skip(reader.tag());
    expect(reader.at).toBe(reader.end);
  });

  it.each<[string, readonly number[]]>([
    ['a number that ends too early', [8, 0x80]],
    ['bytes beyond the end', [10, 5, 1]],
    ['a fixed field beyond the end', [9, 1, 2]],
    ['an unknown way of writing', [11]],
    ['a number without end', [8, ...Array.from({ length: 12 }, () => 0xff)]],
  ])('refuses %s', (_name, bytes) => {
    const reader = new ByteReader(Uint8Array.from(bytes));
    expect(() => reader.skip(reader.tag())).toThrow(MalformedMessage);
  });

  it('gives away bytes that nothing else touches', () => {
    const source = new BinaryWriter().bytes(Uint8Array.from([1, 2, 3])).finish();
    const bytes = new ByteReader(source).bytes();
    source.fill(0);
    expect(bytes).toEqual(Uint8Array.from([1, 2, 3]));
    expect(Buffer.isBuffer(bytes)).toBe(false);
    expect(new BinaryReader(source).len).toBe(4);
  });
});
