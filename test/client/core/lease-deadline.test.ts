import { describe, expect, it } from 'vitest';
import { LeaseDeadline, type Moment } from '../../../client/core/lease-deadline.js';

/** `wall` runs beside `now` unless the machine slept for `slept` ms. */
const at = (now: number, slept = 0): Moment => ({ now, wall: 1_000_000 + now + slept });

describe('the deadline of a lease', () => {
  it('counts from the sending, and leaves what clocks may drift', () => {
    const deadline = new LeaseDeadline(at(100), 10_000);
    expect(deadline.remainingMs(at(100))).toBe(9_900);
    expect(deadline.lostAt).toBe(10_000);
    expect(deadline.state(at(9_999))).toBe('held');
    expect(deadline.state(at(10_000))).toBe('lost');
  });

  it('does not come nearer by the time that the reply took', () => {
    const deadline = new LeaseDeadline(at(0), 10_000);
    deadline.renewed(at(3_333), 10_000);
    // The reply is looked at six seconds later, after what would have been the old deadline.
    expect(deadline.remainingMs(at(12_000))).toBe(3_333 + 9_900 - 12_000);
  });

  it('takes no older renewal for a newer one', () => {
    const deadline = new LeaseDeadline(at(0), 10_000);
    deadline.renewed(at(5_000), 10_000);
    deadline.renewed(at(3_000), 10_000);
    expect(deadline.lostAt).toBe(14_900);
  });

  it('is lost for good: a late answer does not bring it back', () => {
    const deadline = new LeaseDeadline(at(0), 1_000);
    expect(deadline.state(at(990))).toBe('lost');
    deadline.renewed(at(980), 1_000);
    expect(deadline.state(at(991))).toBe('lost');
    expect(deadline.remainingMs(at(991))).toBe(0);
  });

  it('is over at once when the server says so', () => {
    const deadline = new LeaseDeadline(at(0), 1_000);
    deadline.end();
    expect(deadline.state(at(1))).toBe('lost');
    expect(deadline.lostAt).toBe(-Infinity);
  });

  it('is at risk after a sleep that the monotonic clock did not see, until it is renewed', () => {
    const deadline = new LeaseDeadline(at(0), 10_000);
    expect(deadline.state(at(100, 20_000))).toBe('atRisk');
    expect(deadline.remainingMs(at(100, 20_000))).toBe(0);
    deadline.renewed(at(150, 20_000), 10_000);
    expect(deadline.state(at(200, 20_000))).toBe('held');
  });

  it('counts a short sleep', () => {
    expect(new LeaseDeadline(at(0), 10_000).remainingMs(at(100, 2_000))).toBe(9_900 - 2_100);
  });

  it.each([-3_600_000, 900])('does not mind when the wall clock is set by %i ms', (step) => {
    expect(new LeaseDeadline(at(0), 10_000).remainingMs(at(100, step))).toBe(9_800);
  });

  it('is renewed a third of the ttl after the last renewal that was answered', () => {
    const deadline = new LeaseDeadline(at(0), 9_000);
    expect(deadline.renewAt).toBe(3_000);
    deadline.renewed(at(3_000), 9_000);
    expect(deadline.renewAt).toBe(6_000);
  });
});
