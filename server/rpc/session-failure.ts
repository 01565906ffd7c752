/**
 * THE table: what each error code says about a request of a session. It speaks of this one request: what became of
 * earlier ones under the same sequence number is for the client to put together.
 */
import { type Failure, Outcome } from '@quorate/proto/quorate/v1/session.js';
import type { ErrorCode, QuorateError } from '../lib/quorate-error.js';
import { wireErrors } from './errors.js';

/** `outcome` is of a write: a read that failed was never applied. */
interface Meaning {
  readonly outcome: Outcome;
  /** The same request, sent again, here or to another member, may succeed. */
  readonly retryable: boolean;
}

/** The same on every member, for ever: the request is at fault, or the store has refused it. */
const refused: Meaning = { outcome: Outcome.NOT_APPLIED, retryable: false };
/** Never in the log, or of no effect there; it may fare better later, or elsewhere. */
const notTaken: Meaning = { outcome: Outcome.NOT_APPLIED, retryable: true };
const applied: Meaning = { outcome: Outcome.APPLIED, retryable: false };
const unknown: Meaning = { outcome: Outcome.UNKNOWN, retryable: true };

export const failures: Readonly<Record<ErrorCode, Meaning>> = {
  EMPTY_KEY: refused,
  VALUE_PROVIDED: refused,
  LEASE_PROVIDED: refused,
  TOO_MANY_OPS: refused,
  TXN_TOO_DEEP: refused,
  DUPLICATE_KEY: refused,
  INVALID_SORT_OPTION: refused,
  INVALID_COMPARE: refused,
  INVALID_REVISION: refused,
  NO_LEADER_KEY: refused,
  REQUEST_TOO_LARGE: refused,
  // Known only once the answer is there.
  RESPONSE_TOO_LARGE: applied,
  LEASE_TTL_TOO_LARGE: refused,
  INVALID_LEASE: refused,
  INVALID_SESSION: refused,
  INVALID_GRANT: refused,
  GRANT_OWNED: refused,
  GRANT_NOT_FOUND: refused,
  TOO_MANY_GRANTS: notTaken,
  FENCED: refused,
  INVALID_SEQUENCE: refused,
  INVALID_FRAME: refused,
  UNSUPPORTED_VERSION: refused,
  UNIMPLEMENTED: refused,
  KEY_NOT_FOUND: refused,
  LEASE_NOT_FOUND: refused,
  LEASE_EXISTS: refused,
  LEASE_TOO_LARGE: refused,
  MEMBER_NOT_FOUND: refused,
  TURN_LOST: refused,
  NOT_ELECTED: refused,
  NO_ELECTED: refused,
  TOO_MANY_WRITES: refused,
  COMPACTED: refused,
  FUTURE_REVISION: refused,
  UNKNOWN_COMMAND: refused,
  SESSION_EXPIRED: refused,
  TOO_MANY_SESSIONS: notTaken,
  SEQUENCE_GAP: notTaken,
  SEQUENCE_SETTLED: refused,
  SESSION_WINDOW_FULL: notTaken,
  REPLY_TOO_LARGE: applied,
  REPLY_TOO_OLD: applied,
  NO_LEADER: notTaken,
  LEADER_CHANGED: notTaken,
  TOO_MANY_REQUESTS: notTaken,
  PROPOSAL_DROPPED: notTaken,
  STOPPED: notTaken,
  NOT_ON_LEARNER: notTaken,
  CANCELED: notTaken,
  DEADLINE_EXCEEDED: notTaken,
  // Of reads alone: a write that is not decided in time is OUTCOME_UNKNOWN.
  TIMEOUT: notTaken,
  OUTCOME_UNKNOWN: unknown,
};

export function failureOf({ code, detail }: QuorateError, isWrite: boolean): Failure {
  const { outcome, retryable } = failures[code];
  return {
    code,
    message: wireErrors[code].text,
    detail,
    outcome: isWrite ? outcome : Outcome.NOT_APPLIED,
    retryable,
  };
}
