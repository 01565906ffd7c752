/** What a codec by hand must get right: numbers of every length, and bytes that are nearly what they should be. */
import fc from 'fast-check';

export const safeNumber = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.tuple(fc.nat(52), fc.integer({ min: -2, max: 2 })).map(([bits, more]) => Math.max(0, 2 ** bits + more)),
);

/** Cut short, continued, or with some bytes changed; sometimes whole. */
export function damaged(whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 });
  const tails = fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ maxLength: 5 }));
  return fc.tuple(whole, changes, fc.nat({ max: 3 }), tails).map(([bytes, changed, cut, tail]) => {
    const result = Buffer.concat([bytes.subarray(0, Math.max(0, bytes.length - cut)), tail]);
    for (const [place, byte] of changed) if (result.length > 0) result[place % result.length] = byte;
    return result;
  });
}
