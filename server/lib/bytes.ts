/**
 * Keys and values inside the state machine are byte strings: one character (U+0000 to U+00FF) for each byte. Compared
 * with `<` they sort bytewise, they work as Map keys, and they cost no ArrayBuffer each. Bytes become byte strings at
 * the doors and the codecs, nowhere else.
 */
export type ByteString = string;

export function byteStringFrom(bytes: Uint8Array): ByteString {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1');
}

export function bytesFrom(text: ByteString): Buffer {
  return Buffer.from(text, 'latin1');
}

export function compareByteStrings(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function compareBigints(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
