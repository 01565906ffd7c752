/**
 * Every code that an error of this package can carry, and what it means: docs/errors.md is made from this table. A code
 * never changes its meaning and is never reused.
 */
import type { Outcome } from './outcome.js';

export interface CodeFacts {
  /** What one attempt that ended so tells about a write, unless the server says otherwise. */
  readonly outcome: Outcome;
  /** The same call, made again, may succeed. */
  readonly retryable: boolean;
  readonly meaning: string;
}

const refusal = (meaning: string): CodeFacts => ({ outcome: 'notApplied', retryable: false, meaning });
const passing = (meaning: string): CodeFacts => ({ outcome: 'notApplied', retryable: true, meaning });
const doubt = (meaning: string, retryable = true): CodeFacts => ({ outcome: 'unknown', retryable, meaning });
const done = (meaning: string): CodeFacts => ({ outcome: 'applied', retryable: false, meaning });

const table = {
  // Found by the client itself.
  INVALID_ARGUMENT: refusal('The client refused the call before sending it: an argument makes no sense.'),
  INVALID_VALUE: refusal('A value does not match the schema of its keyspace. `cause` holds the issues.'),
  CLOSED: refusal('The client is closed or closing.'),
  CANCELED: doubt('The signal of the caller was aborted; `cause` is its reason.', false),
  DEADLINE_EXCEEDED: doubt('The timeout of the call passed.', false),
  UNAVAILABLE: doubt('No member could be reached, or the connection broke before the answer came.'),
  TOO_MANY_WAITING: passing('Too many calls of this client wait for an answer.'),
  LEASE_LOST: refusal('The lease is over, or may be over: whatever it guarded may belong to somebody else.'),
  LEASE_AT_RISK: refusal('The machine seems to have been suspended: the lease counts again once it has been renewed.'),
  GRANT_LOST: refusal('The grant is over: somebody else may have what it was for.'),
  BARRIER_FULL: refusal('As many as the barrier takes are there, or have met and not all left.'),
  TERM_OVERRUN: refusal('The work of a term went on after the term was lost, for longer than it may.'),
  ROLLED_BACK: refusal('The database that a fence guards has rolled the transaction back.'),
  UNSUPPORTED: refusal('The member does not offer this.'),
  UNRECOGNIZED: doubt('The member answered in a way that this client does not understand.', false),

  // The request is at fault.
  EMPTY_KEY: refusal('The key is empty.'),
  VALUE_PROVIDED: refusal('A put that keeps the present value must not bring one.'),
  LEASE_PROVIDED: refusal('A put that keeps the present lease must not bring one.'),
  TOO_MANY_OPS: refusal('The transaction has too many operations.'),
  TXN_TOO_DEEP: refusal('The transaction is nested too deeply.'),
  DUPLICATE_KEY: refusal('The transaction writes the same key twice.'),
  INVALID_SORT_OPTION: refusal('The sort option is unknown.'),
  INVALID_COMPARE: refusal('The comparison is unknown.'),
  INVALID_REVISION: refusal('The revision makes no sense.'),
  NO_LEADER_KEY: refusal('The leader to speak for was not named.'),
  REQUEST_TOO_LARGE: refusal('The request is larger than the member accepts.'),
  LEASE_TTL_TOO_LARGE: refusal('The ttl is larger than the cluster accepts.'),
  INVALID_LEASE: refusal('The lease id makes no sense.'),
  INVALID_SESSION: refusal('The session makes no sense.'),
  INVALID_GRANT: refusal('What is asked of a grant makes no sense, or is not what others ask of its name.'),
  INVALID_SEQUENCE: refusal('A write of a session has no sequence number, or something else has one.'),
  INVALID_FRAME: refusal('A frame of the stream makes no sense where it stands.'),
  UNSUPPORTED_VERSION: refusal('The member does not speak this version of the session protocol.'),
  UNIMPLEMENTED: refusal('The member does not know this call.'),

  // The state refuses.
  KEY_NOT_FOUND: refusal('The key does not exist.'),
  LEASE_NOT_FOUND: refusal('The lease does not exist, or does not any more.'),
  LEASE_EXISTS: refusal('The lease id is taken.'),
  LEASE_TOO_LARGE: refusal('Too much hangs on one lease.'),
  MEMBER_NOT_FOUND: refusal('The member is not part of the cluster.'),
  TURN_LOST: refusal('The place in a waiting line is gone.'),
  NOT_ELECTED: refusal('The leadership that was named is over.'),
  NO_ELECTED: refusal('Nobody leads this election.'),
  GRANT_OWNED: refusal('The owner would wait for itself: it has the grant already, or waits for it.'),
  GRANT_NOT_FOUND: refusal('There is no such grant, or no longer.'),
  FENCED: refusal('The token is not current, or a newer one was here before.'),
  TOO_MANY_WRITES: refusal('The request writes too many keys or bytes.'),
  COMPACTED: refusal('The revision is no longer part of history.'),
  FUTURE_REVISION: refusal('The revision has not happened yet.'),
  UNKNOWN_COMMAND: refusal('The cluster does not know this kind of write.'),
  NO_SPACE: refusal('The store is full.'),
  CORRUPT: refusal('The cluster has found its data damaged.'),
  PERMISSION_DENIED: refusal('The user may not do this.'),
  INVALID_AUTH_TOKEN: refusal('The token is not, or no longer, valid.'),
  AUTHENTICATION_FAILED: refusal('User or password is wrong.'),
  AUTH_NOT_ENABLED: refusal('The cluster has no authentication.'),

  // The cluster cannot take the request now; it surely did not happen.
  NO_LEADER: passing('Nobody leads the cluster at the moment.'),
  LEADER_CHANGED: passing('The leader changed before the read was confirmed.'),
  TOO_MANY_REQUESTS: passing('The member has too much to do.'),
  PROPOSAL_DROPPED: passing('Another entry took the place of the write in the log.'),
  STOPPED: passing('The member stops.'),
  NOT_ON_LEARNER: passing('The member only learns and serves next to nothing.'),
  TIMEOUT: passing('A read was not confirmed in time.'),
  TOO_MANY_GRANTS: passing('There are as many grants as the cluster, the name or the lease takes.'),
  TOO_MANY_SESSIONS: passing('The cluster has as many sessions as it takes.'),
  SEQUENCE_GAP: passing('A write before this one has not been applied yet.'),
  SESSION_WINDOW_FULL: passing('The session keeps as many replies as it may.'),

  // About the outcome itself.
  OUTCOME_UNKNOWN: doubt('The member cannot tell whether the write happened.'),
  SESSION_EXPIRED: doubt(
    'The session is over, and with it the memory of what was applied. A new one has begun.',
    false,
  ),
  SEQUENCE_SETTLED: refusal('The write was given up before.'),
  RESPONSE_TOO_LARGE: done('The answer is larger than the member sends: use `limit`, or `scan`.'),
  REPLY_TOO_LARGE: done('The write happened; its reply was too large to be kept.'),
  REPLY_TOO_OLD: done('The write happened; what it read has been compacted since.'),
} as const satisfies Readonly<Record<string, CodeFacts>>;

export type ErrorCode = keyof typeof table;

export const errorCodes: Readonly<Record<ErrorCode, CodeFacts>> = table;

/** Undefined for a code that this release has never heard of. */
export function knownCode(text: string): ErrorCode | undefined {
  return Object.hasOwn(table, text) ? (text as ErrorCode) : undefined;
}
