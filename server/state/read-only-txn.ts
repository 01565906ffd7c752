/** Which transactions need no log: etcd's rule looks at the direct ops only, so a nested txn always takes the log. */
import type { TxnCommand } from './command.js';

/** Only ranges in both branches, no nested txn. A txn without any op is read-only too. */
export function isReadOnlyTxn(txn: TxnCommand): boolean {
  return [...txn.success, ...txn.failure].every((op) => op.kind === 'range');
}

/** Read-only and content with this member's own state. Compares without any op count as such, as in etcd. */
export function isSerializableTxn(txn: TxnCommand): boolean {
  return [...txn.success, ...txn.failure].every((op) => op.kind === 'range' && op.serializable);
}
