/**
 * The part of an answer in which two members must agree: everything but the ids and the term of the header, the time that
 * a lease has left, and, where etcd leaves the order of equally sorted keys open, everything but that order.
 */
import { isDeepStrictEqual } from 'node:util';
import type {
  RangeRequest,
  RangeResponse,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResponse,
} from '@quorate/proto/etcd/kv.js';
import type { LeaseTimeToLiveResponse } from '@quorate/proto/etcd/lease.js';
import type { Answer, Call, Response } from './call.js';

/** Go sorts up to this many elements by insertion, which keeps equal ones in key order; beyond, the order is open. */
const stableSortMax = 12n;

type KeyValue = RangeResponse['kvs'][number];

export function areEqual(call: Call, expected: Answer, actual: Answer): boolean {
  return isDeepStrictEqual(comparable(call, expected), comparable(call, actual));
}

export function comparable(call: Call, answer: Answer): unknown {
  if (!answer.ok) return { code: answer.code, text: comparableText(answer.text) };
  const { response } = answer;
  return { ...comparableBody(call, response), header: comparableHeader(response) };
}

/** Oversized messages are refused by the gRPC libraries, each in its own words; the two sizes must agree. */
function comparableText(text: string): string {
  const sizes = /^(?:grpc: r|R)eceived message larger than max \((\d+) vs\.? (\d+)\)$/.exec(text);
  return sizes === null ? text : `message larger than max: ${sizes[1]} of ${sizes[2]}`;
}

function comparableHeader({ message: { header } }: Response): unknown {
  return header === undefined ? 'no header' : { revision: header.revision };
}

function comparableBody(call: Call, response: Response): object {
  if (call.kind === 'range' && response.kind === 'range') return comparableRange(call.request, response.message);
  if (call.kind === 'txn' && response.kind === 'txn') return comparableTxn(call.request, response.message);
  if (response.kind === 'leaseTimeToLive') return comparableTimeToLive(response.message);
  return response.message;
}

/** Time passes here and there, and a restart begins it anew; the keys come in no order. */
function comparableTimeToLive(response: LeaseTimeToLiveResponse): object {
  const keys = response.keys.map((key) => key.toString('latin1')).toSorted();
  return { ...response, TTL: response.TTL < 0n ? 'none' : response.TTL <= response.grantedTTL, keys };
}

function comparableTxn(request: TxnRequest, response: TxnResponse): object {
  const ops = response.succeeded ? request.success : request.failure;
  return { ...response, responses: response.responses.map((result, index) => comparableOp(ops[index], result)) };
}

function comparableOp(op: RequestOp | undefined, result: ResponseOp): unknown {
  const request = op?.request;
  const response = result.response;
  if (request?.$case === 'requestRange' && response?.$case === 'responseRange') {
    return { range: comparableRange(request.value, response.value) };
  }
  if (request?.$case === 'requestTxn' && response?.$case === 'responseTxn') {
    return { txn: comparableTxn(request.value, response.value) };
  }
  return result;
}

function comparableRange(request: RangeRequest, response: RangeResponse): object {
  if (request.sortTarget === 0 || response.count <= stableSortMax) return response;
  return { ...response, kvs: tieGroups(request, response) };
}

/** Runs of keys that sort equally, each in key order. Of a run that the limit may have cut, only its length counts. */
function tieGroups(request: RangeRequest, response: RangeResponse): readonly unknown[] {
  const groups: { readonly sortKey: unknown; readonly kvs: KeyValue[] }[] = [];
  for (const kv of response.kvs) {
    const sortKey = sortKeyOf(request, kv);
    const last = groups.at(-1);
    if (last !== undefined && isDeepStrictEqual(last.sortKey, sortKey)) last.kvs.push(kv);
    else groups.push({ sortKey, kvs: [kv] });
  }
  return groups.map(({ sortKey, kvs }, index) => {
    const isCut = response.more && index === groups.length - 1;
    return { sortKey, kvs: isCut ? kvs.length : kvs.toSorted((a, b) => Buffer.compare(a.key, b.key)) };
  });
}

function sortKeyOf(request: RangeRequest, kv: KeyValue): unknown {
  switch (request.sortTarget) {
    case 1:
      return kv.version;
    case 2:
      return kv.createRevision;
    case 3:
      return kv.modRevision;
    default:
      return request.keysOnly ? 'not in the answer' : kv.value;
  }
}
