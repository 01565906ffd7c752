/** What travels between members arrives as it was sent. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PeerMessage } from '../../server/node/ports.js';
import { message } from '../node/arbitraries.js';
import { encodeFrames, laneOf, messagesFrom, sizeOf } from '../../server/rpc/peer-frames.js';

const safe = fc.maxSafeNat();
const id = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const questions: fc.Arbitrary<PeerMessage> = fc.record({
  kind: fc.constant('leaseQuestions' as const),
  boot: safe,
  asks: fc.array(fc.record({ number: safe, id, renew: fc.boolean() }), { maxLength: 5 }),
});
const answers: fc.Arbitrary<PeerMessage> = fc.record({
  kind: fc.constant('leaseAnswers' as const),
  boot: safe,
  answers: fc.array(fc.record({ number: safe, ttlMs: safe, leftMs: safe }), { maxLength: 5 }),
  refused: fc.array(safe, { maxLength: 5 }),
});

describe('frames of the core', () => {
  it('come back in the order in which they were sent; entries have a frame to themselves', () => {
    const raft = message.map((sent): PeerMessage => ({ kind: 'raft', message: sent }));
    fc.assert(
      fc.property(fc.array(fc.oneof(raft, questions), { maxLength: 8 }), (sent) => {
        const frames = encodeFrames(sent);
        expect(frames.flatMap(messagesFrom)).toEqual(sent);
        for (const frame of frames) {
          const inIt = messagesFrom(frame);
          if (inIt.some((one) => laneOf(one) === 'bulk')) expect(inIt).toHaveLength(1);
        }
      }),
    );
  });
});

describe('frames about leases', () => {
  it('come back as they went in, in order, on the lane of small messages', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(questions, answers), { maxLength: 4 }), (messages) => {
        const arrived = encodeFrames(messages).flatMap(messagesFrom);
        expect(arrived).toEqual(messages);
        for (const message of messages) expect(laneOf(message)).toBe('control');
      }),
    );
  });

  it('count by what they carry', () => {
    const ask = { number: 1, id: 1n, renew: true };
    const many: PeerMessage = { kind: 'leaseQuestions', boot: 1, asks: Array.from({ length: 1000 }, () => ask) };
    const bytes = encodeFrames([many]).reduce((sum, frame) => sum + frame.length, 0);
    expect(sizeOf(many)).toBeGreaterThan(bytes);
    const answer = { number: 1, ttlMs: 1, leftMs: 1 };
    const some: PeerMessage = { kind: 'leaseAnswers', boot: 1, answers: [answer], refused: [1, 2] };
    expect(sizeOf(some) - sizeOf({ ...some, refused: [] })).toBe(48);
  });

  it('say whole milliseconds, rounded down', () => {
    const message: PeerMessage = {
      kind: 'leaseAnswers',
      boot: 1,
      answers: [{ number: 1, ttlMs: 5000, leftMs: 4999.9 }],
      refused: [],
    };
    const [frame] = encodeFrames([message]);
    expect(messagesFrom(frame ?? Buffer.alloc(0))).toMatchObject([{ answers: [{ leftMs: 4999 }] }]);
  });
});
