/** The hand-written codec beside the generated one: each reads what the other writes. */
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  CompactionRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '@quorate/proto/etcd/kv.js';
import { Event_DeleteCause, Event_EventType } from '@quorate/proto/etcd/mvcc.js';
import { WatchRequest, WatchResponse } from '@quorate/proto/etcd/watch.js';
import { describe, expect, it } from 'vitest';
import { leaseId, type Revision, revision } from '../../../client/core/ids.js';
import { AnswerReader } from '../../../client/wire/answer-reader.js';
import { ByteWriter } from '../../../client/wire/byte-writer.js';
import { namespaceFrom } from '../../../client/wire/key-range.js';
import { readDelete, readOne, readPut, readPutWithPrev, readRange } from '../../../client/wire/kv-answers.js';
import {
  writeCompactionRequest,
  writeDeleteRequest,
  writePutRequest,
  writeRangeRequest,
} from '../../../client/wire/kv-requests.js';
import { readTxn, type TxnOp, writeTxnRequest } from '../../../client/wire/txn-wire.js';
import { readWatchAnswer, watchCreateMessage } from '../../../client/wire/watch-wire.js';

const namespace = namespaceFrom('ns/');
const header = { revision: 77n, clusterId: 2n ** 64n - 1n, memberId: 2n ** 63n, raftTerm: 9n };
const kv = { key: Buffer.from('ns/k'), value: Buffer.from('v'), createRevision: 5n, modRevision: 6n, version: 2n };

function written(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  write(writer);
  return writer.finish();
}

describe('requests', () => {
  it('put', () => {
    const bytes = written((writer) =>
      writePutRequest(writer, namespace, 'k', Uint8Array.of(1, 2), {
        lease: leaseId('ffffffffffffffff'),
        prevKv: true,
        keepLease: true,
      }),
    );
    expect(PutRequest.decode(bytes)).toEqual(
      PutRequest.fromPartial({
        key: Buffer.from('ns/k'),
        value: Buffer.from([1, 2]),
        lease: -1n,
        prevKv: true,
        ignoreLease: true,
      }),
    );
  });

  it('range, with everything that can be said', () => {
    const bytes = written((writer) =>
      writeRangeRequest(
        writer,
        namespace,
        { prefix: 'p' },
        {
          limit: 10,
          revision: revision(4),
          sort: { by: 'modRevision', order: 'descending' },
          isSerializable: true,
          keysOnly: true,
          countOnly: true,
        },
      ),
    );
    expect(RangeRequest.decode(bytes)).toEqual(
      RangeRequest.fromPartial({
        key: Buffer.from('ns/p'),
        rangeEnd: Buffer.from('ns/q'),
        limit: 10n,
        revision: 4n,
        sortOrder: RangeRequest_SortOrder.DESCEND,
        sortTarget: RangeRequest_SortTarget.MOD,
        serializable: true,
        keysOnly: true,
        countOnly: true,
      }),
    );
  });

  const bounds = (key: string, rangeEnd: string): readonly string[] => [key, rangeEnd];
  it.each([
    ['one key', 'ns/', 'a', bounds('ns/a', '')],
    ['a prefix', 'ns/', { prefix: 'a' }, bounds('ns/a', 'ns/b')],
    ['every key of a namespace', 'ns/', { prefix: '' }, bounds('ns/', 'ns0')],
    ['every key', undefined, { prefix: '' }, bounds('\0', '\0')],
    ['a prefix of the highest bytes', undefined, { prefix: Uint8Array.of(0x61, 0xff, 0xff) }, bounds('a\xff\xff', 'b')],
    ['the highest prefix', undefined, { prefix: Uint8Array.of(0xff) }, bounds('\xff', '\0')],
    ['from a key to another', 'ns/', { start: 'a', end: 'b' }, bounds('ns/a', 'ns/b')],
    ['from a key on', undefined, { start: 'a' }, bounds('a', '\0')],
    ['from a key on, within the namespace', 'ns/', { start: 'a' }, bounds('ns/a', 'ns0')],
    ['from the first key on', undefined, { start: '' }, bounds('\0', '\0')],
  ])('range: %s', (_name, prefix, range, expected) => {
    const { key, rangeEnd } = RangeRequest.decode(
      written((writer) => writeRangeRequest(writer, namespaceFrom(prefix), range, {})),
    );
    expect([key.toString('latin1'), rangeEnd.toString('latin1')]).toEqual(expected);
  });

  it('delete and compact', () => {
    expect(
      DeleteRangeRequest.decode(written((writer) => writeDeleteRequest(writer, namespace, { prefix: 'a' }, true))),
    ).toEqual({ key: Buffer.from('ns/a'), rangeEnd: Buffer.from('ns/b'), prevKv: true });
    expect(
      CompactionRequest.decode(written((writer) => writeCompactionRequest(writer, revision(2 ** 40), true))),
    ).toEqual({ revision: 2n ** 40n, physical: true });
  });

  it('txn, with every condition and every operation', () => {
    const ops: readonly TxnOp[] = [
      { kind: 'put', key: 'a', value: 'x'.repeat(300), options: {} },
      { kind: 'getOne', key: 'b' },
      { kind: 'getRange', range: { prefix: 'c' }, options: { limit: 3 } },
      { kind: 'delete', range: 'd', prevKv: true },
    ];
    const bytes = written((writer) =>
      writeTxnRequest(
        writer,
        namespace,
        [
          { key: 'a', target: 'version', is: 'greater', operand: 3 },
          { key: 'b', target: 'createRevision', is: 'equal', operand: revision(0) },
          { key: 'c', target: 'modRevision', is: 'less', operand: revision(9) },
          { key: 'd', target: 'value', is: 'notEqual', operand: '' },
          { key: 'e', target: 'lease', is: 'equal', operand: leaseId('0000000000000007') },
        ],
        ops,
        ops.slice(0, 1),
      ),
    );
    const result = Compare_CompareResult;
    const target = Compare_CompareTarget;
    const key = (text: string): Buffer => Buffer.from(`ns/${text}`);
    expect(TxnRequest.decode(bytes)).toEqual(
      TxnRequest.fromPartial({
        compare: [
          {
            key: key('a'),
            result: result.GREATER,
            target: target.VERSION,
            targetUnion: { $case: 'version', value: 3n },
          },
          { key: key('b'), target: target.CREATE },
          { key: key('c'), result: result.LESS, target: target.MOD, targetUnion: { $case: 'modRevision', value: 9n } },
          {
            key: key('d'),
            result: result.NOT_EQUAL,
            target: target.VALUE,
            targetUnion: { $case: 'value', value: Buffer.alloc(0) },
          },
          { key: key('e'), target: target.LEASE, targetUnion: { $case: 'lease', value: 7n } },
        ],
        success: [
          { request: { $case: 'requestPut', value: { key: key('a'), value: Buffer.from('x'.repeat(300)) } } },
          { request: { $case: 'requestRange', value: { key: key('b') } } },
          { request: { $case: 'requestRange', value: { key: key('c'), rangeEnd: key('d'), limit: 3n } } },
          { request: { $case: 'requestDeleteRange', value: { key: key('d'), prevKv: true } } },
        ],
        failure: [{ request: { $case: 'requestPut', value: { key: key('a'), value: Buffer.from('x'.repeat(300)) } } }],
      }),
    );
  });
});

describe('answers', () => {
  const plain = { key: 'k', createRevision: 5, modRevision: 6, version: 2, lease: undefined };
  const reader = (bytes: Uint8Array): AnswerReader => new AnswerReader(bytes, 3);

  it('range', () => {
    const message = RangeResponse.fromPartial({
      header,
      kvs: [{ ...kv, lease: 2n ** 63n - 1n }, kv],
      more: true,
      count: 5n,
    });
    const { entries, ...rest } = readRange(reader(RangeResponse.encode(message).finish()));
    expect(rest).toEqual({ more: true, count: 5, revision: 77 });
    expect(entries).toMatchObject([{ ...plain, lease: '7fffffffffffffff' }, plain]);
    expect(entries[0]?.text()).toBe('v');
    expect(Buffer.isBuffer(entries[0]?.value)).toBe(false);
  });

  it('range of one key', () => {
    const found = reader(RangeResponse.encode(RangeResponse.fromPartial({ header, kvs: [kv], count: 1n })).finish());
    expect(readOne(found)).toMatchObject(plain);
    expect(found.revision).toBe(77);
    expect(readOne(reader(RangeResponse.encode(RangeResponse.fromPartial({ header })).finish()))).toBeNull();
  });

  it('put', () => {
    const message = (prevKv?: typeof kv): Uint8Array =>
      PutResponse.encode(PutResponse.fromPartial(prevKv === undefined ? { header } : { header, prevKv })).finish();
    expect(readPut(reader(message()))).toEqual({ revision: 77 });
    expect(readPutWithPrev(reader(message()))).toEqual({ revision: 77, prev: null });
    expect(readPutWithPrev(reader(message(kv)))).toMatchObject({ revision: 77, prev: plain });
  });

  it('delete', () => {
    const bytes = DeleteRangeResponse.encode(
      DeleteRangeResponse.fromPartial({ header, deleted: 1n, prevKvs: [kv] }),
    ).finish();
    expect(readDelete(reader(bytes), false)).toEqual({ revision: 77, deleted: 1 });
    expect(readDelete(reader(bytes), true)).toMatchObject({ revision: 77, deleted: 1, prev: [plain] });
  });

  const success: readonly TxnOp[] = [
    { kind: 'getOne', key: 'k' },
    { kind: 'put', key: 'k', value: '', options: { prevKv: true } },
    { kind: 'delete', range: 'k', prevKv: false },
    { kind: 'getRange', range: { prefix: 'k' }, options: {} },
  ];
  const answered = TxnResponse.fromPartial({
    header,
    succeeded: true,
    responses: [
      { response: { $case: 'responseRange', value: { kvs: [kv], count: 1n } } },
      { response: { $case: 'responsePut', value: { header: { revision: 78n }, prevKv: kv } } },
      { response: { $case: 'responseDeleteRange', value: { deleted: 3n } } },
      { response: { $case: 'responseRange', value: {} } },
    ],
  });

  it('txn: each operation as it was asked', () => {
    const { succeeded, revision: at, results } = readTxn(reader(TxnResponse.encode(answered).finish()), success, []);
    expect({ succeeded, at }).toEqual({ succeeded: true, at: 77 });
    expect(results).toMatchObject([
      plain,
      { revision: 78, prev: plain },
      { revision: 77, deleted: 3 },
      { entries: [], more: false, count: 0 },
    ]);
  });

  it('txn: an answer that does not fit what was asked is malformed', () => {
    const bytes = TxnResponse.encode(answered).finish();
    expect(() => readTxn(reader(bytes), success.slice(1), [])).toThrow('for each operation');
    expect(() => readTxn(reader(bytes), success.toReversed(), [])).toThrow('as if it were another');
  });
});

describe('watches', () => {
  it('begin as asked', () => {
    const { requestUnion } = WatchRequest.decode(
      watchCreateMessage(namespace, { prefix: 'a' }, { from: 7, prevKv: true }),
    );
    expect(requestUnion).toMatchObject({
      $case: 'createRequest',
      value: {
        key: Buffer.from('ns/a'),
        rangeEnd: Buffer.from('ns/b'),
        startRevision: 7n,
        prevKv: true,
        progressNotify: true,
        fragment: false,
      },
    });
  });

  it('bring events', () => {
    const message = WatchResponse.fromPartial({
      header,
      watchId: -1n,
      events: [
        { type: Event_EventType.PUT, kv, prevKv: kv },
        {
          type: Event_EventType.DELETE,
          kv: { key: kv.key, modRevision: 9n },
          deleteCause: Event_DeleteCause.LEASE_EXPIRED,
        },
        { type: Event_EventType.DELETE, kv: { key: kv.key, modRevision: 9n } },
      ],
    });
    const answer = readWatchAnswer(WatchResponse.encode(message).finish(), 3);
    const at: Revision = revision(9);
    expect(answer).toMatchObject({ revision: 77, created: false, canceled: false, compactRevision: 0 });
    expect(answer.events).toMatchObject([
      { kind: 'put', kv: { key: 'k' }, prev: { key: 'k' } },
      { kind: 'delete', key: 'k', revision: at, cause: 'leaseExpired' },
      { kind: 'delete', key: 'k', revision: at },
    ]);
    expect(answer.events[2]).not.toHaveProperty('cause');
    expect(answer.events[2]).not.toHaveProperty('prev');
  });

  it('end with a reason', () => {
    const message = WatchResponse.fromPartial({ header, canceled: true, compactRevision: 50n, cancelReason: 'why' });
    expect(readWatchAnswer(WatchResponse.encode(message).finish(), 0)).toMatchObject({
      canceled: true,
      compactRevision: 50,
      cancelReason: 'why',
    });
  });
});
