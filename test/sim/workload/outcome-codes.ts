/** What each error code says about the call that met it, by the promise of server/lib/quorate-error.ts. */
import { type ErrorCode, QuorateError } from '../../../server/lib/quorate-error.js';
import { putsOf } from '../../checkers/operation-facts.js';
import type { GrantCall } from '../../checkers/grant-operation.js';
import type { LeaseCall } from '../../checkers/lease-operation.js';
import type { Call, Outcome } from '../../checkers/operation.js';

/** The member did not take the request; a client may ask another one. */
const REFUSED_WRITE: ReadonlySet<ErrorCode> = new Set([
  'NO_LEADER',
  'LEADER_CHANGED',
  'TOO_MANY_REQUESTS',
  'PROPOSAL_DROPPED',
  'STOPPED',
  'CANCELED',
  'DEADLINE_EXCEEDED',
]);

const REFUSED_READ: ReadonlySet<ErrorCode> = new Set([
  'NO_LEADER',
  'LEADER_CHANGED',
  'TOO_MANY_REQUESTS',
  'STOPPED',
  'CANCELED',
  'DEADLINE_EXCEEDED',
  'TIMEOUT',
]);

/** What the store says of the lease that a request names. */
const ABOUT_LEASES = {
  grant: 'LEASE_EXISTS',
  revoke: 'LEASE_NOT_FOUND',
} as const satisfies Partial<Record<LeaseCall['kind'], ErrorCode>>;

/** What the store says of the revision that a request names. */
const ABOUT_REVISIONS: ReadonlySet<ErrorCode> = new Set(['COMPACTED', 'FUTURE_REVISION']);

export interface Rejection {
  readonly outcome: Outcome;
  /** Set when no client should ever meet this. */
  readonly complaint: string | undefined;
}

/** Whatever is not expected leaves the outcome open: it is no word to rely on. */
export function rejectionOf(call: Call, error: unknown): Rejection {
  if (!(error instanceof QuorateError)) {
    return { outcome: { kind: 'unknown', code: 'NO_QUORATE_ERROR' }, complaint: `rejected with ${String(error)}` };
  }
  const { code } = error;
  const isRefusal = isRead(call) ? REFUSED_READ.has(code) : REFUSED_WRITE.has(code);
  const isAnswer =
    (ABOUT_REVISIONS.has(code) && namesRevision(call)) || (code === 'LEASE_NOT_FOUND' && namesLease(call));
  if (isRefusal || isAnswer) {
    return { outcome: { kind: 'failed', code }, complaint: undefined };
  }
  const isHonest = code === 'OUTCOME_UNKNOWN' && !isRead(call);
  return { outcome: { kind: 'unknown', code }, complaint: isHonest ? undefined : `rejected with ${error.message}` };
}

/** Whether the code says of a call about leases that it surely did not happen. */
export function isLeaseRefusal({ kind }: LeaseCall, code: ErrorCode): boolean {
  if (kind === 'grant' || kind === 'revoke') return REFUSED_WRITE.has(code) || ABOUT_LEASES[kind] === code;
  return REFUSED_READ.has(code);
}

/** What the store says of a grant, or of the token that a request names. */
const ABOUT_GRANTS: Readonly<Record<GrantCall['kind'], readonly ErrorCode[]>> = {
  acquire: ['LEASE_NOT_FOUND', 'INVALID_GRANT', 'GRANT_OWNED'],
  granted: ['GRANT_NOT_FOUND'],
  release: ['GRANT_NOT_FOUND'],
  force: ['GRANT_NOT_FOUND'],
  proclaim: ['GRANT_NOT_FOUND'],
  describe: [],
  next: [],
  guarded: [],
  fenced: ['FENCED'],
};

/** The same of a call about grants. */
export function isGrantRefusal(call: GrantCall, code: ErrorCode): boolean {
  const { kind } = call;
  if (isGrantDoubt(call, code)) return false;
  // Who waits is told that it is lost.
  if (kind === 'acquire' && call.waitsThere && code === 'GRANT_NOT_FOUND') return true;
  // Learners serve none of it.
  if (code === 'NOT_ON_LEARNER') return true;
  const isQuestion = kind === 'granted' || kind === 'describe' || kind === 'next';
  return ABOUT_GRANTS[kind].includes(code) || (isQuestion ? REFUSED_READ : REFUSED_WRITE).has(code);
}

/** Whether the code leaves it open what became of a call about grants: who waits may have a place when it is told that. */
export function isGrantDoubt(call: GrantCall, code: ErrorCode): boolean {
  if (code === 'OUTCOME_UNKNOWN') return true;
  return call.kind === 'acquire' && call.mayWait && call.waitsThere && WAITS_END.has(code);
}

const WAITS_END: ReadonlySet<ErrorCode> = new Set(['STOPPED', 'CANCELED', 'DEADLINE_EXCEEDED']);

/** Another member, or the same one later, may take what was refused like this. */
export function isWorthAnotherTry(outcome: Outcome): boolean {
  if (outcome.kind !== 'failed') return false;
  const { code } = outcome;
  return !['COMPACTED', 'FUTURE_REVISION', 'CANCELED', 'LEASE_NOT_FOUND'].includes(code);
}

export function isRead(call: Call): boolean {
  if (call.kind === 'txn') return [...call.success, ...call.failure].every(({ kind }) => kind === 'range');
  return call.kind === 'range';
}

function namesLease(call: Call): boolean {
  return putsOf(call).some(({ lease }) => lease !== undefined);
}

function namesRevision(call: Call): boolean {
  if (call.kind === 'txn') {
    return [...call.success, ...call.failure].some((op) => op.kind === 'range' && op.revision > 0);
  }
  return call.kind === 'compact' || (call.kind === 'range' && call.revision > 0);
}
