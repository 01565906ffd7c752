import { describe, expect, it } from 'vitest';
import { leaseId, leaseIdFrom, leaseIdNumber, revision } from '../../../client/core/ids.js';

describe('ids', () => {
  it.each([1n, 2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -1n, -(2n ** 63n)])('carry lease %s exactly', (id) => {
    const text = leaseIdFrom(id);
    expect(text).toMatch(/^[0-9a-f]{16}$/);
    expect(leaseIdNumber(text)).toBe(id);
    expect(leaseId(text)).toBe(text);
  });

  it('are checked when they come from outside', () => {
    expect(() => leaseId('7')).toThrow(RangeError);
    expect(() => revision(1.5)).toThrow(RangeError);
    expect(() => revision(-1)).toThrow(RangeError);
    expect(revision(0)).toBe(0);
  });
});
