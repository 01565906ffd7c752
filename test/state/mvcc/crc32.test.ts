import { describe, expect, it } from 'vitest';
import { crc32 } from 'node:zlib';
import { Crc32 } from '../../../server/state/mvcc/crc32.js';

function crcOf(feed: (crc: Crc32) => void): number {
  const crc = new Crc32();
  feed(crc);
  return crc.value;
}

describe('CRC-32', () => {
  it.each([
    ['', 0],
    ['a', 0xe8b7be43],
    ['123456789', 0xcbf43926],
    ['\0\xff\x80', crc32(Buffer.from([0, 0xff, 0x80]))],
  ])('of %j', (text, expected) => {
    expect(crcOf((crc) => crc.bytes(text))).toBe(expected);
  });

  it('does not care how the bytes were cut', () => {
    expect(crcOf((crc) => ['1', '', '23456', '789'].forEach((part) => crc.bytes(part)))).toBe(0xcbf43926);
  });

  it.each([0, 1, 255, 256, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER])(
    'of the integer %d is that of its 8 bytes',
    (value) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt(value));
      expect(crcOf((crc) => crc.integer(value))).toBe(crc32(bytes));
      expect(crcOf((crc) => crc.bigint(BigInt(value)))).toBe(crc32(bytes));
    },
  );

  it.each([-1n, -(1n << 63n), (1n << 63n) - 1n, 1n << 40n])('of the bigint %d is that of its 8 bytes', (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    expect(crcOf((crc) => crc.bigint(value))).toBe(crc32(bytes));
  });
});
