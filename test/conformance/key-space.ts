/**
 * The keys, range ends and values that generated calls use: few, so that calls meet, and odd, so that byte order,
 * prefixes and the special range ends are all met.
 */
import type { Draw } from './draw.js';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

export const noBytes = Buffer.alloc(0);
/** As range end: every key from the start of the range on. */
export const openEnd = latin1('\x00');

const keys: readonly [Buffer, ...Buffer[]] = [
  latin1('a'),
  ...['\x00', '\x00\x00', '\x01', 'A', 'a\x00', 'a\x00b', 'aa', 'ab', 'a\xff', 'a\xff\xff', 'b', 'b/1'].map(latin1),
  ...['b/2', 'b/3', 'b/30', 'b/\xff', 'c', '\x7f', '\x80', 'caf\xc3\xa9', '\xfe', '\xff', '\xff\x00'].map(latin1),
  ...['\xff\xff', '\xff\xff\xff', 'k'.repeat(300)].map(latin1),
];

const values: readonly [Buffer, ...Buffer[]] = [
  noBytes,
  ...['\x00', '0', 'v', 'v', 'v\x00', 'w', '\xff', '\xff\xff', 'value \xe2\x82\xac'].map(latin1),
];

/** Where oversized values go: a key that is deleted at once, or every later answer would carry megabytes. */
export const bigKey = latin1('big');

export function drawKey(draw: Draw): Buffer {
  if (draw.chance(10)) return noBytes;
  return draw.pick(keys);
}

export function drawValue(draw: Draw): Buffer {
  if (draw.chance(150)) return draw.bytes(draw.below(40));
  if (draw.chance(15)) return Buffer.alloc(draw.between(500, 5000), draw.below(256));
  return draw.pick(values);
}

/** Every form of range end; an inverted or empty range is as legal as a full one. */
export function drawRangeEnd(draw: Draw, key: Buffer): Buffer {
  return draw.weighted(
    [35, () => noBytes],
    [12, () => openEnd],
    [20, () => prefixEnd(key)],
    [20, () => draw.pick(keys)],
    [4, () => key],
    [4, () => Buffer.concat([key, openEnd])],
    [5, () => latin1('\xff\xff\xff\xff')],
  );
}

/** The end of the range of all keys that start with `prefix`, as clients compute it. */
export function prefixEnd(prefix: Buffer): Buffer {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) return openEnd;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}
