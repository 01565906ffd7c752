/**
 * Requests of the KV service, from the wire to commands. Converting and checking are one pass, because a request with
 * two faults must be refused for the one that etcd finds first. Throws QuorateError; whatever is returned may enter
 * the log.
 */
import type {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  Compare as WireCompare,
} from '@quorate/proto/etcd/kv.js';
import { byteStringFrom } from '../lib/bytes.js';
import { clampedInteger } from '../lib/integers.js';
import { QuorateError } from '../lib/quorate-error.js';
import {
  checkCompact,
  checkDeleteRange,
  checkPut,
  checkRange,
  checkTxn,
  TXN_DEPTH_MAX,
} from '../state/check-request.js';
import type {
  CompactCommand,
  Compare,
  CompareResult,
  DeleteRangeCommand,
  PutCommand,
  RangeQuery,
  SortOrder,
  SortTarget,
  TxnCommand,
  TxnOp,
} from '../state/command.js';
import type { Refusal } from '../state/refusal.js';

const sortOrders: readonly (SortOrder | undefined)[] = ['none', 'ascend', 'descend'];
const sortTargets: readonly (SortTarget | undefined)[] = ['key', 'version', 'create', 'mod', 'value'];
const compareResults: readonly (CompareResult | undefined)[] = ['equal', 'greater', 'less', 'notEqual'];

export function putFrom(request: PutRequest): PutCommand {
  const command: PutCommand = {
    kind: 'put',
    key: byteStringFrom(request.key),
    value: byteStringFrom(request.value),
    lease: request.lease,
    prevKv: request.prevKv,
    ignoreValue: request.ignoreValue,
    ignoreLease: request.ignoreLease,
  };
  throwIfRefused(checkPut(command));
  return command;
}

export function deleteRangeFrom(request: DeleteRangeRequest): DeleteRangeCommand {
  const command: DeleteRangeCommand = {
    kind: 'deleteRange',
    key: byteStringFrom(request.key),
    rangeEnd: byteStringFrom(request.rangeEnd),
    prevKv: request.prevKv,
  };
  throwIfRefused(checkDeleteRange(command));
  return command;
}

export function rangeFrom(request: RangeRequest): RangeQuery {
  if (request.key.length === 0) throw new QuorateError('EMPTY_KEY', 'range without a key');
  const sortOrder = sortOrders[request.sortOrder];
  const sortTarget = sortTargets[request.sortTarget];
  if (sortOrder === undefined || sortTarget === undefined) {
    throw new QuorateError('INVALID_SORT_OPTION', `order ${request.sortOrder}, target ${request.sortTarget}`);
  }
  const query: RangeQuery = {
    kind: 'range',
    key: byteStringFrom(request.key),
    rangeEnd: byteStringFrom(request.rangeEnd),
    limit: clampedInteger(request.limit),
    revision: clampedInteger(request.revision),
    sortOrder,
    sortTarget,
    serializable: request.serializable,
    keysOnly: request.keysOnly,
    countOnly: request.countOnly,
    minModRevision: clampedInteger(request.minModRevision),
    maxModRevision: clampedInteger(request.maxModRevision),
    minCreateRevision: clampedInteger(request.minCreateRevision),
    maxCreateRevision: clampedInteger(request.maxCreateRevision),
  };
  throwIfRefused(checkRange(query));
  return query;
}

export function compactFrom(request: CompactionRequest): CompactCommand {
  const command: CompactCommand = { kind: 'compact', revision: clampedInteger(request.revision) };
  throwIfRefused(checkCompact(command));
  return command;
}

/** `opsMax` holds for each list; a nested txn gets what the longest list of its parent leaves. */
export function txnFrom(request: TxnRequest, opsMax: number): TxnCommand {
  const command = txnAt(request, opsMax, 1);
  throwIfRefused(checkTxn(command, opsMax));
  return command;
}

function txnAt(request: TxnRequest, opsMax: number, depth: number): TxnCommand {
  if (depth > TXN_DEPTH_MAX) throw new QuorateError('TXN_TOO_DEEP', `deeper than ${TXN_DEPTH_MAX} levels`);
  const { compare, success, failure } = request;
  const ops = Math.max(compare.length, success.length, failure.length);
  if (ops > opsMax) throw new QuorateError('TOO_MANY_OPS', `${ops} in one list, at most ${opsMax} at depth ${depth}`);
  return {
    kind: 'txn',
    compares: compare.map(compareFrom),
    success: success.map((op) => opFrom(op, opsMax - ops, depth)),
    failure: failure.map((op) => opFrom(op, opsMax - ops, depth)),
  };
}

function opFrom({ request }: RequestOp, opsMax: number, depth: number): TxnOp {
  switch (request?.$case) {
    case 'requestRange':
      return rangeFrom(request.value);
    case 'requestPut':
      return putFrom(request.value);
    case 'requestDeleteRange':
      return deleteRangeFrom(request.value);
    case 'requestTxn':
      return txnAt(request.value, opsMax, depth + 1);
    case 'requestFence':
      return {
        kind: 'fence',
        key: byteStringFrom(request.value.key),
        token: clampedInteger(request.value.token),
      };
    case undefined:
      // An op without a request, or of a kind that this release does not know. The code is etcd's.
      throw new QuorateError('KEY_NOT_FOUND', 'an operation of the transaction holds no known request');
  }
}

function compareFrom(request: WireCompare): Compare {
  if (request.key.length === 0) throw new QuorateError('EMPTY_KEY', 'compare without a key');
  const result = compareResults[request.result];
  if (result === undefined) throw new QuorateError('INVALID_COMPARE', `result ${request.result}`);
  const common = { key: byteStringFrom(request.key), rangeEnd: byteStringFrom(request.rangeEnd), result };
  return { ...common, ...operandOf(request) };
}

/** An operand that is absent, or belongs to another target, counts as zero or empty: etcd's rule. */
function operandOf({ target, targetUnion: given }: WireCompare) {
  switch (target) {
    case 0:
      return { target: 'version', operand: given?.$case === 'version' ? clampedInteger(given.value) : 0 } as const;
    case 1:
      return {
        target: 'create',
        operand: given?.$case === 'createRevision' ? clampedInteger(given.value) : 0,
      } as const;
    case 2:
      return { target: 'mod', operand: given?.$case === 'modRevision' ? clampedInteger(given.value) : 0 } as const;
    case 3:
      return { target: 'value', operand: given?.$case === 'value' ? byteStringFrom(given.value) : '' } as const;
    case 4:
      return { target: 'lease', operand: given?.$case === 'lease' ? given.value : 0n } as const;
    case 1000:
      return { target: 'grant', operand: given?.$case === 'grantToken' ? clampedInteger(given.value) : 0 } as const;
    default:
      throw new QuorateError('INVALID_COMPARE', `target ${target}`);
  }
}

function throwIfRefused(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw new QuorateError(refusal.code, refusal.detail);
}
