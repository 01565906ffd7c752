import { PutRequest, TxnRequest } from '@quorate/proto/etcd/kv.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { txnRequestShape } from '../../server/rpc/kv-shapes.js';
import { FLAT, wireFault } from '../../server/rpc/wire-check.js';

const put = Buffer.from(PutRequest.encode(PutRequest.fromPartial({ key: Buffer.from('k'), lease: -1n })).finish());

function nested(op: Buffer): Buffer {
  // TxnRequest { success: RequestOp { request_put: op } }
  const requestOp = Buffer.concat([Buffer.from([0x12, op.length]), op]);
  return Buffer.concat([Buffer.from([0x12, requestOp.length]), requestOp]);
}

describe('a well-formed message', () => {
  it('has no fault, whatever it holds', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(bytes, bytes, fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (key, value, lease) => {
        const request = PutRequest.fromPartial({ key, value, lease });
        const txn = TxnRequest.fromPartial({
          success: [{ request: { $case: 'requestPut', value: request } }],
          compare: [{ key, rangeEnd: value }],
        });
        expect(wireFault(PutRequest.encode(request).finish(), FLAT)).toBeUndefined();
        expect(wireFault(TxnRequest.encode(txn).finish(), txnRequestShape)).toBeUndefined();
      }),
    );
  });

  it('may hold unknown fields and balanced groups', () => {
    expect(wireFault(Buffer.from('a3060801a406', 'hex'), FLAT)).toBeUndefined();
    expect(wireFault(Buffer.from('f83f01', 'hex'), FLAT)).toBeUndefined();
  });
});

describe('a malformed message', () => {
  const faults: readonly (readonly [name: string, hex: string, fault: string])[] = [
    ['field number 0', '020161', 'illegal tag 0'],
    ['a lone end-group tag', '2c', 'unexpected end of group 5'],
    ['a group that ends as another', '0b14', 'unexpected end of group 2'],
    ['a group without an end', '0b', 'unexpected EOF'],
    ['wire type 6', '0e', 'illegal wireType 6'],
    ['wire type 7', '0f', 'illegal wireType 7'],
    ['a length beyond the end', '0a0561', 'unexpected EOF'],
    ['a length of 2^63', '0a80808080808080808001', 'unexpected EOF'],
    ['a length of more than 64 bits', '0aff7f80808080808080808001', 'unexpected EOF'],
    ['a varint of more than 64 bits', '18ffffffffffffffffff02', 'integer overflow'],
    ['a varint without an end', '18ff', 'unexpected EOF'],
    ['a varint of eleven bytes', '18ffffffffffffffffffff01', 'integer overflow'],
    ['a fixed number cut short', '0900', 'unexpected EOF'],
  ];
  for (const [name, hex, fault] of faults) {
    const bytes = Buffer.from(hex, 'hex');
    it(`is named: ${name}`, () => {
      expect(wireFault(bytes, FLAT)).toBe(fault);
    });
    it(`is found behind a readable part, and inside an op: ${name}`, () => {
      expect(wireFault(Buffer.concat([put, bytes]), FLAT)).toBeDefined();
      expect(wireFault(nested(Buffer.concat([put, bytes])), txnRequestShape)).toBeDefined();
    });
  }
});
