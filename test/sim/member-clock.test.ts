import { describe, expect, it } from 'vitest';
import { MemberProcess } from './member-clock.js';
import { VirtualTime } from './virtual-time.js';

function processOn(time: VirtualTime, rate = 1000): MemberProcess {
  return new MemberProcess(time, { ran: () => undefined }, { rate, start: 0 });
}

function advance(time: VirtualTime, ms: number): void {
  let isThere = false;
  time.after(ms, () => {
    isThere = true;
  });
  while (!isThere) time.take()?.();
}

describe('the clock of a member', () => {
  it.each([900, 950, 1000, 1037, 1100])('runs at %i thousandths of true time', (rate) => {
    const time = new VirtualTime();
    const process = processOn(time, rate);
    advance(time, 10_000);
    expect(process.now()).toBeCloseTo(10 * rate, 1);
  });

  it.each([900, 999, 1000, 1001, 1100])('lets no timer run early by itself, at %i thousandths', (rate) => {
    const time = new VirtualTime();
    const process = processOn(time, rate);
    const late: number[] = [];
    for (let ms = 1; ms < 400; ms += 1) {
      process.setTimer(() => late.push(process.now() - ms), ms);
    }
    advance(time, 1000);
    expect(late).toHaveLength(399);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    // As late as the clock is coarse.
    expect(Math.max(...late)).toBeLessThan(0.01);
  });

  it('jumps by the wall and not by itself', () => {
    const time = new VirtualTime();
    const process = processOn(time);
    const [now, wall] = [process.now(), process.wallTime()];
    process.jumpWallClock(-86_400_000);
    expect(process.now()).toBe(now);
    expect(process.wallTime()).toBe(wall - 86_400_000);
  });
});

describe('a process', () => {
  it('that is paused holds what comes due, and makes up for it in order, its clock having gone on', () => {
    const time = new VirtualTime();
    const process = processOn(time);
    const ran: string[] = [];
    process.setTimer(() => ran.push(`timer at ${process.now()}`), 10);
    process.pause();
    time.after(20, () => process.run(() => ran.push('message')));
    advance(time, 50);
    expect(ran).toEqual([]);
    process.resume();
    advance(time, 1);
    expect(ran).toEqual(['timer at 50', 'message']);
  });

  it('whose machine sleeps finds only the wall clock gone on, and goes by true time afterwards', () => {
    const time = new VirtualTime();
    const process = processOn(time);
    advance(time, 100);
    const [now, wall] = [process.now(), process.wallTime()];
    process.sleep();
    expect(process.isAsleep).toBe(true);
    advance(time, 3000);
    expect([process.now(), process.wallTime()]).toEqual([now, wall + 3000]);
    process.resume();
    expect([process.isAsleep, process.now(), process.wallTime()]).toEqual([false, now, wall + 3000]);
    advance(time, 10);
    expect([process.now(), process.wallTime()]).toEqual([now + 10, wall + 3010]);
  });

  it('that has ended runs nothing ever again, paused or not', () => {
    const time = new VirtualTime();
    const process = processOn(time);
    const ran: string[] = [];
    process.setTimer(() => ran.push('timer'), 10);
    process.pause();
    process.run(() => ran.push('held'));
    process.end();
    process.resume();
    process.defer(() => ran.push('deferred'));
    advance(time, 50);
    process.run(() => ran.push('late'));
    expect(ran).toEqual([]);
  });
});
