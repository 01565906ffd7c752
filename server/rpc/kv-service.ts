/**
 * etcdserverpb.KV: what a member answers to ranges, puts, deletes, transactions and compactions. Checks and converts,
 * asks the member, converts back; decides nothing about keys and values.
 */
import {
  KVDefinition,
  type RangeRequest,
  type RangeResponse,
  type TxnRequest,
  type TxnResponse,
} from '@quorate/proto/etcd/kv.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Member } from '../node/member.js';
import { isReadOnlyTxn } from '../state/read-only-txn.js';
import { deleteRangeToWire, headerToWire, putToWire, rangeToWire, txnToWire } from './kv-answer.js';
import { compactFrom, deleteRangeFrom, putFrom, rangeFrom, txnFrom } from './kv-request.js';
import { encodeLargeDeleteRange, encodeLargeRange, encodeLargeTxn, isLarge, isLargeTxn } from './large-answer.js';
import { txnRequestShape } from './kv-shapes.js';
import type { CallContext, UnaryCalls, UnaryHandler } from './unary-calls.js';

export interface KvLimits {
  /** Of a request that writes, as it stands on the wire. */
  readonly maxRequestBytes: number;
  /** In each list of a transaction. */
  readonly maxTxnOps: number;
}

export function serveKv(calls: UnaryCalls, member: Member, limits: KvLimits): void {
  const { range, put, deleteRange, txn, compact } = KVDefinition.methods;

  const serveRange: UnaryHandler<RangeRequest, RangeResponse> = async (request, { options }) => {
    const answer = await member.range(rangeFrom(request), options);
    return isLarge(answer.kvs) ? encodeLargeRange(answer) : rangeToWire(answer);
  };
  calls.serve(KVDefinition, range, serveRange, { isForLearners: ({ serializable }) => serializable });

  calls.serve(KVDefinition, put, async (request, context) => {
    const command = putFrom(request);
    assertFits(context, limits);
    return putToWire(await member.put(command, context.options));
  });

  calls.serve(KVDefinition, deleteRange, async (request, context) => {
    const command = deleteRangeFrom(request);
    assertFits(context, limits);
    const answer = await member.deleteRange(command, context.options);
    return isLarge(answer.prevKvs) ? encodeLargeDeleteRange(answer) : deleteRangeToWire(answer);
  });

  const serveTxn: UnaryHandler<TxnRequest, TxnResponse> = async (request, context) => {
    const command = txnFrom(request, limits.maxTxnOps);
    if (!isReadOnlyTxn(command)) assertFits(context, limits);
    const answer = await member.txn(command, context.options);
    return isLargeTxn(answer.results) ? encodeLargeTxn(answer) : txnToWire(answer);
  };
  calls.serve(KVDefinition, txn, serveTxn, { shape: txnRequestShape });

  calls.serve(KVDefinition, compact, async (request, context) => {
    const options = request.physical ? context.abortable() : context.options;
    const { header } = await member.compact(compactFrom(request), request.physical, options);
    return { header: headerToWire(header) };
  });
}

/** What goes into the log has a limit; a read, which does not, is bounded by what gRPC receives at all. */
export function assertFits({ requestBytes }: Pick<CallContext, 'requestBytes'>, { maxRequestBytes }: KvLimits): void {
  if (requestBytes <= maxRequestBytes) return;
  throw new QuorateError('REQUEST_TOO_LARGE', `${requestBytes} bytes, at most ${maxRequestBytes}`);
}
