import { LogBatch, LogCommand } from '@quorate/proto/quorate/internal/command.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { encodeCommand } from '../../server/node/command-codec.js';
import { batchLengths, commandsIn, encodeBatch } from '../../server/node/entry-batch.js';
import { LIMITS } from '../../server/node/limits.js';

const half = LIMITS.batchBytesMax / 2;

function commands(...sizes: readonly (number | 'alone')[]) {
  return sizes.map((size) => ({ data: Buffer.alloc(size === 'alone' ? 1 : size), isBatchable: size !== 'alone' }));
}

function encoded(seq: number, key = 'k'): Buffer {
  const put = { key, value: 'v', lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  return encodeCommand({ member: 1n, boot: 1, seq }, { kind: 'put', ...put });
}

describe('which commands share an entry', () => {
  it('fills entries in order, up to the limit', () => {
    expect(batchLengths(commands(half, half, 1, 1))).toEqual([2, 2]);
    expect(batchLengths(commands(1, LIMITS.batchBytesMax, 1))).toEqual([1, 1, 1]);
    expect(batchLengths([])).toEqual([]);
  });

  it('leaves those alone that must be, and what is larger than the limit', () => {
    expect(batchLengths(commands(1, 1, 'alone', 1, 1))).toEqual([2, 1, 2]);
    expect(batchLengths(commands('alone', 'alone', 1))).toEqual([1, 1, 1]);
    expect(batchLengths(commands(1, 3 * half, 1))).toEqual([1, 1, 1]);
  });

  it('takes each command once, however they come', () => {
    const sizes = fc.array(fc.oneof(fc.constant('alone' as const), fc.integer({ min: 1, max: LIMITS.batchBytesMax })));
    fc.assert(
      fc.property(sizes, (drawn) => {
        const lengths = batchLengths(commands(...drawn));
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(drawn.length);
        expect(lengths.every((length) => length > 0)).toBe(true);
      }),
    );
  });
});

describe('commands in one entry', () => {
  it('are what the generated code reads, and it writes the same bytes', () => {
    const parts = [encoded(1), encoded(2, 'x'.repeat(500)), encoded(3)];
    const read = LogBatch.decode(encodeBatch(parts));
    expect(read.commands).toEqual(parts.map((part) => LogCommand.decode(part)));
    expect(Buffer.from(LogBatch.encode(read).finish())).toEqual(encodeBatch(parts));
  });

  it('come back in their order', () => {
    const parts = [encoded(1), encoded(2), encoded(3)];
    expect(commandsIn(encodeBatch(parts)).map((part) => Buffer.from(part))).toEqual(parts);
  });

  it('a single one stands there as it is', () => {
    expect(encodeBatch([encoded(1)])).toEqual(encoded(1));
    expect(commandsIn(encoded(1))).toEqual([encoded(1)]);
    expect(commandsIn(Buffer.alloc(0))).toEqual([Buffer.alloc(0)]);
  });

  it('refuses a batch that is cut off', () => {
    const whole = encodeBatch([encoded(1), encoded(2)]);
    expect(() => commandsIn(whole.subarray(0, whole.length - 1))).toThrow(InvariantError);
  });
});
