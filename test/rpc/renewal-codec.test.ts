/** Renewals written and read by hand are what the generated code writes and reads. */
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '@quorate/proto/etcd/lease.js';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Header } from '../../server/node/member.js';
import { decodeMessage, encodeMessage, MalformedMessage } from '../../server/rpc/codec.js';
import { headerToWire } from '../../server/rpc/kv-answer.js';
import { decodeRenewal, RenewalAnswers } from '../../server/rpc/renewal-codec.js';

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, 1n, 127n, 128n, -1n, 2n ** 31n, 2n ** 32n, 2n ** 63n - 1n, -(2n ** 63n)),
);
const ids = { clusterId: 2n ** 64n - 1n, memberId: 7n };

it('requests name their lease, whatever stands beside it', () => {
  fc.assert(
    fc.property(int64, (ID) => {
      const bytes = encodeMessage(LeaseKeepAliveRequest, { ID });
      expect(decodeRenewal(bytes)).toBe(ID);
      // An unknown field; the lease named twice, of which the last counts.
      expect(decodeRenewal(Buffer.concat([bytes, Buffer.from([0x10, 5])]))).toBe(ID);
      expect(decodeRenewal(Buffer.concat([Buffer.from([0x08, 9]), bytes]))).toBe(ID === 0n ? 9n : ID);
    }),
  );
});

it('any other bytes are read, or refused, as the generated code does it', () => {
  const outcome = (decode: () => bigint): unknown => {
    try {
      return decode();
    } catch (error) {
      return error instanceof MalformedMessage ? error.message : error;
    }
  };
  const bytes = fc.uint8Array({ maxLength: 14 }).map((array) => Buffer.from(array));
  const named = bytes.map((rest) => Buffer.concat([Buffer.from([0x08]), rest]));
  fc.assert(
    fc.property(fc.oneof(bytes, named), (message) => {
      expect(outcome(() => decodeRenewal(message))).toEqual(
        outcome(() => decodeMessage(LeaseKeepAliveRequest, message).ID),
      );
    }),
    { numRuns: 3_000 },
  );
});

it('answers have all that they say, under a header that changes now and then', () => {
  const header: fc.Arbitrary<Header> = fc.record({
    clusterId: fc.constant(ids.clusterId),
    memberId: fc.constant(ids.memberId),
    revision: fc.constantFrom(1, 2, Number.MAX_SAFE_INTEGER),
    raftTerm: fc.constantFrom(1, 2),
  });
  const answer = fc.record({ header, id: int64, ttl: int64 });
  fc.assert(
    fc.property(fc.array(answer), (answers) => {
      const encoder = new RenewalAnswers();
      const encoded = answers.map((each) => encoder.encode(each));
      for (const [at, { header: shown, id, ttl }] of answers.entries()) {
        const message = { header: headerToWire(shown), ID: id, TTL: ttl };
        expect(Buffer.concat(encoded[at] ?? [])).toEqual(encodeMessage(LeaseKeepAliveResponse, message));
      }
    }),
  );
});
