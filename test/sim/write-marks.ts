/**
 * What a write can be told by, in a call as in a command of the log: no other write of a run has the same. Values are
 * unique in a run; who deletes a key says so in a range of its own.
 */
import type { Call } from '../checkers/operation.js';
import type { Command } from '../../server/state/command.js';

/** The end of a range that holds the key alone, and says who asked. */
export function markedEnd(key: string, token: string): string {
  return `${key}\0${token}`;
}

/** Undefined: it cannot be told from others. */
export function markOf(write: Call | Command): string | undefined {
  switch (write.kind) {
    case 'put':
      return write.value;
    case 'deleteRange':
      return write.rangeEnd?.includes('\0') === true && write.rangeEnd !== '\0' ? write.rangeEnd : undefined;
    case 'txn':
      return valuesOf(write)[0];
    default:
      return undefined;
  }
}

interface Ops {
  readonly success: readonly { readonly kind: string; readonly value?: string }[];
  readonly failure: readonly { readonly kind: string; readonly value?: string }[];
}

function valuesOf({ success, failure }: Ops): readonly string[] {
  return [...success, ...failure].flatMap((op) => (op.kind === 'put' && op.value !== undefined ? [op.value] : []));
}
