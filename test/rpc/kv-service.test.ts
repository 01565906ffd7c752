import {
  CompactionRequest,
  Compare,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KVDefinition,
  PutRequest,
  RangeRequest,
  RangeResponse,
  type RequestOp,
  TxnRequest,
  TxnResponse,
} from '@quorate/proto/etcd/kv.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { silentLogger } from '../../server/lib/logger.js';
import { QuorateError } from '../../server/lib/quorate-error.js';
import type { KeyValue } from '../../server/state/result.js';
import { answerBytesMax } from '../../server/rpc/large-answer.js';
import { encodeMessage } from '../../server/rpc/codec.js';
import { Door, type Refused, refusalOf } from './door.js';
import { header } from './fake-member.js';

const { range, put, deleteRange, txn, compact } = KVDefinition.methods;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

let door: Door;
beforeAll(async () => {
  door = await Door.open();
});
afterAll(() => door.close());
beforeEach(() => {
  door.member.asked.length = 0;
});

type Fields<T extends { fromPartial(object: never): unknown }> = Parameters<T['fromPartial']>[0];
const rangeOp = (fields: Fields<typeof RangeRequest>): RequestOp => ({
  request: { $case: 'requestRange', value: RangeRequest.fromPartial(fields) },
});
const putOp = (fields: Fields<typeof PutRequest>): RequestOp => ({
  request: { $case: 'requestPut', value: PutRequest.fromPartial(fields) },
});
const deleteOp = (fields: Fields<typeof DeleteRangeRequest>): RequestOp => ({
  request: { $case: 'requestDeleteRange', value: DeleteRangeRequest.fromPartial(fields) },
});
const txnOp = (fields: Fields<typeof TxnRequest>): RequestOp => ({
  request: { $case: 'requestTxn', value: TxnRequest.fromPartial(fields) },
});
const opWithNothing: RequestOp = { request: undefined };
const key = bytes('k');
const puts = (count: number): RequestOp[] => Array.from({ length: count }, (_, n) => putOp({ key: bytes(`k${n}`) }));

/** `depth` transactions around one range. */
function nested(depth: number): TxnRequest {
  let op = rangeOp({ key });
  for (let level = 1; level < depth; level += 1) op = txnOp({ success: [op] });
  return TxnRequest.fromPartial({ success: [op] });
}

/** The same in bytes, deeper than a recursive encoder can write. */
function deeplyNested(depth: number): Buffer {
  const prefixes: Buffer[] = [];
  let length = 0;
  for (let level = 1; level < depth; level += 1) {
    for (const tag of [0x22, 0x12]) {
      const prefix = Buffer.concat([Buffer.from([tag]), encodeVarint(length)]);
      prefixes.push(prefix);
      length += prefix.length;
    }
  }
  return Buffer.concat(prefixes.reverse());
}

function encodeVarint(value: number): Buffer {
  const digits: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...digits, rest]);
    digits.push((rest % 128) + 128);
  }
}

describe('converts requests', () => {
  it('a put, byte for byte', async () => {
    const request = PutRequest.fromPartial({
      key: bytes('\x00k\xff'),
      value: bytes('\x80\x00v'),
      lease: -7n,
      prevKv: true,
    });
    await door.call(KVDefinition, put, request);
    expect(door.member.asked).toMatchObject([
      {
        method: 'put',
        request: {
          kind: 'put',
          key: '\x00k\xff',
          value: '\x80\x00v',
          lease: -7n,
          prevKv: true,
          ignoreValue: false,
          ignoreLease: false,
        },
      },
    ]);
  });

  it('a range with everything set; wide integers become the nearest safe ones', async () => {
    await door.call(KVDefinition, range, {
      key: bytes('a'),
      rangeEnd: bytes('\0'),
      limit: int64Max,
      revision: int64Min,
      sortOrder: 2,
      sortTarget: 4,
      serializable: true,
      keysOnly: true,
      countOnly: true,
      minModRevision: 2n ** 53n - 1n,
      maxModRevision: 2n ** 53n,
      minCreateRevision: -1n,
      maxCreateRevision: 3n,
    });
    expect(door.member.asked).toMatchObject([
      {
        method: 'range',
        request: {
          kind: 'range',
          key: 'a',
          rangeEnd: '\0',
          limit: Number.MAX_SAFE_INTEGER,
          revision: Number.MIN_SAFE_INTEGER,
          sortOrder: 'descend',
          sortTarget: 'value',
          serializable: true,
          keysOnly: true,
          countOnly: true,
          minModRevision: Number.MAX_SAFE_INTEGER,
          maxModRevision: Number.MAX_SAFE_INTEGER,
          minCreateRevision: -1,
          maxCreateRevision: 3,
        },
      },
    ]);
  });

  it.each([
    [0, 'none'],
    [1, 'ascend'],
    [2, 'descend'],
  ] as const)('sort order %i is %s', async (sortOrder, expected) => {
    await door.call(KVDefinition, range, RangeRequest.fromPartial({ key, sortOrder }));
    expect(door.member.asked).toMatchObject([{ request: { sortOrder: expected } }]);
  });

  it.each([
    [0, 'key'],
    [1, 'version'],
    [2, 'create'],
    [3, 'mod'],
    [4, 'value'],
  ] as const)('sort target %i is %s', async (sortTarget, expected) => {
    await door.call(KVDefinition, range, RangeRequest.fromPartial({ key, sortTarget }));
    expect(door.member.asked).toMatchObject([{ request: { sortTarget: expected } }]);
  });

  it('a delete and a compaction', async () => {
    await door.call(KVDefinition, deleteRange, { key: bytes('a'), rangeEnd: bytes('b'), prevKv: true });
    await door.call(KVDefinition, compact, { revision: 9n, physical: true });
    expect(door.member.asked).toMatchObject([
      { method: 'deleteRange', request: { kind: 'deleteRange', key: 'a', rangeEnd: 'b', prevKv: true } },
      { method: 'compact', request: { command: { kind: 'compact', revision: 9 }, physical: true } },
    ]);
  });

  const compares: readonly (readonly [Fields<typeof Compare>, object])[] = [
    [
      { result: 0, target: 0, targetUnion: { $case: 'version', value: 3n } },
      { result: 'equal', target: 'version', operand: 3 },
    ],
    [
      { result: 1, target: 1, targetUnion: { $case: 'createRevision', value: int64Max } },
      { result: 'greater', target: 'create', operand: Number.MAX_SAFE_INTEGER },
    ],
    [
      { result: 2, target: 2, targetUnion: { $case: 'modRevision', value: -4n } },
      { result: 'less', target: 'mod', operand: -4 },
    ],
    [
      { result: 3, target: 3, targetUnion: { $case: 'value', value: bytes('\xfe') } },
      { result: 'notEqual', target: 'value', operand: '\xfe' },
    ],
    [
      { result: 0, target: 4, targetUnion: { $case: 'lease', value: int64Min } },
      { target: 'lease', operand: int64Min },
    ],
    [{ target: 0 }, { target: 'version', operand: 0 }],
    [
      { target: 1, targetUnion: { $case: 'version', value: 3n } },
      { target: 'create', operand: 0 },
    ],
    [
      { target: 2, targetUnion: { $case: 'value', value: bytes('x') } },
      { target: 'mod', operand: 0 },
    ],
    [
      { target: 3, targetUnion: { $case: 'lease', value: 3n } },
      { target: 'value', operand: '' },
    ],
    [
      { target: 4, targetUnion: { $case: 'modRevision', value: 3n } },
      { target: 'lease', operand: 0n },
    ],
    [
      { target: 3, rangeEnd: bytes('z') },
      { target: 'value', rangeEnd: 'z', operand: '' },
    ],
  ];

  it.each(compares)('a compare %#; an operand that does not belong to the target is zero', async (fields, expected) => {
    await door.call(KVDefinition, txn, TxnRequest.fromPartial({ compare: [{ key, ...fields }] }));
    expect(door.member.asked).toMatchObject([{ request: { compares: [{ key: 'k', ...expected }] } }]);
  });

  it('a transaction with nested ones, in order', async () => {
    const inner = txnOp({ failure: [deleteOp({ key: bytes('d') })] });
    await door.call(
      KVDefinition,
      txn,
      TxnRequest.fromPartial({ success: [putOp({ key }), inner], failure: [rangeOp({ key })] }),
    );
    expect(door.member.asked).toMatchObject([
      {
        method: 'txn',
        request: {
          kind: 'txn',
          compares: [],
          success: [
            { kind: 'put', key: 'k' },
            { kind: 'txn', success: [], failure: [{ kind: 'deleteRange', key: 'd' }] },
          ],
          failure: [{ kind: 'range', key: 'k' }],
        },
      },
    ]);
  });

  it('fields that this release does not know are ignored', async () => {
    const unknownField = Buffer.from([0xfa, 0x07, 0x02, 0x01, 0x02]);
    const request = encodeMessage(PutRequest, PutRequest.fromPartial({ key }));
    await door.raw('/etcdserverpb.KV/Put', Buffer.concat([request, unknownField]));
    expect(door.member.asked).toMatchObject([{ method: 'put', request: { key: 'k' } }]);
  });
});

const emptyKey = { code: 3, text: 'etcdserver: key is not provided', quorateCode: 'EMPTY_KEY' };
const valueProvided = { code: 3, text: 'etcdserver: value is provided', quorateCode: 'VALUE_PROVIDED' };
const leaseProvided = { code: 3, text: 'etcdserver: lease is provided', quorateCode: 'LEASE_PROVIDED' };
const tooManyOps = { code: 3, text: 'etcdserver: too many operations in txn request', quorateCode: 'TOO_MANY_OPS' };
const duplicateKey = { code: 3, text: 'etcdserver: duplicate key given in txn request', quorateCode: 'DUPLICATE_KEY' };
const invalidSort = { code: 3, text: 'etcdserver: invalid sort option', quorateCode: 'INVALID_SORT_OPTION' };
const keyNotFound = { code: 3, text: 'etcdserver: key not found', quorateCode: 'KEY_NOT_FOUND' };
const tooLarge = { code: 3, text: 'etcdserver: request is too large', quorateCode: 'REQUEST_TOO_LARGE' };
const invalidCompare = { code: 3, quorateCode: 'INVALID_COMPARE' };
const tooDeep = { code: 3, quorateCode: 'TXN_TOO_DEEP' };
const malformed = { code: 13, quorateCode: undefined };
const receivedTooLarge = { code: 8, quorateCode: undefined };

interface Bad {
  readonly name: string;
  readonly path: string;
  readonly bytes: Buffer;
  readonly refused: Partial<Refused>;
}

const badRange = (name: string, fields: Fields<typeof RangeRequest>, refused: Partial<Refused>): Bad => ({
  name: `Range ${name}`,
  path: '/etcdserverpb.KV/Range',
  bytes: encodeMessage(RangeRequest, RangeRequest.fromPartial(fields)),
  refused,
});
const badPut = (name: string, fields: Fields<typeof PutRequest>, refused: Partial<Refused>): Bad => ({
  name: `Put ${name}`,
  path: '/etcdserverpb.KV/Put',
  bytes: encodeMessage(PutRequest, PutRequest.fromPartial(fields)),
  refused,
});
const badDelete = (name: string, fields: Fields<typeof DeleteRangeRequest>, refused: Partial<Refused>): Bad => ({
  name: `DeleteRange ${name}`,
  path: '/etcdserverpb.KV/DeleteRange',
  bytes: encodeMessage(DeleteRangeRequest, DeleteRangeRequest.fromPartial(fields)),
  refused,
});
const badTxn = (name: string, fields: Fields<typeof TxnRequest>, refused: Partial<Refused>): Bad => ({
  name: `Txn ${name}`,
  path: '/etcdserverpb.KV/Txn',
  bytes: encodeMessage(TxnRequest, TxnRequest.fromPartial(fields)),
  refused,
});

/** An enum value that generated types do not know, as it would arrive from the wire. */
function withEnum(message: Buffer, tag: number, value: number): Buffer {
  return Buffer.concat([message, Buffer.from([tag, value])]);
}
const rangeOfK = encodeMessage(RangeRequest, RangeRequest.fromPartial({ key }));
const txnWithCompare = (compare: Buffer): Buffer => Buffer.concat([Buffer.from([0x0a, compare.length]), compare]);
const compareOfK = encodeMessage(Compare, Compare.fromPartial({ key }));
const raw = (method: string, name: string, message: Buffer, refused: Partial<Refused>): Bad => ({
  name: `${method} ${name}`,
  path: `/etcdserverpb.KV/${method}`,
  bytes: message,
  refused,
});

const maxRequestBytes = 1_572_864;
const tooLargeValue = Buffer.alloc(maxRequestBytes);
const beyondReceiving = Buffer.alloc(maxRequestBytes + 512 * 1024 + 1);

const badRequests: readonly Bad[] = [
  badRange('without a key', {}, emptyKey),
  badRange('without a key, with an end', { rangeEnd: bytes('\0') }, emptyKey),
  raw('Range', 'with an unknown sort target, which crashes etcd', withEnum(rangeOfK, 0x30, 99), invalidSort),
  raw('Range', 'with an unknown sort order', withEnum(rangeOfK, 0x28, 3), invalidSort),
  raw(
    'Range',
    'with a negative sort target',
    Buffer.concat([rangeOfK, Buffer.from('30ffffffffffffffffff01', 'hex')]),
    invalidSort,
  ),
  raw('Range', 'without a key and with an unknown sort target', Buffer.from([0x30, 99]), emptyKey),
  raw('Range', 'that ends too early', Buffer.from([0x0a, 0x05, 0x61]), malformed),
  raw('Range', 'with an endless varint', Buffer.from('18ffffffffffffffffffffff01', 'hex'), malformed),
  raw('Range', 'with an end-group tag', Buffer.from([0x0a, 0x01, 0x61, 0x0c, 0x00]), malformed),
  raw('Range', 'with a zero tag', Buffer.from([0x0a, 0x01, 0x61, 0x00, 0x00]), malformed),
  raw('Range', 'beyond what gRPC receives', beyondReceiving, receivedTooLarge),

  badPut('without a key', { value: bytes('v') }, emptyKey),
  badPut('with ignore_value and a value', { key, value: bytes('v'), ignoreValue: true }, valueProvided),
  badPut('with ignore_lease and a lease', { key, lease: 1n, ignoreLease: true }, leaseProvided),
  badPut(
    'with both ignored and both given',
    { key, value: key, lease: 1n, ignoreValue: true, ignoreLease: true },
    valueProvided,
  ),
  badPut('without a key, ignoring a value that is given', { value: key, ignoreValue: true }, emptyKey),
  badPut('of a value as large as the limit', { key, value: tooLargeValue }, tooLarge),
  badPut('without a key, and too large', { value: tooLargeValue }, emptyKey),
  badPut('beyond what gRPC receives', { key, value: beyondReceiving }, receivedTooLarge),
  raw('Put', 'of random bytes', Buffer.from('deadbeefdeadbeef', 'hex'), malformed),

  badDelete('without a key', {}, emptyKey),
  badDelete('too large', { key, rangeEnd: tooLargeValue }, tooLarge),
  raw('DeleteRange', 'that ends too early', Buffer.from([0x12, 0x7f]), malformed),

  badTxn('with too many operations', { success: puts(129) }, tooManyOps),
  badTxn('with too many operations in the branch not taken', { failure: puts(129) }, tooManyOps),
  badTxn('with too many compares', { compare: Array.from({ length: 129 }, () => ({ key })) }, tooManyOps),
  badTxn(
    'whose nested one gets no budget',
    { success: [...puts(127), txnOp({ success: [rangeOp({ key }), rangeOp({ key })] })] },
    tooManyOps,
  ),
  badTxn('with an operation that holds nothing', { success: [opWithNothing] }, keyNotFound),
  badTxn('with a compare without a key', { compare: [{}] }, emptyKey),
  badTxn('with a put without a key', { success: [putOp({})] }, emptyKey),
  badTxn('with a range without a key', { failure: [rangeOp({})] }, emptyKey),
  badTxn('with a delete without a key', { success: [deleteOp({})] }, emptyKey),
  badTxn('with a nested put without a key', { success: [txnOp({ failure: [putOp({})] })] }, emptyKey),
  badTxn('with ignore_value and a value', { success: [putOp({ key, value: key, ignoreValue: true })] }, valueProvided),
  badTxn('with a key put twice', { success: [putOp({ key }), putOp({ key })] }, duplicateKey),
  badTxn('with a key put twice in the branch not taken', { failure: [putOp({ key }), putOp({ key })] }, duplicateKey),
  badTxn(
    'with a key put inside a deleted range',
    { success: [putOp({ key }), deleteOp({ key: bytes('a'), rangeEnd: bytes('z') })] },
    duplicateKey,
  ),
  badTxn(
    'with a key put again by a nested one',
    { success: [putOp({ key }), txnOp({ success: [putOp({ key })] })] },
    duplicateKey,
  ),
  badTxn('too large', { success: [putOp({ key, value: tooLargeValue })] }, tooLarge),
  raw('Txn', 'nested 17 deep', encodeMessage(TxnRequest, nested(17)), tooDeep),
  raw('Txn', 'nested deeper than the decoder follows', encodeMessage(TxnRequest, nested(60)), malformed),
  raw('Txn', 'nested ten thousand deep', deeplyNested(100_000), malformed),
  raw('Txn', 'with an unknown compare result', txnWithCompare(withEnum(compareOfK, 0x08, 4)), invalidCompare),
  raw('Txn', 'with an unknown compare target', txnWithCompare(withEnum(compareOfK, 0x10, 5)), invalidCompare),
  // Two faults: etcd tells the first that it comes across.
  badTxn('with an empty key before an empty operation', { success: [putOp({}), opWithNothing] }, emptyKey),
  badTxn('with an empty operation before an empty key', { success: [opWithNothing, putOp({})] }, keyNotFound),
  badTxn(
    'with too many operations, all without a key',
    { success: Array.from({ length: 129 }, () => putOp({})) },
    tooManyOps,
  ),
  badTxn(
    'with a duplicate key and, later, an empty one',
    { success: [putOp({ key }), putOp({ key }), putOp({})] },
    emptyKey,
  ),
  badTxn('with an empty key in a compare and in an operation', { compare: [{}], success: [opWithNothing] }, emptyKey),
  badTxn(
    'with a duplicate key, and too large',
    { success: [putOp({ key, value: tooLargeValue }), putOp({ key })] },
    duplicateKey,
  ),

  raw('Compact', 'that ends too early', Buffer.from([0x08]), malformed),
  raw('RangeStream', 'is not served', rangeOfK, { code: 12, quorateCode: 'UNIMPLEMENTED' }),
];

describe('refuses, before the member is asked,', () => {
  it.each(badRequests.filter(({ path }) => !path.endsWith('Stream')))(
    '$name',
    async ({ path, bytes: message, refused }) => {
      expect(await refusalOf(door.raw(path, message))).toMatchObject(refused);
      expect(door.member.asked).toEqual([]);
    },
  );

  it('a request that names limit and value in its trailer', async () => {
    const refused = await refusalOf(
      door.call(KVDefinition, put, PutRequest.fromPartial({ key, value: tooLargeValue })),
    );
    expect(refused.detail).toBe('1572871 bytes, at most 1572864');
    const request = TxnRequest.fromPartial({ success: puts(129) });
    expect((await refusalOf(door.call(KVDefinition, txn, request))).detail).toBe(
      '129 in one list, at most 128 at depth 1',
    );
  });
});

describe('lets through, at the edge of a limit,', () => {
  it('a value of 1,570,000 bytes', async () => {
    await door.call(KVDefinition, put, PutRequest.fromPartial({ key, value: Buffer.alloc(1_570_000) }));
    expect(door.member.asked).toHaveLength(1);
  });

  it('a request of exactly max-request-bytes', async () => {
    const request = PutRequest.fromPartial({ key, value: Buffer.alloc(maxRequestBytes - 7) });
    expect(encodeMessage(PutRequest, request)).toHaveLength(maxRequestBytes);
    await door.call(KVDefinition, put, request);
    expect(door.member.asked).toHaveLength(1);
  });

  it('a read larger than max-request-bytes: only what is logged is bounded by it', async () => {
    await door.call(KVDefinition, range, RangeRequest.fromPartial({ key, rangeEnd: tooLargeValue }));
    const request = TxnRequest.fromPartial({ success: [rangeOp({ key, rangeEnd: tooLargeValue })] });
    await door.call(KVDefinition, txn, request);
    expect(door.member.asked.map(({ method }) => method)).toEqual(['range', 'txn']);
  });

  it('128 operations in each list', async () => {
    const compare = Array.from({ length: 128 }, () => ({ key }));
    const request = TxnRequest.fromPartial({ compare, success: puts(128), failure: puts(128) });
    await door.call(KVDefinition, txn, request);
    expect(door.member.asked).toHaveLength(1);
  });

  it('16 levels of transactions', async () => {
    await door.call(KVDefinition, txn, nested(16));
    expect(door.member.asked).toHaveLength(1);
  });

  it('more operations when it is told so', async () => {
    const wide = await Door.open({ maxTxnOps: 1000 });
    await wide.call(KVDefinition, txn, TxnRequest.fromPartial({ success: puts(1000) }));
    const refused = await refusalOf(wide.call(KVDefinition, txn, TxnRequest.fromPartial({ success: puts(1001) })));
    expect(refused).toMatchObject(tooManyOps);
    expect(wide.member.asked).toHaveLength(1);
    await wide.close();
  });
});

const wireHeader = {
  clusterId: header.clusterId,
  memberId: header.memberId,
  revision: BigInt(header.revision),
  raftTerm: BigInt(header.raftTerm),
};
const opHeader = (revision: bigint) => ({ clusterId: 0n, memberId: 0n, revision, raftTerm: 0n });
const kv: KeyValue = {
  key: '\x00\xffk',
  value: '\x80v',
  createRevision: 5,
  modRevision: Number.MAX_SAFE_INTEGER,
  version: 3,
  lease: -9n,
};
const wireKv = {
  key: bytes('\x00\xffk'),
  value: bytes('\x80v'),
  createRevision: 5n,
  modRevision: BigInt(Number.MAX_SAFE_INTEGER),
  version: 3n,
  lease: -9n,
};

describe('converts answers', () => {
  it('of a range', async () => {
    door.member.onRange = { header, kvs: [kv, { ...kv, value: '' }], more: true, count: 5_000_000_000 };
    const answer = await door.call(KVDefinition, range, RangeRequest.fromPartial({ key }));
    expect(answer).toEqual({
      header: wireHeader,
      kvs: [wireKv, { ...wireKv, value: Buffer.alloc(0) }],
      more: true,
      count: 5_000_000_000n,
    });
  });

  it('of a put, with and without a previous value', async () => {
    expect(await door.call(KVDefinition, put, PutRequest.fromPartial({ key }))).toEqual({
      header: wireHeader,
      prevKv: undefined,
    });
    door.member.onPut = { header, prevKv: kv };
    expect(await door.call(KVDefinition, put, PutRequest.fromPartial({ key }))).toEqual({
      header: wireHeader,
      prevKv: wireKv,
    });
  });

  it('of a delete and of a compaction', async () => {
    door.member.onDeleteRange = { header, deleted: 2, prevKvs: [kv] };
    const request = DeleteRangeRequest.fromPartial({ key });
    const answer = await door.call(KVDefinition, deleteRange, request);
    expect(answer).toEqual({ header: wireHeader, deleted: 2n, prevKvs: [wireKv] });
    expect(await door.call(KVDefinition, compact, CompactionRequest.fromPartial({}))).toEqual({ header: wireHeader });
  });

  const txnAnswer = (kvs: readonly KeyValue[]) => ({
    header,
    succeeded: false,
    results: [
      { kind: 'put', revision: 8, prevKv: kv },
      { kind: 'put', revision: 8, prevKv: undefined },
      { kind: 'range', revision: 9, kvs, more: true, count: 7 },
      { kind: 'deleteRange', revision: 9, deleted: 1, prevKvs: kvs },
      { kind: 'txn', succeeded: true, results: [{ kind: 'range', revision: 9, kvs, more: false, count: 0 }] },
    ] as const,
  });
  const wireTxnAnswer = (kvs: (typeof wireKv)[]): TxnResponse => ({
    header: wireHeader,
    succeeded: false,
    responses: [
      { response: { $case: 'responsePut', value: { header: opHeader(8n), prevKv: wireKv } } },
      { response: { $case: 'responsePut', value: { header: opHeader(8n), prevKv: undefined } } },
      { response: { $case: 'responseRange', value: { header: opHeader(9n), kvs, more: true, count: 7n } } },
      { response: { $case: 'responseDeleteRange', value: { header: opHeader(9n), deleted: 1n, prevKvs: kvs } } },
      {
        response: {
          $case: 'responseTxn',
          value: {
            header: opHeader(0n),
            succeeded: true,
            responses: [
              { response: { $case: 'responseRange', value: { header: opHeader(9n), kvs, more: false, count: 0n } } },
            ],
          },
        },
      },
    ],
  });

  it('of a transaction: inner headers show a revision only, a nested one an empty header', async () => {
    door.member.onTxn = txnAnswer([kv]);
    const answer = await door.call(KVDefinition, txn, TxnRequest.fromPartial({}));
    expect(answer).toEqual(wireTxnAnswer([wireKv]));
  });

  it('that are large, in slices, to the same messages', async () => {
    const large: KeyValue = { ...kv, value: '\xab'.repeat(1000) };
    const kvs = Array.from({ length: 2000 }, (_, n) => ({ ...large, version: n }));
    const wireKvs = kvs.map(({ version }) => ({
      ...wireKv,
      value: Buffer.alloc(1000, 0xab),
      version: BigInt(version),
    }));
    // Compared as bytes: comparing so many buffers byte by byte takes a test runner half a minute.
    door.member.onRange = { header, kvs, more: true, count: 3000 };
    const ranged = await door.call(KVDefinition, range, RangeRequest.fromPartial({ key }));
    const wireRange = { header: wireHeader, kvs: wireKvs, more: true, count: 3000n };
    expect(encodeMessage(RangeResponse, ranged).equals(encodeMessage(RangeResponse, wireRange))).toBe(true);

    door.member.onDeleteRange = { header, deleted: 2000, prevKvs: kvs };
    const deleted = await door.call(KVDefinition, deleteRange, DeleteRangeRequest.fromPartial({ key }));
    const wireDelete = { header: wireHeader, deleted: 2000n, prevKvs: wireKvs };
    expect(encodeMessage(DeleteRangeResponse, deleted).equals(encodeMessage(DeleteRangeResponse, wireDelete))).toBe(
      true,
    );

    door.member.onTxn = txnAnswer(kvs);
    const answer = await door.call(KVDefinition, txn, TxnRequest.fromPartial({}));
    const expected = encodeMessage(TxnResponse, wireTxnAnswer(wireKvs));
    expect(encodeMessage(TxnResponse, answer).equals(expected)).toBe(true);
  });

  it('that are too large are refused with limit and size', async () => {
    const huge: KeyValue = { ...kv, value: 'x'.repeat(1024 * 1024) };
    const kvs = Array.from({ length: 128 }, () => huge);
    door.member.onRange = { header, kvs, more: false, count: 128 };
    const refused = await refusalOf(door.call(KVDefinition, range, RangeRequest.fromPartial({ key })));
    expect(refused).toMatchObject({ code: 8, quorateCode: 'RESPONSE_TOO_LARGE' });
    expect(refused.text).toContain(`at most ${answerBytesMax}`);
    door.member.onRange = { header, kvs: [], more: false, count: 0 };
  });
});

describe('what the member refuses', () => {
  it('reaches the client with code, text and trailers', async () => {
    door.member.failure = new QuorateError('FUTURE_REVISION', 'revision 9, current 5');
    const refused = await refusalOf(door.call(KVDefinition, range, RangeRequest.fromPartial({ key })));
    door.member.failure = undefined;
    expect(refused).toEqual({
      code: 11,
      text: 'etcdserver: mvcc: required revision is a future revision',
      quorateCode: 'FUTURE_REVISION',
      detail: 'revision 9, current 5',
    });
  });

  it('for no foreseen reason costs one request and is logged', async () => {
    const logged: unknown[] = [];
    const other = await Door.open({ logger: { ...silentLogger, error: (...line) => void logged.push(line) } });
    other.member.failure = new TypeError('x is undefined');
    const refused = await refusalOf(other.call(KVDefinition, put, PutRequest.fromPartial({ key })));
    expect(refused).toMatchObject({ code: 13, text: 'quorate: internal error' });
    expect(logged).toMatchObject([['a request failed for no foreseen reason', { method: 'Put' }]]);
    other.member.failure = undefined;
    await other.call(KVDefinition, put, PutRequest.fromPartial({ key }));
    await other.close();
  });

  it('because an invariant is broken ends the process: nothing here catches it', async () => {
    const broken = new InvariantError('applied <= commit');
    const escaped = new Promise((resolve) => {
      const others = process.listeners('unhandledRejection');
      process.removeAllListeners('unhandledRejection');
      process.once('unhandledRejection', (error) => {
        for (const listener of others) process.on('unhandledRejection', listener);
        resolve(error);
      });
    });
    door.member.failure = broken;
    const call = refusalOf(door.call(KVDefinition, put, PutRequest.fromPartial({ key }), { timeoutMs: 300 }));
    expect(await escaped).toBe(broken);
    door.member.failure = undefined;
    expect((await call).code).toBe(4);
  });
});
