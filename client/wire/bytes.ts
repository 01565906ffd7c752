/** Keys and values as callers give them, and as they come back: bytes of the caller's own, never Node's buffers. */

/** Text stands for its UTF-8 bytes. */
export type Bytes = string | Uint8Array;

export function bufferFrom(value: Bytes): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** A copy: whoever keeps it keeps nothing else alive, and nothing that happens to the original changes it. */
export function copyOf(source: Uint8Array, from: number, to: number): Uint8Array {
  const copy = new Uint8Array(to - from);
  copy.set(source.subarray(from, to));
  return copy;
}
