import { Outcome } from '@quorate/proto/quorate/v1/session.js';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, QuorateError } from '../../server/lib/quorate-error.js';
import { failureOf, failures } from '../../server/rpc/session-failure.js';

function codesOf(outcome: Outcome): string[] {
  return Object.entries(failures)
    .filter(([, meaning]) => meaning.outcome === outcome)
    .map(([code]) => code)
    .sort();
}

describe('what a failed request of a session is told', () => {
  it('a write may have happened under one code, and has happened under those that only miss the reply', () => {
    expect(codesOf(Outcome.UNKNOWN)).toEqual(['OUTCOME_UNKNOWN']);
    expect(codesOf(Outcome.APPLIED)).toEqual(['REPLY_TOO_LARGE', 'REPLY_TOO_OLD', 'RESPONSE_TOO_LARGE']);
    expect(codesOf(Outcome.UNSPECIFIED)).toEqual([]);
  });

  it.each<[ErrorCode, boolean]>([
    ['KEY_NOT_FOUND', false],
    ['SESSION_EXPIRED', false],
    ['SEQUENCE_SETTLED', false],
    ['REPLY_TOO_OLD', false],
    ['SEQUENCE_GAP', true],
    ['SESSION_WINDOW_FULL', true],
    ['NO_LEADER', true],
    ['OUTCOME_UNKNOWN', true],
    ['STOPPED', true],
  ])('%s, sent again, may succeed: %s', (code, retryable) => {
    expect(failureOf(new QuorateError(code), true).retryable).toBe(retryable);
  });

  it('a read never happened, and the text is the one that other clients know', () => {
    const failure = failureOf(new QuorateError('RESPONSE_TOO_LARGE', '9 bytes, at most 8'), false);
    expect(failure).toEqual({
      code: 'RESPONSE_TOO_LARGE',
      message: 'quorate: response is too large',
      detail: '9 bytes, at most 8',
      outcome: Outcome.NOT_APPLIED,
      retryable: false,
    });
  });
});
