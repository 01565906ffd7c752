/** Written by hand, replies are byte for byte what the generated code makes of them. */
import { ServerFrame } from '@quorate/proto/quorate/v1/session.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { putToWire, rangeToWire } from '../../server/rpc/kv-answer.js';
import { isPlainRange } from '../../server/rpc/plain-answer.js';
import { type FramedReply, repliesFrame } from '../../server/rpc/session-frames.js';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const byteString = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const header = fc.record({ clusterId: id, memberId: id, revision: number, raftTerm: number });
const numbers = { createRevision: number, modRevision: number, version: number };
const kv = fc.record({ key: byteString, value: byteString, ...numbers, lease: fc.constant(0n) });
const range = fc.record({ header, kvs: fc.array(kv, { maxLength: 3 }), more: fc.boolean(), count: number });

/** As it is written by hand, and as the generated code is to write it. */
const reply = fc.oneof(
  fc.record({ number, header }).map(({ number: of, header: said }) => ({
    framed: { number: of, plain: { kind: 'put', header: said } } satisfies FramedReply,
    wire: {
      number: BigInt(of),
      reply: { $case: 'put', value: putToWire({ header: said, prevKv: undefined }) } as const,
    },
  })),
  fc.record({ number, range }).map(({ number: of, range: answer }) => ({
    framed: { number: of, plain: { kind: 'range', answer } } satisfies FramedReply,
    wire: { number: BigInt(of), reply: { $case: 'range', value: rangeToWire(answer) } as const },
  })),
  number.map((of) => {
    const wire = { number: BigInt(of), reply: { $case: 'void', value: {} } as const };
    return { framed: wire satisfies FramedReply, wire };
  }),
);

test('frames of replies', () => {
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 5 }), (replies) => {
      const value = { replies: replies.map(({ wire }) => wire) };
      const expected = Buffer.from(ServerFrame.encode({ frame: { $case: 'replies', value } }).finish());
      expect(repliesFrame(replies.map(({ framed }) => framed))).toEqual(expected);
    }),
  );
});

test('a key that hangs on a lease is left to the generated code', () => {
  const answer = { header: { clusterId: 1n, memberId: 1n, revision: 1, raftTerm: 1 }, more: false, count: 1 };
  const free = { key: 'k', value: 'v', createRevision: 1, modRevision: 1, version: 1, lease: 0n };
  expect(isPlainRange({ ...answer, kvs: [free] })).toBe(true);
  expect(isPlainRange({ ...answer, kvs: [free, { ...free, lease: 7n }] })).toBe(false);
});
