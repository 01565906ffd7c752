/**
 * What the end of a call tells: the code of the error, whether the request can have had an effect, and whether it may fare
 * better elsewhere or later. Members of Quorate name their code. Of etcd's there is only the text, compared as a whole.
 */
import { type ErrorCode, errorCodes, knownCode } from '../core/error-code.js';
import type { AttemptEnd } from '../core/outcome.js';
import type { Refusal } from '../core/session-ledger.js';
import type { CallStatus, StatusName } from '../transport/transport.js';

export interface Fault {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly end: AttemptEnd;
  readonly retryable: boolean;
  /** Another member may do better than this one. */
  readonly isOfMember: boolean;
}

/** etcd's texts that say more than their status. None of these requests had any effect, but for those of doubt. */
const texts: Readonly<Record<string, ErrorCode>> = {
  'etcdserver: key is not provided': 'EMPTY_KEY',
  'etcdserver: key not found': 'KEY_NOT_FOUND',
  'etcdserver: value is provided': 'VALUE_PROVIDED',
  'etcdserver: lease is provided': 'LEASE_PROVIDED',
  'etcdserver: too many operations in txn request': 'TOO_MANY_OPS',
  'etcdserver: duplicate key given in txn request': 'DUPLICATE_KEY',
  'etcdserver: invalid sort option': 'INVALID_SORT_OPTION',
  'etcdserver: mvcc: required revision has been compacted': 'COMPACTED',
  'etcdserver: mvcc: required revision is a future revision': 'FUTURE_REVISION',
  'etcdserver: mvcc: database space exceeded': 'NO_SPACE',
  'etcdserver: request is too large': 'REQUEST_TOO_LARGE',
  'etcdserver: too many requests': 'TOO_MANY_REQUESTS',
  'etcdserver: corrupt cluster': 'CORRUPT',
  'etcdserver: requested lease not found': 'LEASE_NOT_FOUND',
  'etcdserver: lease already exists': 'LEASE_EXISTS',
  'etcdserver: too large lease TTL': 'LEASE_TTL_TOO_LARGE',
  'etcdserver: no leader': 'NO_LEADER',
  'etcdserver: leader changed': 'LEADER_CHANGED',
  'raft proposal dropped': 'PROPOSAL_DROPPED',
  'etcdserver: rpc not supported for learner': 'NOT_ON_LEARNER',
  'etcdserver: permission denied': 'PERMISSION_DENIED',
  'etcdserver: invalid auth token': 'INVALID_AUTH_TOKEN',
  'etcdserver: revision of auth store is old': 'INVALID_AUTH_TOKEN',
  'etcdserver: user name is empty': 'INVALID_AUTH_TOKEN',
  'etcdserver: authentication failed, invalid user ID or password': 'AUTHENTICATION_FAILED',
  'etcdserver: authentication is not enabled': 'AUTH_NOT_ENABLED',
};

/** What is left where neither a code nor a known text says more: etcd may have done the write and still say so. */
const statuses: Readonly<Partial<Record<StatusName, ErrorCode>>> = {
  UNAVAILABLE: 'UNAVAILABLE',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  UNIMPLEMENTED: 'UNIMPLEMENTED',
  CANCELLED: 'UNAVAILABLE',
  INTERNAL: 'UNAVAILABLE',
  UNKNOWN: 'UNAVAILABLE',
};

/** Another member may answer; so may the same one in a moment. */
const ofMember: ReadonlySet<ErrorCode> = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'STOPPED',
  'NOT_ON_LEARNER',
  'NO_LEADER',
]);

export function faultOf(status: CallStatus): Fault {
  if (!status.wasSent)
    return { code: 'UNAVAILABLE', detail: status.text, end: 'notSent', retryable: true, isOfMember: true };
  const named = status.quorateCode === undefined ? texts[status.text] : knownCode(status.quorateCode);
  const code = named ?? statuses[status.name] ?? 'UNRECOGNIZED';
  const { outcome, retryable } = errorCodes[code];
  // A text of etcd alone: its leader may have changed after the write was proposed.
  const isDoubtful = outcome === 'unknown' || (status.quorateCode === undefined && code === 'LEADER_CHANGED');
  return {
    code,
    detail: status.quorateDetail ?? (named === undefined ? `${status.name}: ${status.text}` : ''),
    end: outcome === 'applied' ? 'provedApplied' : isDoubtful ? 'lost' : 'refused',
    retryable: retryable || code === 'DEADLINE_EXCEEDED',
    isOfMember: ofMember.has(code),
  };
}

/** Of a text alone; undefined: it says nothing that is known. */
export function faultOfText(text: string): Pick<Fault, 'code' | 'retryable'> | undefined {
  const code = texts[text];
  return code === undefined ? undefined : { code, retryable: errorCodes[code].retryable };
}

/** Of a failure that came over a session's stream. */
export function codeOfFailure({ code, message, detail }: Refusal): {
  readonly code: ErrorCode;
  readonly detail: string;
} {
  const known = knownCode(code);
  if (known !== undefined) return { code: known, detail };
  return { code: 'UNRECOGNIZED', detail: `${code}: ${detail === '' ? message : detail}` };
}
