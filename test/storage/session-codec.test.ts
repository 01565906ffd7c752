/** What a session is told stands on the disk word for word: told again after a restart it is the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WireWriter } from '../../server/lib/wire-writer.js';
import type { ErrorCode } from '../../server/lib/quorate-error.js';
import type { CommandResult, KeyValue, SessionReply, TxnOpResult } from '../../server/state/result.js';
import { WINDOW_REPLIES } from '../../server/state/session/session-limits.js';
import { isPlain, PLAIN_REPLY_BYTES_MAX, writePlainReply } from '../../server/storage/plain-reply.js';
import { REPLY_SLOTS } from '../../server/storage/keys.js';
import * as codec from '../../server/storage/session-codec.js';
import { range } from '../node/arbitraries.js';

const number = fc.oneof(fc.nat(9), fc.maxSafeNat());
const byteString = fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const keyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: byteString,
  value: byteString,
  createRevision: number,
  modRevision: number,
  version: number,
  lease: int64,
});
const prevKv = fc.option(keyValue, { nil: undefined });
const prevKvs = fc.array(keyValue, { maxLength: 3 });
const kind = <K extends string>(name: K): fc.Arbitrary<K> => fc.constant(name);

const { op } = fc.letrec<{ op: TxnOpResult }>((tie) => ({
  op: fc.oneof(
    { depthSize: 'small' },
    fc.record({ kind: kind('put'), revision: number, prevKv }),
    fc.record({ kind: kind('deleteRange'), revision: number, deleted: number, prevKvs }),
    fc.record({ kind: kind('range'), revision: number, query: range, at: fc.record({ main: number, sub: number }) }),
    fc.record({ kind: kind('txn'), succeeded: fc.boolean(), results: fc.array(tie('op'), { maxLength: 3 }) }),
  ),
}));
const result: fc.Arbitrary<CommandResult> = fc.oneof(
  fc.record({ kind: kind('put'), prevKv }),
  fc.record({ kind: kind('deleteRange'), deleted: number, prevKvs }),
  fc.record({ kind: kind('txn'), succeeded: fc.boolean(), results: fc.array(op, { maxLength: 4 }) }),
  fc.record({ kind: kind('leaseGrant'), id: int64, ttlMs: number }),
  fc.record({ kind: fc.constantFrom('compact' as const, 'leaseRevoke' as const, 'void' as const) }),
);
const code = fc.constantFrom<ErrorCode[]>('KEY_NOT_FOUND', 'COMPACTED', 'REPLY_TOO_LARGE');
const reply: fc.Arbitrary<SessionReply> = fc.record({
  session: number,
  sequence: number,
  settled: number,
  contactMs: number,
  revision: number,
  outcome: fc.oneof(
    fc.record({ ok: fc.constant(true as const), result }),
    fc.record({ ok: fc.constant(false as const), code, detail: fc.string({ unit: 'grapheme' }) }),
  ),
});

function readsBack<T>(
  arbitrary: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Buffer) => T,
): void {
  fc.assert(
    fc.property(arbitrary, (value) => {
      expect(decode(Buffer.from(encode(value)))).toEqual(value);
    }),
    { numRuns: 1000 },
  );
}

describe('sessions read back as they were written', () => {
  test('replies', () => readsBack(reply, codec.encodeReply, codec.decodeReply));
  test('sessions', () => {
    const numbers = { id: number, ttlMs: number, settled: number, applied: number, contactMs: number };
    const session = fc.record({ ...numbers, clientName: fc.string({ unit: 'grapheme' }) });
    readsBack(session, codec.encodeSession, codec.decodeSession);
  });
  test('their clock', () => {
    const clock = fc.record({ timeMs: number, lastId: number });
    readsBack(clock, codec.encodeSessionClock, codec.decodeSessionClock);
  });
});

test('what is no write of a session is not stored as one, and a reply without an outcome is none', () => {
  const whole = { session: 1, sequence: 1, settled: 0, contactMs: 0, revision: 1 };
  const outcome = { ok: true, result: { kind: 'leaseCheckpoint' } } as const;
  expect(() => codec.encodeReply({ ...whole, outcome })).toThrow(RangeError);
  expect(() => codec.decodeReply(Buffer.alloc(0))).toThrow(RangeError);
});

test('as many replies have places of their own as a session keeps', () => {
  expect(REPLY_SLOTS).toBe(WINDOW_REPLIES);
});

test('the reply to a plain put, written by hand, is what the generated code makes of it', () => {
  const outcome = fc.constant({ ok: true, result: { kind: 'put', prevKv: undefined } } as const);
  const plain = fc.record({
    session: number,
    sequence: number,
    settled: number,
    contactMs: number,
    revision: number,
    outcome,
  });
  const writer = new WireWriter();
  fc.assert(
    fc.property(plain, (stored) => {
      for (const reply of [stored, { ...stored, before: 1 }, { ...stored, before: 1_023 }]) {
        writer.begin(PLAIN_REPLY_BYTES_MAX);
        writePlainReply(writer, reply);
        expect(writer.take()).toEqual(Buffer.from(codec.encodeReply(reply)));
        expect(codec.decodeReply(Buffer.from(codec.encodeReply(reply)))).toEqual(reply);
      }
    }),
  );
  fc.assert(
    fc.property(reply, (stored) => {
      expect(isPlain(stored)).toBe(
        stored.outcome.ok && stored.outcome.result.kind === 'put' && !stored.outcome.result.prevKv,
      );
    }),
  );
});
