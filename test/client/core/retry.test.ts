import { describe, expect, it } from 'vitest';
import { BACKOFF_CAP_MS, backoffMs } from '../../../client/core/backoff.js';
import { RetryBudget } from '../../../client/core/retry-budget.js';

describe('backoff', () => {
  it.each([
    [1, 50],
    [2, 100],
    [3, 200],
    [5, 800],
    [6, BACKOFF_CAP_MS],
    [1_000_000, BACKOFF_CAP_MS],
  ])('after attempt %i waits at most %i ms, and as little as none', (attempt, most) => {
    expect(backoffMs(attempt, { below: (bound) => bound - 1 })).toBe(most);
    expect(backoffMs(attempt, { below: () => 0 })).toBe(0);
  });
});

describe('the retry budget', () => {
  const withdrawals = (budget: RetryBudget): number => {
    let count = 0;
    while (budget.withdraw()) count += 1;
    return count;
  };

  it('lets a quiet client through its reserve, then nothing', () => {
    const budget = new RetryBudget();
    expect(withdrawals(budget)).toBe(50);
    expect(budget.withdraw()).toBe(false);
  });

  it('grants one retry for five calls, and saves up no more than its reserve', () => {
    const budget = new RetryBudget();
    withdrawals(budget);
    for (let call = 0; call < 51; call += 1) budget.deposit();
    expect(withdrawals(budget)).toBe(10);
    for (let call = 0; call < 10_000; call += 1) budget.deposit();
    expect(withdrawals(budget)).toBe(50);
  });
});
