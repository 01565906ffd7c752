/** Which keys: as callers name them, and as the wire has them. */
import { type Bytes, bufferFrom } from './bytes.js';
import type { ByteWriter } from './byte-writer.js';

/** One key, all keys with a prefix, or all from `start` on, up to but without `end`. */
export type KeyRange = Bytes | { readonly prefix: Bytes } | { readonly start: Bytes; readonly end?: Bytes };

/** On the wire this end means "to the very last key", and this key "from the very first". */
const BOUNDLESS = Buffer.from([0]);
const NOTHING = Buffer.alloc(0);

/** The namespace of a client: what all its keys begin with. Undefined: none. */
export type Namespace = Buffer | undefined;

export function namespaceFrom(prefix: Bytes | undefined): Namespace {
  return prefix === undefined || prefix.length === 0 ? undefined : Buffer.from(bufferFrom(prefix));
}

/** Writes a range into fields 1 and 2 of a request, where all requests about ranges have it. */
export function writeRange(writer: ByteWriter, namespace: Namespace, range: KeyRange): void {
  if (typeof range === 'string' || range instanceof Uint8Array) {
    writer.bytes(1, namespace, range);
    return;
  }
  const { key, rangeEnd } = boundsOf(namespace, range);
  writer.bytes(1, undefined, key);
  writer.bytes(2, undefined, rangeEnd);
}

export function boundsOf(
  namespace: Namespace,
  range: KeyRange,
): { readonly key: Uint8Array; readonly rangeEnd: Uint8Array } {
  const within = (bytes: Bytes): Buffer => Buffer.concat([namespace ?? NOTHING, bufferFrom(bytes)]);
  if (typeof range === 'string' || range instanceof Uint8Array) return { key: within(range), rangeEnd: NOTHING };
  if ('prefix' in range) {
    const prefix = within(range.prefix);
    return { key: prefix.length === 0 ? BOUNDLESS : prefix, rangeEnd: endOfPrefix(prefix) };
  }
  const key = within(range.start);
  const rangeEnd = range.end === undefined ? endOfPrefix(namespace ?? NOTHING) : within(range.end);
  return { key: key.length === 0 ? BOUNDLESS : key, rangeEnd };
}

/** The first key that is above every key with the prefix. */
function endOfPrefix(prefix: Buffer): Buffer {
  for (let last = prefix.length - 1; last >= 0; last -= 1) {
    const byte = prefix[last] ?? 0;
    if (byte < 0xff) return Buffer.concat([prefix.subarray(0, last), Buffer.from([byte + 1])]);
  }
  return BOUNDLESS;
}

/** What of the range comes after a key of it. */
export function rangeAfter(range: Exclude<KeyRange, Bytes>, last: Uint8Array): KeyRange {
  const start = Buffer.concat([last, BOUNDLESS]);
  if ('start' in range) return range.end === undefined ? { start } : { start, end: range.end };
  const end = endOfPrefix(bufferFrom(range.prefix));
  return end === BOUNDLESS ? { start } : { start, end };
}

/** Whether the range can name more than one key. */
export function isSingleKey(range: KeyRange): range is Bytes {
  return typeof range === 'string' || range instanceof Uint8Array;
}
