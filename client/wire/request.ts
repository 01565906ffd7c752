/** A request as it is about to be sent: etcd's message in bytes, and how to read the answer. */
import type { Revision } from '../core/ids.js';
import type { AnswerReader } from './answer-reader.js';

/**
 * How fresh a read must be. `linearizable`: the newest of the whole cluster. `session`: any member's state, but never
 * older than what this client has seen. `serializable`: any member's state, however old. `revision`: the store as it was
 * then. `maxStalenessMs`: any member's state that is at most so old.
 */
export type Consistency =
  | 'linearizable'
  | 'session'
  | 'serializable'
  | { readonly revision: Revision }
  | { readonly maxStalenessMs: number };

export type RequestKind =
  | 'range'
  | 'put'
  | 'deleteRange'
  | 'txn'
  | 'compact'
  | 'leaseGrant'
  | 'leaseRevoke'
  | 'leaseTimeToLive'
  | SessionOnlyKind;

/** What only members with sessions know. */
export type SessionOnlyKind = 'grantAcquire' | 'grantRelease' | 'grantProclaim' | 'grantAwait';

export function isSessionOnly(kind: RequestKind): kind is SessionOnlyKind {
  return kind.startsWith('grant');
}

export interface Request<Answer> {
  readonly kind: RequestKind;
  /** It may change something: sent twice without care, it may happen twice. */
  readonly isWrite: boolean;
  /** Of ranges. */
  readonly consistency: Consistency | undefined;
  /** The message of etcd's API. Nobody writes there again. */
  readonly body: Buffer;
  /** Reads the answer's message, which fills the reader to its end. Throws MalformedMessage. */
  readonly decode: (reader: AnswerReader) => Answer;
}
