import { describe, expect, it } from 'vitest';
import { SequenceWindow } from '../../../client/core/sequence-window.js';
import { mulberry } from '../mulberry.js';

describe('the sequence window', () => {
  it('numbers from 1 and settles in order, whatever the order of the ends', () => {
    const window = new SequenceWindow(8);
    expect([window.assign(), window.assign(), window.assign()]).toEqual([1, 2, 3]);
    window.applied(2);
    expect(window.settled).toBe(0);
    window.applied(1);
    expect(window.settled).toBe(2);
  });

  it('is full at its size, and no sooner', () => {
    const window = new SequenceWindow(2);
    window.assign();
    expect(window.isFull).toBe(false);
    window.assign();
    expect(window.isFull).toBe(true);
    expect(() => window.assign()).toThrow('beyond the window');
    window.applied(1);
    expect(window.assign()).toBe(3);
  });

  it('lets nothing follow a hole before the hole is settled', () => {
    const window = new SequenceWindow(8);
    for (let count = 0; count < 3; count += 1) window.assign();
    window.abandoned(2);
    expect(window.mayFollow(2)).toBe(false);
    expect(window.mayFollow(3)).toBe(false);
    window.applied(1);
    expect(window.settled).toBe(2);
    expect(window.mayFollow(3)).toBe(true);
  });

  it('lets a write follow one that is applied', () => {
    const window = new SequenceWindow(8);
    for (let count = 0; count < 3; count += 1) window.assign();
    window.applied(2);
    expect(window.mayFollow(3)).toBe(true);
  });

  it('ends no number twice', () => {
    const window = new SequenceWindow(4);
    window.assign();
    window.applied(1);
    expect(() => window.applied(1)).toThrow('not open');
    expect(() => window.abandoned(2)).toThrow('not open');
  });

  it('agrees with a plain list over 5,000 random steps', () => {
    const below = mulberry(7);
    const size = 5;
    const window = new SequenceWindow(size);
    const open = new Set<number>();
    let next = 1;
    for (let step = 0; step < 5_000; step += 1) {
      const settled = Math.min(next, ...open) - 1;
      expect(window.settled).toBe(settled);
      expect(window.isFull).toBe(next - settled > size);
      if (!window.isFull && below(2) === 0) {
        open.add(window.assign());
        next += 1;
      } else if (open.size > 0) {
        const sequence = [...open][below(open.size)] ?? 0;
        open.delete(sequence);
        if (below(3) === 0) window.abandoned(sequence);
        else window.applied(sequence);
      }
    }
  });
});
