/** Protobuf by hand: the bytes that no correct encoder writes. */

export function varint(value: bigint | number): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  while (left > 0x7fn) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  return Buffer.from([...bytes, Number(left)]);
}

export function tag(field: number, wireType: number): Buffer {
  return varint(field * 8 + wireType);
}

export function varintField(field: number, value: bigint | number): Buffer {
  return Buffer.concat([tag(field, 0), varint(value)]);
}

export function bytesField(field: number, payload: Uint8Array): Buffer {
  return Buffer.concat([tag(field, 2), varint(payload.length), payload]);
}

/** `levels` messages, each the only content of the one around it through the same chain of fields. */
export function nested(levels: number, fields: readonly number[], innermost: Buffer): Buffer {
  const parts = [innermost];
  let length = innermost.length;
  for (let level = 0; level < levels; level += 1) {
    for (const field of fields.toReversed()) {
      const head = Buffer.concat([tag(field, 2), varint(length)]);
      parts.push(head);
      length += head.length;
    }
  }
  return Buffer.concat(parts.toReversed());
}

export function repeated(count: number, element: Buffer): Buffer {
  return Buffer.alloc(count * element.length, element);
}
