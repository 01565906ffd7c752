import { describe, expect, it } from 'vitest';
import { VirtualTime } from './virtual-time.js';

function drain(time: VirtualTime): void {
  for (let event = time.take(); event !== undefined; event = time.take()) event();
}

describe('virtual time', () => {
  it('runs events in the order of their times, and those of one time in the order they were asked for', () => {
    const time = new VirtualTime();
    const ran: string[] = [];
    for (const [ms, name] of [
      [5, 'd'],
      [1, 'a'],
      [5, 'e'],
      [3, 'c'],
      [1, 'b'],
    ] as const) {
      time.after(ms, () => ran.push(`${name}@${time.nowMs}`));
    }
    drain(time);
    expect(ran).toEqual(['a@1', 'b@1', 'c@3', 'd@5', 'e@5']);
  });

  it('keeps the order of thousands, some of them cancelled', () => {
    const time = new VirtualTime();
    const ran: number[] = [];
    for (let i = 0; i < 5000; i += 1) {
      const ms = (i * 7919) % 1013;
      const timer = time.after(ms, () => ran.push(ms));
      if (i % 3 === 0) timer.cancel();
    }
    drain(time);
    expect(ran).toHaveLength(3333);
    expect(ran).toEqual(ran.toSorted((a, b) => a - b));
  });

  it('runs what is due soon before time moves on, in order, also what that asks for', () => {
    const time = new VirtualTime();
    const ran: string[] = [];
    time.after(1, () => ran.push('later'));
    time.soon(() => {
      ran.push('one');
      time.soon(() => ran.push('three'));
    });
    time.soon(() => ran.push('two'));
    drain(time);
    expect(ran).toEqual(['one', 'two', 'three', 'later']);
  });

  it('does not go back for what should have been earlier', () => {
    const time = new VirtualTime();
    time.after(10, () => time.at(0, () => expect(time.nowMs).toBe(10)));
    drain(time);
    expect(time.nowMs).toBe(10);
  });

  it('has no event when none is left', () => {
    expect(new VirtualTime().take()).toBeUndefined();
  });
});
