import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { type ErrorCode, QuorateError } from '../../server/lib/quorate-error.js';
import { MalformedMessage } from '../../server/rpc/codec.js';
import { codeTrailer, detailTrailer, wireErrors, wireStatusOf } from '../../server/rpc/errors.js';

/** Status and text of every code, as clients know them: changing one breaks somebody's program. */
const promised: Readonly<Record<ErrorCode, readonly [code: number, text: string]>> = {
  EMPTY_KEY: [3, 'etcdserver: key is not provided'],
  VALUE_PROVIDED: [3, 'etcdserver: value is provided'],
  LEASE_PROVIDED: [3, 'etcdserver: lease is provided'],
  TOO_MANY_OPS: [3, 'etcdserver: too many operations in txn request'],
  TXN_TOO_DEEP: [3, 'quorate: transaction is nested too deeply'],
  DUPLICATE_KEY: [3, 'etcdserver: duplicate key given in txn request'],
  INVALID_SORT_OPTION: [3, 'etcdserver: invalid sort option'],
  INVALID_COMPARE: [3, 'quorate: invalid compare'],
  INVALID_REVISION: [3, 'quorate: invalid revision'],
  NO_LEADER_KEY: [2, '"leader" field must be provided'],
  REQUEST_TOO_LARGE: [3, 'etcdserver: request is too large'],
  RESPONSE_TOO_LARGE: [8, 'quorate: response is too large'],
  LEASE_TTL_TOO_LARGE: [11, 'etcdserver: too large lease TTL'],
  INVALID_LEASE: [3, 'quorate: invalid lease'],
  INVALID_SESSION: [3, 'quorate: invalid session'],
  INVALID_GRANT: [3, 'quorate: invalid grant'],
  GRANT_OWNED: [9, 'quorate: the owner waits for the grant or holds it'],
  GRANT_NOT_FOUND: [5, 'quorate: no such grant'],
  TOO_MANY_GRANTS: [8, 'quorate: too many grants'],
  FENCED: [9, 'quorate: a newer token was here before'],
  INVALID_SEQUENCE: [3, 'quorate: invalid sequence number'],
  INVALID_FRAME: [3, 'quorate: invalid frame'],
  UNSUPPORTED_VERSION: [9, 'quorate: unsupported protocol version'],
  UNIMPLEMENTED: [12, 'quorate: not implemented'],
  KEY_NOT_FOUND: [3, 'etcdserver: key not found'],
  LEASE_NOT_FOUND: [5, 'etcdserver: requested lease not found'],
  LEASE_EXISTS: [9, 'etcdserver: lease already exists'],
  LEASE_TOO_LARGE: [8, 'quorate: too much hangs on one lease'],
  MEMBER_NOT_FOUND: [5, 'etcdserver: member not found'],
  TURN_LOST: [2, 'mutex: session is expired'],
  NOT_ELECTED: [2, 'election: not leader'],
  NO_ELECTED: [2, 'election: no leader'],
  TOO_MANY_WRITES: [8, 'quorate: request writes too many keys or bytes'],
  COMPACTED: [11, 'etcdserver: mvcc: required revision has been compacted'],
  FUTURE_REVISION: [11, 'etcdserver: mvcc: required revision is a future revision'],
  UNKNOWN_COMMAND: [3, 'quorate: unknown command'],
  SESSION_EXPIRED: [5, 'quorate: session is expired'],
  TOO_MANY_SESSIONS: [8, 'quorate: too many sessions'],
  SEQUENCE_GAP: [9, 'quorate: an earlier write of the session is missing'],
  SEQUENCE_SETTLED: [9, 'quorate: the write was given up'],
  SESSION_WINDOW_FULL: [8, 'quorate: the session keeps too many replies'],
  REPLY_TOO_LARGE: [11, 'quorate: applied, but the reply was too large to be kept'],
  REPLY_TOO_OLD: [11, 'quorate: applied, but what the reply reads was compacted'],
  NO_LEADER: [14, 'etcdserver: no leader'],
  LEADER_CHANGED: [14, 'etcdserver: leader changed'],
  TOO_MANY_REQUESTS: [8, 'etcdserver: too many requests'],
  PROPOSAL_DROPPED: [14, 'etcdserver: leader changed'],
  STOPPED: [14, 'etcdserver: server stopped'],
  NOT_ON_LEARNER: [9, 'etcdserver: rpc not supported for learner'],
  CANCELED: [1, 'context canceled'],
  DEADLINE_EXCEEDED: [4, 'context deadline exceeded'],
  TIMEOUT: [14, 'etcdserver: request timed out'],
  OUTCOME_UNKNOWN: [14, 'etcdserver: request timed out'],
};

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(promised, code);

describe('the table of errors', () => {
  it('has a row for every code, and no other', () => {
    expect(Object.keys(wireErrors).sort()).toEqual(Object.keys(promised).sort());
  });

  it.each(Object.keys(promised).filter(isErrorCode))('%s', (code) => {
    const [number, text] = promised[code];
    const wire = wireStatusOf(new QuorateError(code));
    expect(wire).toMatchObject({ code: number, details: text, isUnforeseen: false });
    expect(wire.metadata.get(codeTrailer)).toEqual([code]);
    expect(wire.metadata.get(detailTrailer)).toEqual([]);
  });

  it('puts what was wrong into a text of ours, and never into one of etcd', () => {
    const ours = wireStatusOf(new QuorateError('RESPONSE_TOO_LARGE', '9 bytes, at most 8'));
    expect(ours.details).toBe('quorate: response is too large: 9 bytes, at most 8');
    const etcds = wireStatusOf(new QuorateError('TOO_MANY_OPS', '129 in one list, at most 128'));
    expect(etcds.details).toBe('etcdserver: too many operations in txn request');
    expect(decodeURIComponent(String(etcds.metadata.get(detailTrailer)[0]))).toBe('129 in one list, at most 128');
  });

  it('carries any detail safely in a trailer', () => {
    const wire = wireStatusOf(new QuorateError('EMPTY_KEY', 'line\nbreak \u00ff % "'));
    expect(decodeURIComponent(String(wire.metadata.get(detailTrailer)[0]))).toBe('line\nbreak \u00ff % "');
  });
});

describe('what is no QuorateError', () => {
  it('a broken invariant is never turned into an answer', () => {
    const broken = new InvariantError('applied <= commit', { applied: 2, commit: 1 });
    expect(() => wireStatusOf(broken)).toThrow(broken);
  });

  it('a malformed message says so', () => {
    const wire = wireStatusOf(new MalformedMessage('unexpected EOF'));
    expect(wire).toMatchObject({ code: 13, details: 'grpc: error unmarshalling request: unexpected EOF' });
    expect(wire.isUnforeseen).toBe(false);
  });

  it.each([new TypeError('secret internals'), 'a string', undefined, null])('%s is an internal error', (thrown) => {
    expect(wireStatusOf(thrown)).toMatchObject({
      code: status.INTERNAL,
      details: 'quorate: internal error',
      isUnforeseen: true,
    });
  });
});
