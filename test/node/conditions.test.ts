import { describe, expect, it } from 'vitest';
import { Conditions } from '../../server/node/conditions.js';
import { microtasks, VirtualClock } from './virtual-clock.js';

describe('waiting for a condition', () => {
  it('ends at once when it holds, and else when somebody says that something has changed', async () => {
    const conditions = new Conditions(new VirtualClock());
    await conditions.until(() => true);
    let holds = false;
    let isOver = false;
    const waiting = conditions
      .until(() => holds)
      .then(() => {
        isOver = true;
      });
    conditions.settle();
    await microtasks();
    expect(isOver).toBe(false);
    holds = true;
    await microtasks();
    expect(isOver).toBe(false);
    conditions.settle();
    await waiting;
  });

  it('ends after its time, whether it holds or not', async () => {
    const clock = new VirtualClock();
    const conditions = new Conditions(clock);
    let over = 0;
    const count = (): void => {
      over += 1;
    };
    const waiting = [conditions.until(() => false, 10).then(count), conditions.until(() => false, 20).then(count)];
    for (const expected of [0, 1, 1, 2]) {
      await clock.advance(5);
      conditions.settle();
      await microtasks();
      expect(over).toBe(expected);
    }
    await Promise.all(waiting);
    conditions.settle();
  });
});
