/**
 * Every error that a caller may meet. A code is a promise: it never changes its meaning and is never reused. The wire
 * status and text of each stand in one table, rpc/errors.ts.
 */
export type ErrorCode =
  // The request itself is at fault; nothing was proposed.
  | 'EMPTY_KEY'
  | 'VALUE_PROVIDED'
  | 'LEASE_PROVIDED'
  | 'TOO_MANY_OPS'
  | 'TXN_TOO_DEEP'
  | 'DUPLICATE_KEY'
  | 'INVALID_SORT_OPTION'
  | 'INVALID_COMPARE'
  | 'INVALID_REVISION'
  | 'NO_LEADER_KEY'
  | 'REQUEST_TOO_LARGE'
  | 'RESPONSE_TOO_LARGE'
  | 'LEASE_TTL_TOO_LARGE'
  | 'INVALID_LEASE'
  | 'INVALID_SESSION'
  | 'INVALID_GRANT'
  // A write of a session without a sequence number, or something else with one.
  | 'INVALID_SEQUENCE'
  // A frame of a stream that makes no sense where it stands, or a version that this member does not speak.
  | 'INVALID_FRAME'
  | 'UNSUPPORTED_VERSION'
  | 'UNIMPLEMENTED'
  // Refused by the state machine, identically on every member; nothing changed.
  | 'KEY_NOT_FOUND'
  | 'LEASE_NOT_FOUND'
  | 'LEASE_EXISTS'
  | 'LEASE_TOO_LARGE'
  | 'MEMBER_NOT_FOUND'
  // The place in a waiting line is gone, with its lease or by another's hand.
  | 'TURN_LOST'
  // The leadership that was named is over.
  | 'NOT_ELECTED'
  // Nobody leads this election.
  | 'NO_ELECTED'
  // An owner would wait for itself.
  | 'GRANT_OWNED'
  // There is no such grant, or no longer.
  | 'GRANT_NOT_FOUND'
  | 'TOO_MANY_GRANTS'
  // A newer token was here before.
  | 'FENCED'
  | 'TOO_MANY_WRITES'
  | 'COMPACTED'
  | 'FUTURE_REVISION'
  | 'UNKNOWN_COMMAND'
  // There is no such session, or no longer.
  | 'SESSION_EXPIRED'
  | 'TOO_MANY_SESSIONS'
  // A write before this one is missing: it was not applied, and is to be sent again after that one.
  | 'SEQUENCE_GAP'
  // The client has given this number up.
  | 'SEQUENCE_SETTLED'
  | 'SESSION_WINDOW_FULL'
  // Applied, and only the reply to it is gone: it was too large to be kept, or reads what was compacted since.
  | 'REPLY_TOO_LARGE'
  | 'REPLY_TOO_OLD'
  // The cluster could not take the request; it was surely not applied.
  | 'NO_LEADER'
  | 'LEADER_CHANGED'
  | 'TOO_MANY_REQUESTS'
  | 'PROPOSAL_DROPPED'
  | 'STOPPED'
  // This member learns: it serves next to nothing.
  | 'NOT_ON_LEARNER'
  | 'CANCELED'
  // The deadline passed before the request was proposed: it was surely not applied.
  | 'DEADLINE_EXCEEDED'
  // A read was not confirmed in time; nothing changed.
  | 'TIMEOUT'
  // The outcome is unknown: the write may have happened, or may still happen.
  | 'OUTCOME_UNKNOWN';

export class QuorateError extends Error {
  override readonly name = 'QuorateError';

  /** `detail` is for people: it names the limit and the value. Programs read `code` only. */
  constructor(
    readonly code: ErrorCode,
    readonly detail = '',
    options?: ErrorOptions,
  ) {
    super(detail === '' ? code : `${code}: ${detail}`, options);
  }
}
