/** Short ways to write commands down in tests: what a test does not name has its usual value. */
import type {
  ClusterTimeCommand,
  Command,
  CompactCommand,
  Compare,
  DeleteRangeCommand,
  LeaseCheckpointCommand,
  LeaseExpireCommand,
  LeaseGrantCommand,
  LeaseRevokeCommand,
  PutCommand,
  RangeQuery,
  SessionOpenCommand,
  TxnCommand,
  TxnOp,
  VoidCommand,
} from '../../server/state/command.js';
import { keyQuery } from '../../server/state/key-query.js';
import type { KeyValue } from '../../server/state/result.js';

export function put(key: string, value = '', rest: Partial<PutCommand> = {}): PutCommand {
  return { kind: 'put', key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false, ...rest };
}

export function del(key: string, rangeEnd = '', rest: Partial<DeleteRangeCommand> = {}): DeleteRangeCommand {
  return { kind: 'deleteRange', key, rangeEnd, prevKv: false, ...rest };
}

export function range(key: string, rangeEnd = '', rest: Partial<RangeQuery> = {}): RangeQuery {
  return { ...keyQuery(key), rangeEnd, ...rest };
}

export function txn(
  success: readonly TxnOp[],
  failure: readonly TxnOp[] = [],
  compares: readonly Compare[] = [],
): TxnCommand {
  return { kind: 'txn', compares, success, failure };
}

export function compact(revision: number): CompactCommand {
  return { kind: 'compact', revision };
}

export function grant(id: bigint, ttlMs = 1000): LeaseGrantCommand {
  return { kind: 'leaseGrant', id, ttlMs };
}

export function revoke(id: bigint): LeaseRevokeCommand {
  return { kind: 'leaseRevoke', id };
}

/** Of leases that were granted by no entry of a log, as by StateMachine.apply without one. */
export function expire(term: number, ...ids: readonly bigint[]): LeaseExpireCommand {
  return { kind: 'leaseExpire', term, leases: ids.map((id) => ({ id, grantedIndex: 0 })) };
}

/** The same. */
export function checkpoint(
  term: number,
  ...leases: readonly { readonly id: bigint; readonly remainingMs: number }[]
): LeaseCheckpointCommand {
  return { kind: 'leaseCheckpoint', term, leases: leases.map((lease) => ({ ...lease, grantedIndex: 0 })) };
}

export function sessionOpen(clientName = '', ttlMs = 300_000): SessionOpenCommand {
  return { kind: 'sessionOpen', clientName, ttlMs };
}

export function clusterTime(term: number, ms: number): ClusterTimeCommand {
  return { kind: 'clusterTime', term, ms };
}

export const VOID: VoidCommand = { kind: 'void' };

/** A command that no type allows, as another release might have logged it. */
export function strange(command: object): Command & TxnOp {
  return command as Command & TxnOp;
}

export function kv(key: string, value: string, create: number, mod: number, version: number): KeyValue {
  return { key, value, createRevision: create, modRevision: mod, version, lease: 0n };
}
