import { PutRequest, RangeRequest, TxnRequest } from '@quorate/proto/etcd/kv.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, MalformedMessage, type MessageType } from '../../server/rpc/codec.js';

const int64 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

describe('one reused writer', () => {
  it('gives what a fresh one gives, message after message', () => {
    fc.assert(
      fc.property(bytes, bytes, int64, fc.boolean(), (key, value, lease, prevKv) => {
        const request = PutRequest.fromPartial({ key, value, lease, prevKv });
        const encoded = encodeMessage(PutRequest, request);
        expect(encoded.equals(PutRequest.encode(request).finish())).toBe(true);
        expect(decodeMessage(PutRequest, encoded)).toEqual(request);
      }),
    );
  });

  it('never shares bytes between two results', () => {
    const first = encodeMessage(PutRequest, PutRequest.fromPartial({ key: Buffer.from('first') }));
    const copy = Buffer.from(first);
    encodeMessage(PutRequest, PutRequest.fromPartial({ key: Buffer.from('other') }));
    expect(first.equals(copy)).toBe(true);
  });

  it('is dropped when encoding throws half-way, and when it has grown large', () => {
    const tooWide = RangeRequest.fromPartial({ key: Buffer.from('half'), limit: 2n ** 64n });
    expect(() => encodeMessage(RangeRequest, tooWide)).toThrow('too large');
    const after = PutRequest.fromPartial({ key: Buffer.from('k') });
    expect(encodeMessage(PutRequest, after).equals(PutRequest.encode(after).finish())).toBe(true);
    const large = PutRequest.fromPartial({ value: Buffer.alloc(1_000_000) });
    expect(encodeMessage(PutRequest, large)).toHaveLength(1_000_004);
    expect(encodeMessage(PutRequest, after).equals(PutRequest.encode(after).finish())).toBe(true);
  });
});

describe('decoding', () => {
  const types: readonly MessageType<unknown>[] = [PutRequest, RangeRequest, TxnRequest];

  it('of any bytes gives a message or MalformedMessage, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(...types), (input, type) => {
        try {
          decodeMessage(type, input);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('of a message cut short anywhere inside a field fails as in etcd', () => {
    const whole = encodeMessage(PutRequest, PutRequest.fromPartial({ key: Buffer.from('key') }));
    for (const end of [1, 2, 3, 4]) {
      expect(() => decodeMessage(PutRequest, whole.subarray(0, end))).toThrow(
        'grpc: error unmarshalling request: unexpected EOF',
      );
    }
  });
});
