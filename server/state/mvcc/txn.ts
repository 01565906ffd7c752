/**
 * A transaction in three steps: decide which branches are taken, validate them, execute them. All compares, those of
 * nested transactions too, look at the state before any op; nothing is written before the whole taken path is valid,
 * so there is never anything to undo.
 */
import { assertNever } from '../../lib/assert.js';
import { type ByteString, compareBigints, compareByteStrings } from '../../lib/bytes.js';
import type {
  Compare,
  CompareResult,
  DeleteRangeCommand,
  PutCommand,
  RangeQuery,
  TxnCommand,
  TxnOp,
} from '../command.js';
import { validateFence } from '../grant/fence-mark.js';
import { LeaseRoom } from '../lease/lease-room.js';
import { type Refusal, refuse } from '../refusal.js';
import type { KeyValue, PendingRange, TxnOpResult } from '../result.js';
import { FROM_KEY_ON } from './key-range.js';
import { afterAllOf } from './revision.js';
import type { RevisionWriter } from './revision-writer.js';
import type { Store } from './store.js';
import { WriteSize } from './write-size.js';

/** The branches taken, through all levels. */
export interface TakenPath {
  readonly succeeded: boolean;
  readonly ops: readonly TakenOp[];
}

type TakenOp = Exclude<TxnOp, TxnCommand> | { readonly kind: 'txn'; readonly path: TakenPath };

export function decidePath(store: Store, txn: TxnCommand): TakenPath {
  const succeeded = txn.compares.every((compare) => compareHolds(store, compare));
  const ops = (succeeded ? txn.success : txn.failure).map(
    (op): TakenOp => (op.kind === 'txn' ? { kind: 'txn', path: decidePath(store, op) } : op),
  );
  return { succeeded, ops };
}

function compareHolds(store: Store, compare: Compare): boolean {
  if (compare.target === 'grant') {
    return isSatisfied(compare.result, store.grants.isCurrent(compare.key, compare.operand) ? 0 : 1);
  }
  let isMissing = true;
  let holds = true;
  store.everyLive(compare, (kv) => {
    isMissing = false;
    holds = isSatisfied(compare.result, compareTarget(compare, kv));
    return holds;
  });
  if (!isMissing) return holds;
  // There is no value to compare with: '' would not tell a missing key from an empty one.
  if (compare.target === 'value') return false;
  return isSatisfied(compare.result, compareTarget(compare, MISSING));
}

const MISSING: KeyValue = { key: '', value: '', createRevision: 0, modRevision: 0, version: 0, lease: 0n };

/** Negative when the key's side is the lower one. */
function compareTarget(compare: Exclude<Compare, { target: 'grant' }>, kv: KeyValue): number {
  switch (compare.target) {
    case 'version':
      return kv.version - compare.operand;
    case 'create':
      return kv.createRevision - compare.operand;
    case 'mod':
      return kv.modRevision - compare.operand;
    case 'value':
      return compareByteStrings(kv.value, compare.operand);
    case 'lease':
      return compareBigints(kv.lease, compare.operand);
    default:
      return assertNever(compare);
  }
}

function isSatisfied(result: CompareResult, order: number): boolean {
  switch (result) {
    case 'equal':
      return order === 0;
    case 'notEqual':
      return order !== 0;
    case 'greater':
      return order > 0;
    case 'less':
      return order < 0;
    default:
      return assertNever(result);
  }
}

/** Every put of the taken path, then every range: etcd's order, which decides what a doubly wrong txn is told. */
export function validatePath(store: Store, path: TakenPath): Refusal | undefined {
  return (
    new PutValidation(store).validate(path) ??
    validateRanges(store, path) ??
    validateSize({ size: new WriteSize(store), room: new LeaseRoom(store) }, path)
  );
}

interface Sizes {
  readonly size: WriteSize;
  readonly room: LeaseRoom;
}

function validateSize(sizes: Sizes, path: TakenPath): Refusal | undefined {
  const { size, room } = sizes;
  for (const op of path.ops) {
    let refusal: Refusal | undefined;
    if (op.kind === 'txn') refusal = validateSize(sizes, op.path);
    else if (op.kind === 'put') refusal = size.addPut(op) ?? room.add(op);
    else if (op.kind === 'deleteRange') refusal = size.addDelete(op);
    else if (op.kind === 'fence') refusal = size.addMark(op);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

export function validateDeleteRange(store: Store, command: DeleteRangeCommand): Refusal | undefined {
  return new WriteSize(store).addDelete(command);
}

class PutValidation {
  readonly #store: Store;
  /** Every key from here on is deleted by an earlier op. Other deletes cannot meet a put: see duplicate-key.ts. */
  #deletedFrom: ByteString | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  validate(path: TakenPath): Refusal | undefined {
    for (const op of path.ops) {
      const refusal = this.#validateOp(op);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #validateOp(op: TakenOp): Refusal | undefined {
    if (op.kind === 'txn') return this.validate(op.path);
    if (op.kind === 'put') return this.#checkKey(op) ?? checkLease(this.#store, op);
    if (op.kind === 'fence') return validateFence(this.#store, op);
    if (op.kind === 'deleteRange' && op.rangeEnd === FROM_KEY_ON) {
      if (this.#deletedFrom === undefined || op.key < this.#deletedFrom) this.#deletedFrom = op.key;
    }
    return undefined;
  }

  /** Unlike etcd, which panics when it comes to a put that keeps the value of a key deleted just before. */
  #checkKey(put: PutCommand): Refusal | undefined {
    const isDeleted = this.#deletedFrom !== undefined && put.key >= this.#deletedFrom;
    return needsKey(put) && isDeleted ? keyNotFound(put) : checkKept(this.#store, put);
  }
}

/** For a put of its own etcd looks at the lease first, for one in a txn at the key. */
export function validatePut(store: Store, put: PutCommand): Refusal | undefined {
  return checkLease(store, put) ?? checkKept(store, put) ?? new LeaseRoom(store).add(put);
}

function checkLease(store: Store, { lease }: PutCommand): Refusal | undefined {
  const exists = lease === 0n || store.leases.get(lease) !== undefined;
  return exists ? undefined : refuse('LEASE_NOT_FOUND', `lease ${lease}`);
}

function checkKept(store: Store, put: PutCommand): Refusal | undefined {
  return needsKey(put) && store.live(put.key) === undefined ? keyNotFound(put) : undefined;
}

function needsKey(put: PutCommand): boolean {
  return put.ignoreValue || put.ignoreLease;
}

function keyNotFound(put: PutCommand): Refusal {
  return refuse('KEY_NOT_FOUND', `ignore${put.ignoreValue ? 'Value' : 'Lease'} needs a key that exists`);
}

function validateRanges(store: Store, path: TakenPath): Refusal | undefined {
  for (const op of path.ops) {
    let refusal: Refusal | undefined;
    if (op.kind === 'txn') refusal = validateRanges(store, op.path);
    else if (op.kind === 'range') refusal = store.checkReadableInTxn(op.revision);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

export function executePath(writer: RevisionWriter, path: TakenPath): readonly TxnOpResult[] {
  return path.ops.map((op) => executeOp(writer, op));
}

function executeOp(writer: RevisionWriter, op: TakenOp): TxnOpResult {
  switch (op.kind) {
    case 'range':
      return pendingRange(writer, op);
    case 'put': {
      const prevKv = writer.put(op);
      return { kind: 'put', revision: writer.shownRevision, prevKv: op.prevKv ? prevKv : undefined };
    }
    case 'deleteRange': {
      const deleted = writer.deleteRange(op);
      const prevKvs = op.prevKv ? deleted : [];
      return { kind: 'deleteRange', revision: writer.shownRevision, deleted: deleted.length, prevKvs };
    }
    case 'txn':
      return { kind: 'txn', succeeded: op.path.succeeded, results: executePath(writer, op.path) };
    case 'fence':
      writer.fence(op);
      return { kind: 'put', revision: writer.shownRevision, prevKv: undefined };
    default:
      return assertNever(op);
  }
}

function pendingRange(writer: RevisionWriter, query: RangeQuery): PendingRange {
  const at = query.revision > 0 ? afterAllOf(query.revision) : writer.point;
  return { kind: 'range', query, at, revision: writer.shownRevision };
}
