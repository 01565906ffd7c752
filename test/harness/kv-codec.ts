/** Ranges and transactions as the checkers write them, to and from the wire. */
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  RangeRequest,
  type RangeResponse,
  type ResponseOp,
  TxnRequest,
} from '@quorate/proto/etcd/kv.js';
import type { Compare, OpAnswer, Range, RangeAnswer, Txn, TxnOp } from '../checkers/operation.js';

export function rangeRequestFrom(range: Omit<Range, 'kind'>, isSerializable: boolean): RangeRequest {
  return RangeRequest.fromPartial({
    key: Buffer.from(range.key),
    rangeEnd: Buffer.from(range.rangeEnd ?? ''),
    revision: BigInt(range.revision),
    limit: BigInt(range.limit),
    serializable: isSerializable,
  });
}

export function rangeAnswerFrom({ kvs, more, count }: RangeResponse): RangeAnswer {
  return {
    kind: 'range',
    kvs: kvs.map((kv) => ({
      key: kv.key.toString(),
      value: kv.value.toString(),
      createRevision: Number(kv.createRevision),
      modRevision: Number(kv.modRevision),
      version: Number(kv.version),
    })),
    more,
    count: Number(count),
  };
}

export function txnRequestFrom({ compares, success, failure }: Txn): TxnRequest {
  return TxnRequest.fromPartial({
    compare: compares.map(compareFrom),
    success: success.map(requestOpFrom),
    failure: failure.map(requestOpFrom),
  });
}

/** Throws on an answer that is no answer to a put, a range or a delete. */
export function opAnswerFrom({ response }: ResponseOp): OpAnswer {
  switch (response?.$case) {
    case 'responsePut':
      return { kind: 'put' };
    case 'responseRange':
      return rangeAnswerFrom(response.value);
    case 'responseDeleteRange':
      return { kind: 'deleteRange', deleted: Number(response.value.deleted) };
    default:
      throw new Error(`an operation of a transaction was answered with ${response?.$case ?? 'nothing'}`);
  }
}

const results = {
  equal: Compare_CompareResult.EQUAL,
  greater: Compare_CompareResult.GREATER,
  less: Compare_CompareResult.LESS,
} as const;

function compareFrom(compare: Compare): NonNullable<Parameters<typeof TxnRequest.fromPartial>[0]['compare']>[number] {
  const key = Buffer.from(compare.key);
  const result = results[compare.is];
  if (compare.target === 'value') {
    const target = Compare_CompareTarget.VALUE;
    return { key, target, result, targetUnion: { $case: 'value', value: Buffer.from(compare.operand) } };
  }
  const value = BigInt(compare.operand);
  switch (compare.target) {
    case 'version':
      return { key, target: Compare_CompareTarget.VERSION, result, targetUnion: { $case: 'version', value } };
    case 'create':
      return { key, target: Compare_CompareTarget.CREATE, result, targetUnion: { $case: 'createRevision', value } };
    case 'mod':
      return { key, target: Compare_CompareTarget.MOD, result, targetUnion: { $case: 'modRevision', value } };
  }
}

function requestOpFrom(op: TxnOp): NonNullable<Parameters<typeof TxnRequest.fromPartial>[0]['success']>[number] {
  const key = Buffer.from(op.key);
  switch (op.kind) {
    case 'put':
      return { request: { $case: 'requestPut', value: { key, value: Buffer.from(op.value) } } };
    case 'range':
      return { request: { $case: 'requestRange', value: rangeRequestFrom(op, false) } };
    case 'deleteRange':
      return { request: { $case: 'requestDeleteRange', value: { key, rangeEnd: Buffer.from(op.rangeEnd ?? '') } } };
  }
}
