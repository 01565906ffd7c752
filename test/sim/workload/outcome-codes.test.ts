import { describe, expect, it } from 'vitest';
import { type ErrorCode, QuorateError } from '../../../server/lib/quorate-error.js';
import type { Call } from '../../checkers/operation.js';
import { isLeaseRefusal, rejectionOf } from './outcome-codes.js';

const put: Call = { kind: 'put', key: 'a', value: '1' };
const get: Call = { kind: 'range', key: 'a', revision: 0, limit: 0, read: 'linearizable' };
const oldGet: Call = { ...get, revision: 7 };
const readOnly: Call = {
  kind: 'txn',
  compares: [],
  success: [{ kind: 'range', key: 'a', revision: 0, limit: 0 }],
  failure: [],
};
const writing: Call = { ...readOnly, success: [put, { kind: 'range', key: 'b', revision: 7, limit: 0 }] };
const leased: Call = { ...put, lease: '7' };
const compact: Call = { kind: 'compact', revision: 7 };

const table: readonly (readonly [ErrorCode, Call, 'failed' | 'unknown', 'fine' | 'violation'])[] = [
  ['PROPOSAL_DROPPED', put, 'failed', 'fine'],
  ['DEADLINE_EXCEEDED', writing, 'failed', 'fine'],
  ['STOPPED', compact, 'failed', 'fine'],
  ['OUTCOME_UNKNOWN', put, 'unknown', 'fine'],
  ['OUTCOME_UNKNOWN', writing, 'unknown', 'fine'],
  // A read has no outcome to be in doubt of, and a write that was not confirmed in time is in doubt.
  ['OUTCOME_UNKNOWN', get, 'unknown', 'violation'],
  ['OUTCOME_UNKNOWN', readOnly, 'unknown', 'violation'],
  ['TIMEOUT', get, 'failed', 'fine'],
  ['TIMEOUT', readOnly, 'failed', 'fine'],
  ['TIMEOUT', put, 'unknown', 'violation'],
  ['PROPOSAL_DROPPED', get, 'unknown', 'violation'],
  ['COMPACTED', oldGet, 'failed', 'fine'],
  ['COMPACTED', get, 'unknown', 'violation'],
  ['FUTURE_REVISION', writing, 'failed', 'fine'],
  ['FUTURE_REVISION', put, 'unknown', 'violation'],
  ['FUTURE_REVISION', compact, 'failed', 'fine'],
  ['KEY_NOT_FOUND', put, 'unknown', 'violation'],
  ['EMPTY_KEY', put, 'unknown', 'violation'],
  ['LEASE_NOT_FOUND', leased, 'failed', 'fine'],
  ['LEASE_NOT_FOUND', put, 'unknown', 'violation'],
];

it('what an error code says about a call on leases', () => {
  const grant = { kind: 'grant', id: '7', ttl: 5 } as const;
  const [revoke, keepAlive] = [{ kind: 'revoke', id: '7' } as const, { kind: 'keepAlive', id: '7' } as const];
  for (const call of [grant, revoke]) {
    expect(isLeaseRefusal(call, 'PROPOSAL_DROPPED')).toBe(true);
    expect(isLeaseRefusal(call, 'TIMEOUT')).toBe(false);
    expect(isLeaseRefusal(call, 'OUTCOME_UNKNOWN')).toBe(false);
  }
  expect(isLeaseRefusal(grant, 'LEASE_EXISTS')).toBe(true);
  expect(isLeaseRefusal(grant, 'LEASE_NOT_FOUND')).toBe(false);
  expect(isLeaseRefusal(revoke, 'LEASE_NOT_FOUND')).toBe(true);
  expect(isLeaseRefusal(keepAlive, 'TIMEOUT')).toBe(true);
  expect(isLeaseRefusal(keepAlive, 'LEASE_NOT_FOUND')).toBe(false);
});

describe('what an error code says about a call', () => {
  for (const [code, call, kind, verdict] of table) {
    it(`${code} of a ${call === readOnly ? 'txn that only reads' : call.kind}: ${kind}, ${verdict}`, () => {
      const { outcome, complaint } = rejectionOf(call, new QuorateError(code));
      expect(outcome).toEqual({ kind, code });
      expect(complaint === undefined ? 'fine' : 'violation').toBe(verdict);
    });
  }
});
