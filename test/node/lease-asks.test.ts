import { describe, expect, it } from 'vitest';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { LeaseAsks } from '../../server/node/lease-asks.js';
import { LIMITS } from '../../server/node/limits.js';

const STALE_MS = 1000;

function asked(asks: LeaseAsks, deadline = 7000): (number | string)[] {
  const heard: (number | string)[] = [];
  asks.add({ id: 1n, renew: true }, deadline, {
    answered: ({ ttlMs }) => heard.push(ttlMs),
    failed: ({ code }) => heard.push(code),
  });
  return heard;
}

function numbers(asks: LeaseAsks, now: number): readonly number[] {
  return asks.takeUnsent(now).map(({ number }) => number);
}

const answer = (number: number) => ({ answers: [{ number, ttlMs: 5, leftMs: 5 }], refused: [] });

describe('questions to the leader', () => {
  it('are sent again under another number, and answers to the old one count no more', () => {
    const asks = new LeaseAsks(STALE_MS);
    const heard = asked(asks);
    expect(numbers(asks, 0)).toEqual([1]);
    asks.tick(400, -100, true);
    expect(numbers(asks, 400)).toEqual([]);
    asks.tick(600, 100, true);
    expect(numbers(asks, 600)).toEqual([2]);
    asks.take(answer(1), 601);
    expect(heard).toEqual([]);
    asks.take(answer(2), 602);
    asks.take(answer(2), 603);
    expect(heard).toEqual([5]);
    expect(asks.size).toBe(0);
  });

  it('are sent again at the next tick when they are refused or answered too late, and at once to another leader', () => {
    const asks = new LeaseAsks(STALE_MS);
    const heard = asked(asks);
    expect(numbers(asks, 0)).toEqual([1]);
    asks.take({ answers: [], refused: [1] }, 1);
    expect(asks.hasUnsent).toBe(false);
    asks.tick(10, -490, true);
    expect(numbers(asks, 10)).toEqual([2]);
    asks.take(answer(2), 10 + STALE_MS + 1);
    asks.tick(1020, 520, true);
    expect(numbers(asks, 1020)).toEqual([3]);
    asks.leaderChanged();
    expect(numbers(asks, 1021)).toEqual([4]);
    asks.take(answer(4), 1021 + STALE_MS);
    expect(heard).toEqual([5]);
  });

  it.each([
    [true, 'TIMEOUT'],
    [false, 'NO_LEADER'],
  ])('end at their deadline; a leader is known: %s', (isLeaderKnown, code) => {
    const asks = new LeaseAsks(STALE_MS);
    const [heard, later] = [asked(asks), asked(asks, 8000)];
    asks.tick(6999, 6499, isLeaderKnown);
    expect(heard).toEqual([]);
    asks.tick(7000, 6500, isLeaderKnown);
    expect([heard, later]).toEqual([[code], []]);
    asks.failAll(new QuorateError('STOPPED'));
    expect([heard, later, asks.size]).toEqual([[code], ['STOPPED'], 0]);
  });

  it(`are refused beyond ${LIMITS.leaseAsksMax}`, () => {
    const asks = new LeaseAsks(STALE_MS);
    for (let count = 0; count < LIMITS.leaseAsksMax; count += 1) asked(asks);
    expect(() => asked(asks)).toThrow('TOO_MANY_REQUESTS');
  });
});
