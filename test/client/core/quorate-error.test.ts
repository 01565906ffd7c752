import { describe, expect, it } from 'vitest';
import { errorCodes, knownCode } from '../../../client/core/error-code.js';
import { isQuorateError, QuorateError } from '../../../client/core/quorate-error.js';
import { failures } from '../../../server/rpc/session-failure.js';

describe('QuorateError', () => {
  it('says of every failure whether the write happened, by what its code tells', () => {
    expect(new QuorateError('EMPTY_KEY')).toMatchObject({ outcome: 'notApplied', retryable: false });
    expect(new QuorateError('UNAVAILABLE')).toMatchObject({ outcome: 'unknown', retryable: true });
    expect(new QuorateError('REPLY_TOO_LARGE')).toMatchObject({ outcome: 'applied', retryable: false });
  });

  it('takes what is known of the one failure over what is known of its code', () => {
    const error = new QuorateError('UNAVAILABLE', { outcome: 'notApplied', attempts: 3, member: 'a:1', detail: 'why' });
    expect(error).toMatchObject({ outcome: 'notApplied', attempts: 3, member: 'a:1', message: 'UNAVAILABLE: why' });
  });

  it('has a cause only when there is one', () => {
    expect('cause' in new QuorateError('CLOSED')).toBe(false);
    expect(new QuorateError('CANCELED', { cause: 1 }).cause).toBe(1);
  });

  it('is told from others by its code', () => {
    const error: unknown = new QuorateError('COMPACTED');
    expect(isQuorateError(error)).toBe(true);
    expect(isQuorateError(error, 'COMPACTED')).toBe(true);
    expect(isQuorateError(error, 'CLOSED')).toBe(false);
    for (const other of [new Error('COMPACTED'), { code: 'COMPACTED' }, null, undefined, 'COMPACTED']) {
      expect(isQuorateError(other)).toBe(false);
    }
  });

  it('is known across copies of the package', () => {
    const brand = Symbol.for('@quorate/client/QuorateError');
    expect(isQuorateError(Object.assign(new Error('x'), { code: 'CLOSED', [brand]: true }), 'CLOSED')).toBe(true);
  });
});

describe('the table of codes', () => {
  it('ends no meaning without a full stop, and claims nothing of reads', () => {
    for (const { meaning } of Object.values(errorCodes)) expect(meaning).toMatch(/^[A-Z].*\.$/);
  });

  it('has every code that a member can send', () => {
    expect(Object.keys(failures).filter((code) => knownCode(code) === undefined)).toEqual([]);
  });

  it('knows its own codes and no names that objects inherit', () => {
    expect(knownCode('NO_LEADER')).toBe('NO_LEADER');
    expect(knownCode('toString')).toBeUndefined();
    expect(knownCode('__proto__')).toBeUndefined();
  });
});
