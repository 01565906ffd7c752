/**
 * What can be said against a request by reading it alone, in the order in which etcd says it. The doors ask before
 * they propose; apply asks again, because what stands in the log is applied by every member, whoever proposed it.
 * Nothing here looks at the store.
 */
import type {
  CompactCommand,
  Compare,
  CompareResult,
  DeleteRangeCommand,
  FenceOp,
  PutCommand,
  RangeQuery,
  SortOrder,
  SortTarget,
  TxnCommand,
  TxnOp,
} from './command.js';
import { duplicateKey } from './duplicate-key.js';
import { type Refusal, refuse } from './refusal.js';

/**
 * Compares, success ops and failure ops of a txn, each; a nested txn gets what its parent's longest list leaves. What
 * apply accepts, equal on all members for ever; the doors allow as many of these as they are configured to.
 */
export const TXN_OPS_MAX = 65_536;
/** A txn without nested ones has depth 1. */
export const TXN_DEPTH_MAX = 16;

const SORT_ORDERS: ReadonlySet<SortOrder> = new Set(['none', 'ascend', 'descend']);
const SORT_TARGETS: ReadonlySet<SortTarget> = new Set(['key', 'version', 'create', 'mod', 'value']);
const COMPARE_RESULTS: ReadonlySet<CompareResult> = new Set(['equal', 'greater', 'less', 'notEqual']);
const COMPARE_TARGETS: ReadonlySet<Compare['target']> = new Set([
  'version',
  'create',
  'mod',
  'value',
  'lease',
  'grant',
]);

export function checkPut(put: PutCommand): Refusal | undefined {
  if (put.key === '') return emptyKey('put');
  if (put.ignoreValue && put.value !== '') {
    return refuse('VALUE_PROVIDED', `ignoreValue with a value of ${put.value.length} bytes`);
  }
  if (put.ignoreLease && put.lease !== 0n) return refuse('LEASE_PROVIDED', `ignoreLease with lease ${put.lease}`);
  return undefined;
}

export function checkDeleteRange(command: DeleteRangeCommand): Refusal | undefined {
  return command.key === '' ? emptyKey('deleteRange') : undefined;
}

export function checkRange(query: RangeQuery): Refusal | undefined {
  if (query.key === '') return emptyKey('range');
  if (!SORT_ORDERS.has(query.sortOrder) || !SORT_TARGETS.has(query.sortTarget)) {
    return refuse('INVALID_SORT_OPTION', `${String(query.sortOrder)} by ${String(query.sortTarget)}`);
  }
  return checkRevision(query.revision);
}

export function checkCompact(command: CompactCommand): Refusal | undefined {
  return checkRevision(command.revision);
}

export function checkTxn(txn: TxnCommand, opsMax = TXN_OPS_MAX): Refusal | undefined {
  return checkTxnOps(txn, opsMax, 1) ?? checkDuplicateKeys(txn.success) ?? checkDuplicateKeys(txn.failure);
}

function checkTxnOps(txn: TxnCommand, opsMax: number, depth: number): Refusal | undefined {
  if (depth > TXN_DEPTH_MAX) return refuse('TXN_TOO_DEEP', `deeper than ${TXN_DEPTH_MAX} levels`);
  const ops = Math.max(txn.compares.length, txn.success.length, txn.failure.length);
  if (ops > opsMax) return refuse('TOO_MANY_OPS', `${ops} in one list, at most ${opsMax} at depth ${depth}`);
  for (const compare of txn.compares) {
    const refusal = checkCompare(compare);
    if (refusal !== undefined) return refusal;
  }
  for (const branch of [txn.success, txn.failure]) {
    for (const op of branch) {
      const refusal = checkOp(op, opsMax - ops, depth);
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}

function checkCompare(compare: Compare): Refusal | undefined {
  if (compare.key === '') return emptyKey('compare');
  const isKnown = COMPARE_RESULTS.has(compare.result) && COMPARE_TARGETS.has(compare.target);
  const isPlain = compare.rangeEnd === '' && (compare.result === 'equal' || compare.result === 'notEqual');
  if (isKnown && (isPlain || compare.target !== 'grant')) return undefined;
  return refuse('INVALID_COMPARE', `${String(compare.result)} on ${String(compare.target)}`);
}

function checkFence({ key, token }: FenceOp): Refusal | undefined {
  if (key === '') return emptyKey('fence');
  return Number.isSafeInteger(token) && token > 0 ? undefined : refuse('INVALID_GRANT', `a fence of token ${token}`);
}

function checkOp(op: TxnOp, opsMax: number, depth: number): Refusal | undefined {
  switch (op.kind) {
    case 'range':
      return checkRange(op);
    case 'put':
      return checkPut(op);
    case 'deleteRange':
      return checkDeleteRange(op);
    case 'txn':
      return checkTxnOps(op, opsMax, depth + 1);
    case 'fence':
      return checkFence(op);
    default:
      return unknownKind(op);
  }
}

function checkDuplicateKeys(ops: readonly TxnOp[]): Refusal | undefined {
  const key = duplicateKey(ops);
  return key === undefined ? undefined : refuse('DUPLICATE_KEY', `a key of ${key.length} bytes is written twice`);
}

function checkRevision(revision: number): Refusal | undefined {
  return Number.isSafeInteger(revision) ? undefined : refuse('INVALID_REVISION', `${revision} is no safe integer`);
}

function emptyKey(where: string): Refusal {
  return refuse('EMPTY_KEY', `${where} without a key`);
}

/** The types know of no such value, yet a log written by another release may: refused, never a crash. */
export function unknownKind(command: { readonly kind: string }): Refusal {
  return refuse('UNKNOWN_COMMAND', `kind ${String(command.kind)}`);
}
