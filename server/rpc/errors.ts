/**
 * THE table: what each error code of ours looks like on the wire. Clients of etcd recognise errors by their exact
 * text, so those texts never change by a byte. Programs of ours read the code itself, from the trailer quorate-code;
 * what exactly was wrong (limit and value) is in quorate-detail, percent-encoded.
 */
import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { InvariantError } from '../lib/assert.js';
import { QuorateError, type ErrorCode } from '../lib/quorate-error.js';
import { MalformedMessage } from './codec.js';

export const codeTrailer = 'quorate-code';
export const detailTrailer = 'quorate-detail';

interface WireError {
  readonly status: status;
  readonly text: string;
}

export const wireErrors: Readonly<Record<ErrorCode, WireError>> = {
  EMPTY_KEY: { status: status.INVALID_ARGUMENT, text: 'etcdserver: key is not provided' },
  VALUE_PROVIDED: { status: status.INVALID_ARGUMENT, text: 'etcdserver: value is provided' },
  LEASE_PROVIDED: { status: status.INVALID_ARGUMENT, text: 'etcdserver: lease is provided' },
  TOO_MANY_OPS: { status: status.INVALID_ARGUMENT, text: 'etcdserver: too many operations in txn request' },
  TXN_TOO_DEEP: { status: status.INVALID_ARGUMENT, text: 'quorate: transaction is nested too deeply' },
  DUPLICATE_KEY: { status: status.INVALID_ARGUMENT, text: 'etcdserver: duplicate key given in txn request' },
  INVALID_SORT_OPTION: { status: status.INVALID_ARGUMENT, text: 'etcdserver: invalid sort option' },
  INVALID_COMPARE: { status: status.INVALID_ARGUMENT, text: 'quorate: invalid compare' },
  INVALID_REVISION: { status: status.INVALID_ARGUMENT, text: 'quorate: invalid revision' },
  NO_LEADER_KEY: { status: status.UNKNOWN, text: '"leader" field must be provided' },
  REQUEST_TOO_LARGE: { status: status.INVALID_ARGUMENT, text: 'etcdserver: request is too large' },
  RESPONSE_TOO_LARGE: { status: status.RESOURCE_EXHAUSTED, text: 'quorate: response is too large' },
  LEASE_TTL_TOO_LARGE: { status: status.OUT_OF_RANGE, text: 'etcdserver: too large lease TTL' },
  INVALID_LEASE: { status: status.INVALID_ARGUMENT, text: 'quorate: invalid lease' },
  INVALID_GRANT: { status: status.INVALID_ARGUMENT, text: 'quorate: invalid grant' },
  GRANT_OWNED: { status: status.FAILED_PRECONDITION, text: 'quorate: the owner waits for the grant or holds it' },
  GRANT_NOT_FOUND: { status: status.NOT_FOUND, text: 'quorate: no such grant' },
  TOO_MANY_GRANTS: { status: status.RESOURCE_EXHAUSTED, text: 'quorate: too many grants' },
  FENCED: { status: status.FAILED_PRECONDITION, text: 'quorate: a newer token was here before' },
  INVALID_SESSION: { status: status.INVALID_ARGUMENT, text: 'quorate: invalid session' },
  INVALID_SEQUENCE: { status: status.INVALID_ARGUMENT, text: 'quorate: invalid sequence number' },
  INVALID_FRAME: { status: status.INVALID_ARGUMENT, text: 'quorate: invalid frame' },
  UNSUPPORTED_VERSION: { status: status.FAILED_PRECONDITION, text: 'quorate: unsupported protocol version' },
  UNIMPLEMENTED: { status: status.UNIMPLEMENTED, text: 'quorate: not implemented' },
  // etcd sends INVALID_ARGUMENT here, not NOT_FOUND.
  KEY_NOT_FOUND: { status: status.INVALID_ARGUMENT, text: 'etcdserver: key not found' },
  LEASE_NOT_FOUND: { status: status.NOT_FOUND, text: 'etcdserver: requested lease not found' },
  LEASE_EXISTS: { status: status.FAILED_PRECONDITION, text: 'etcdserver: lease already exists' },
  LEASE_TOO_LARGE: { status: status.RESOURCE_EXHAUSTED, text: 'quorate: too much hangs on one lease' },
  MEMBER_NOT_FOUND: { status: status.NOT_FOUND, text: 'etcdserver: member not found' },
  // These three have no status of their own in etcd either.
  TURN_LOST: { status: status.UNKNOWN, text: 'mutex: session is expired' },
  NOT_ELECTED: { status: status.UNKNOWN, text: 'election: not leader' },
  NO_ELECTED: { status: status.UNKNOWN, text: 'election: no leader' },
  TOO_MANY_WRITES: { status: status.RESOURCE_EXHAUSTED, text: 'quorate: request writes too many keys or bytes' },
  COMPACTED: { status: status.OUT_OF_RANGE, text: 'etcdserver: mvcc: required revision has been compacted' },
  FUTURE_REVISION: { status: status.OUT_OF_RANGE, text: 'etcdserver: mvcc: required revision is a future revision' },
  UNKNOWN_COMMAND: { status: status.INVALID_ARGUMENT, text: 'quorate: unknown command' },
  SESSION_EXPIRED: { status: status.NOT_FOUND, text: 'quorate: session is expired' },
  TOO_MANY_SESSIONS: { status: status.RESOURCE_EXHAUSTED, text: 'quorate: too many sessions' },
  SEQUENCE_GAP: { status: status.FAILED_PRECONDITION, text: 'quorate: an earlier write of the session is missing' },
  SEQUENCE_SETTLED: { status: status.FAILED_PRECONDITION, text: 'quorate: the write was given up' },
  SESSION_WINDOW_FULL: { status: status.RESOURCE_EXHAUSTED, text: 'quorate: the session keeps too many replies' },
  REPLY_TOO_LARGE: { status: status.OUT_OF_RANGE, text: 'quorate: applied, but the reply was too large to be kept' },
  REPLY_TOO_OLD: { status: status.OUT_OF_RANGE, text: 'quorate: applied, but what the reply reads was compacted' },
  NO_LEADER: { status: status.UNAVAILABLE, text: 'etcdserver: no leader' },
  LEADER_CHANGED: { status: status.UNAVAILABLE, text: 'etcdserver: leader changed' },
  // etcd declares RESOURCE_EXHAUSTED and sends UNKNOWN by mistake; the declared one tells a client to slow down.
  TOO_MANY_REQUESTS: { status: status.RESOURCE_EXHAUSTED, text: 'etcdserver: too many requests' },
  PROPOSAL_DROPPED: { status: status.UNAVAILABLE, text: 'etcdserver: leader changed' },
  STOPPED: { status: status.UNAVAILABLE, text: 'etcdserver: server stopped' },
  NOT_ON_LEARNER: { status: status.FAILED_PRECONDITION, text: 'etcdserver: rpc not supported for learner' },
  CANCELED: { status: status.CANCELLED, text: 'context canceled' },
  DEADLINE_EXCEEDED: { status: status.DEADLINE_EXCEEDED, text: 'context deadline exceeded' },
  TIMEOUT: { status: status.UNAVAILABLE, text: 'etcdserver: request timed out' },
  OUTCOME_UNKNOWN: { status: status.UNAVAILABLE, text: 'etcdserver: request timed out' },
};

/** A refusal that goes out with its text but without its status. */
export class UntypedRefusal extends Error {
  override readonly name = 'UntypedRefusal';

  constructor(readonly refusal: QuorateError) {
    super(refusal.message, { cause: refusal });
  }
}

/**
 * The status of whatever a handler threw. An InvariantError is thrown again: it must end the process, not a request.
 * Anything else that nobody foresaw is a bug of a door, which costs one request, never the member: `isUnforeseen`.
 */
export function wireStatusOf(error: unknown): WireStatus {
  if (error instanceof QuorateError) return knownStatus(error);
  if (error instanceof UntypedRefusal) return { ...knownStatus(error.refusal), code: status.UNKNOWN };
  if (error instanceof InvariantError) throw error;
  const isMalformed = error instanceof MalformedMessage;
  const details = isMalformed ? error.message : 'quorate: internal error';
  return { code: status.INTERNAL, details, metadata: new Metadata(), isUnforeseen: !isMalformed };
}

export interface WireStatus extends StatusObject {
  readonly isUnforeseen: boolean;
}

function knownStatus({ code, detail }: QuorateError): WireStatus {
  const { status, text } = wireErrors[code];
  const metadata = new Metadata();
  metadata.set(codeTrailer, code);
  if (detail !== '') metadata.set(detailTrailer, encodeURIComponent(detail));
  const isOurs = text.startsWith('quorate: ');
  return {
    code: status,
    details: isOurs && detail !== '' ? `${text}: ${detail}` : text,
    metadata,
    isUnforeseen: false,
  };
}
