/** One call of the KV or the lease service and its answer, between the typed messages and the bytes on the wire. */
import {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '@quorate/proto/etcd/kv.js';
import {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from '@quorate/proto/etcd/lease.js';
import type { RawAnswer } from '../harness/raw-client.js';

export type Call =
  | { readonly kind: 'range'; readonly request: RangeRequest }
  | { readonly kind: 'put'; readonly request: PutRequest }
  | { readonly kind: 'deleteRange'; readonly request: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly request: TxnRequest }
  | { readonly kind: 'compact'; readonly request: CompactionRequest }
  | { readonly kind: 'leaseGrant'; readonly request: LeaseGrantRequest }
  | { readonly kind: 'leaseRevoke'; readonly request: LeaseRevokeRequest }
  | { readonly kind: 'leaseTimeToLive'; readonly request: LeaseTimeToLiveRequest };

export type Response =
  | { readonly kind: 'range'; readonly message: RangeResponse }
  | { readonly kind: 'put'; readonly message: PutResponse }
  | { readonly kind: 'deleteRange'; readonly message: DeleteRangeResponse }
  | { readonly kind: 'txn'; readonly message: TxnResponse }
  | { readonly kind: 'compact'; readonly message: CompactionResponse }
  | { readonly kind: 'leaseGrant'; readonly message: LeaseGrantResponse }
  | { readonly kind: 'leaseRevoke'; readonly message: LeaseRevokeResponse }
  | { readonly kind: 'leaseTimeToLive'; readonly message: LeaseTimeToLiveResponse };

export type Answer =
  | { readonly ok: true; readonly response: Response }
  | { readonly ok: false; readonly code: number; readonly text: string };

const methods: Readonly<Record<Call['kind'], string>> = {
  range: '/etcdserverpb.KV/Range',
  put: '/etcdserverpb.KV/Put',
  deleteRange: '/etcdserverpb.KV/DeleteRange',
  txn: '/etcdserverpb.KV/Txn',
  compact: '/etcdserverpb.KV/Compact',
  leaseGrant: '/etcdserverpb.Lease/LeaseGrant',
  leaseRevoke: '/etcdserverpb.Lease/LeaseRevoke',
  leaseTimeToLive: '/etcdserverpb.Lease/LeaseTimeToLive',
};

interface EncodedCall {
  readonly method: string;
  readonly bytes: Uint8Array;
}

function encodeCall(call: Call): EncodedCall {
  return { method: methods[call.kind], bytes: encodeRequest(call) };
}

function encodeRequest(call: Call): Uint8Array {
  switch (call.kind) {
    case 'range':
      return RangeRequest.encode(call.request).finish();
    case 'put':
      return PutRequest.encode(call.request).finish();
    case 'deleteRange':
      return DeleteRangeRequest.encode(call.request).finish();
    case 'txn':
      return TxnRequest.encode(call.request).finish();
    case 'compact':
      return CompactionRequest.encode(call.request).finish();
    case 'leaseGrant':
      return LeaseGrantRequest.encode(call.request).finish();
    case 'leaseRevoke':
      return LeaseRevokeRequest.encode(call.request).finish();
    case 'leaseTimeToLive':
      return LeaseTimeToLiveRequest.encode(call.request).finish();
  }
}

function decodeAnswer(kind: Call['kind'], answer: RawAnswer): Answer {
  return answer.ok ? { ok: true, response: decodeResponse(kind, answer.bytes) } : answer;
}

function decodeResponse(kind: Call['kind'], bytes: Buffer): Response {
  switch (kind) {
    case 'range':
      return { kind, message: RangeResponse.decode(bytes) };
    case 'put':
      return { kind, message: PutResponse.decode(bytes) };
    case 'deleteRange':
      return { kind, message: DeleteRangeResponse.decode(bytes) };
    case 'txn':
      return { kind, message: TxnResponse.decode(bytes) };
    case 'compact':
      return { kind, message: CompactionResponse.decode(bytes) };
    case 'leaseGrant':
      return { kind, message: LeaseGrantResponse.decode(bytes) };
    case 'leaseRevoke':
      return { kind, message: LeaseRevokeResponse.decode(bytes) };
    case 'leaseTimeToLive':
      return { kind, message: LeaseTimeToLiveResponse.decode(bytes) };
  }
}

/** A member as the suites call it: RawClient, or a fake. */
export interface Caller {
  call(method: string, message: Uint8Array): Promise<RawAnswer>;
}

export async function sendCall(client: Caller, call: Call): Promise<Answer> {
  const { method, bytes } = encodeCall(call);
  return decodeAnswer(call.kind, await client.call(method, bytes));
}

/** The store revision in the answer's header; undefined for an error. */
export function revisionOf(answer: Answer): number | undefined {
  const revision = answer.ok ? answer.response.message.header?.revision : undefined;
  return revision === undefined ? undefined : Number(revision);
}
