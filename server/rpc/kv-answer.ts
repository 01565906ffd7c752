/** Answers of the KV service, from the member's words to the wire. */
import type {
  DeleteRangeResponse,
  PutResponse,
  RangeResponse,
  ResponseOp,
  TxnResponse,
} from '@quorate/proto/etcd/kv.js';
import type { ResponseHeader } from '@quorate/proto/etcd/header.js';
import type { KeyValue as WireKeyValue } from '@quorate/proto/etcd/mvcc.js';
import { bytesFrom } from '../lib/bytes.js';
import type { DeleteRangeAnswer, Header, PutAnswer, RangeAnswer, TxnAnswer, TxnOpAnswer } from '../node/member.js';
import type { KeyValue } from '../state/result.js';

/** The header of a nested transaction's answer: present, and empty. */
const emptyHeader: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };

export function headerToWire(header: Header): ResponseHeader {
  return {
    clusterId: header.clusterId,
    memberId: header.memberId,
    revision: BigInt(header.revision),
    raftTerm: BigInt(header.raftTerm),
  };
}

/** The header of an op inside a transaction's answer shows its revision and nothing else. */
export function opHeader(revision: number): ResponseHeader {
  return { ...emptyHeader, revision: BigInt(revision) };
}

export function keyValueToWire(kv: KeyValue): WireKeyValue {
  return {
    key: bytesFrom(kv.key),
    value: bytesFrom(kv.value),
    createRevision: BigInt(kv.createRevision),
    modRevision: BigInt(kv.modRevision),
    version: BigInt(kv.version),
    lease: kv.lease,
  };
}

export function putToWire({ header, prevKv }: PutAnswer): PutResponse {
  return { header: headerToWire(header), prevKv: prevKv && keyValueToWire(prevKv) };
}

export function deleteRangeToWire({ header, deleted, prevKvs }: DeleteRangeAnswer): DeleteRangeResponse {
  return { header: headerToWire(header), deleted: BigInt(deleted), prevKvs: prevKvs.map(keyValueToWire) };
}

export function rangeToWire({ header, kvs, more, count }: RangeAnswer): RangeResponse {
  return { header: headerToWire(header), kvs: kvs.map(keyValueToWire), more, count: BigInt(count) };
}

export function txnToWire({ header, succeeded, results }: TxnAnswer): TxnResponse {
  return { header: headerToWire(header), succeeded, responses: results.map(opToWire) };
}

export function opToWire(op: TxnOpAnswer): ResponseOp {
  switch (op.kind) {
    case 'put': {
      const value = { header: opHeader(op.revision), prevKv: op.prevKv && keyValueToWire(op.prevKv) };
      return { response: { $case: 'responsePut', value } };
    }
    case 'deleteRange': {
      const prevKvs = op.prevKvs.map(keyValueToWire);
      const value = { header: opHeader(op.revision), deleted: BigInt(op.deleted), prevKvs };
      return { response: { $case: 'responseDeleteRange', value } };
    }
    case 'range': {
      const kvs = op.kvs.map(keyValueToWire);
      const value = { header: opHeader(op.revision), kvs, more: op.more, count: BigInt(op.count) };
      return { response: { $case: 'responseRange', value } };
    }
    case 'txn': {
      const value = { header: emptyHeader, succeeded: op.succeeded, responses: op.results.map(opToWire) };
      return { response: { $case: 'responseTxn', value } };
    }
  }
}
