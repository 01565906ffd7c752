import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { Progress } from '../../server/raft/progress.js';

const LIMITS = { messagesMax: 2, bytesMax: 100 };

function probing(next: number): Progress {
  return new Progress(next, LIMITS);
}

/** Everything up to `match` is confirmed and appends are pipelined. */
function replicating(match: number): Progress {
  const progress = probing(match + 1);
  progress.acknowledged(match);
  progress.becomeReplicate();
  return progress;
}

function shape(progress: Progress): string {
  const { mode, match, next, isPaused, inflightCount, inflightBytes } = progress;
  return `${mode} match=${match} next=${next}${isPaused ? ' paused' : ''} inflight=${inflightCount}/${inflightBytes}`;
}

describe('probe', () => {
  test('sends one append and waits', () => {
    const progress = probing(5);
    expect(shape(progress)).toBe('probe match=0 next=5 inflight=0/0');
    progress.sent(7, 30);
    expect(shape(progress)).toBe('probe match=0 next=5 paused inflight=0/0');
  });

  test.each([
    { name: 'steps back at least one', next: 5, rejected: 4, hint: 9, result: 'next=4' },
    { name: 'steps back to the hint', next: 9, rejected: 8, hint: 3, result: 'next=4' },
    { name: 'steps back to the beginning', next: 9, rejected: 8, hint: 0, result: 'next=1' },
  ])('$name', ({ next, rejected, hint, result }) => {
    const progress = probing(next);
    progress.sent(next, 1);
    expect(progress.rejected(rejected, hint)).toBe(true);
    expect(shape(progress)).toBe(`probe match=0 ${result} inflight=0/0`);
  });

  test.each([
    { name: 'a refusal of another append than the one under way', rejected: 6, hint: 2 },
    { name: 'a refusal of a later append', rejected: 8, hint: 2 },
    { name: 'a refusal of what is confirmed', rejected: 3, hint: 0 },
  ])('ignores $name', ({ rejected, hint }) => {
    const progress = probing(8);
    progress.acknowledged(3);
    progress.sent(8, 1);
    const before = shape(progress);
    expect(progress.rejected(rejected, hint)).toBe(false);
    expect(shape(progress)).toBe(before);
  });

  test('ignores a refusal at the confirmed index, which would move nothing', () => {
    const progress = probing(4);
    progress.acknowledged(3);
    progress.sent(4, 1);
    expect(progress.rejected(3, 0)).toBe(false);
    expect(shape(progress)).toBe('probe match=3 next=4 paused inflight=0/0');
  });

  test('never steps back below what is confirmed', () => {
    const progress = probing(9);
    progress.acknowledged(5);
    progress.sent(9, 1);
    expect(progress.rejected(8, 2)).toBe(true);
    expect(shape(progress)).toBe('probe match=5 next=6 inflight=0/0');
  });
});

describe('replicate', () => {
  test('moves on with every append until the window is full in messages', () => {
    const progress = replicating(3);
    progress.sent(4, 10);
    expect(shape(progress)).toBe('replicate match=3 next=5 inflight=1/10');
    progress.sent(6, 10);
    expect(shape(progress)).toBe('replicate match=3 next=7 paused inflight=2/20');
    expect(() => progress.sent(7, 1)).toThrow(InvariantError);
  });

  test('or in bytes; the append that reaches the limit still goes', () => {
    const progress = replicating(3);
    progress.sent(4, 100);
    expect(shape(progress)).toBe('replicate match=3 next=5 paused inflight=1/100');
  });

  test('an empty append takes no place in the window', () => {
    const progress = replicating(3);
    progress.sent(3, 0);
    expect(shape(progress)).toBe('replicate match=3 next=4 inflight=0/0');
  });

  test('an answer frees every append that it confirms, and no other', () => {
    const progress = replicating(3);
    progress.sent(5, 10);
    progress.sent(8, 20);
    expect(progress.acknowledged(4)).toBe(true);
    expect(shape(progress)).toBe('replicate match=4 next=9 paused inflight=2/30');
    expect(progress.acknowledged(5)).toBe(true);
    expect(shape(progress)).toBe('replicate match=5 next=9 inflight=1/20');
    expect(progress.acknowledged(9)).toBe(true);
    expect(shape(progress)).toBe('replicate match=9 next=10 inflight=0/0');
  });

  test.each([4, 3, 1, 0])('a late answer for %i is no news', (index) => {
    const progress = replicating(4);
    expect(progress.acknowledged(index)).toBe(false);
    expect(shape(progress)).toBe('replicate match=4 next=5 inflight=0/0');
  });

  test('a refusal goes back to probing from what is confirmed', () => {
    const progress = replicating(3);
    progress.sent(5, 10);
    expect(progress.rejected(5, 1)).toBe(true);
    expect(shape(progress)).toBe('probe match=3 next=4 inflight=0/0');
  });

  test.each([0, 2, 3])('a refusal at %i, which is confirmed, is late', (rejected) => {
    const progress = replicating(3);
    progress.sent(5, 10);
    expect(progress.rejected(rejected, 0)).toBe(false);
    expect(shape(progress)).toBe('replicate match=3 next=6 inflight=1/10');
  });
});

describe('snapshot', () => {
  test('sends nothing, and refusals mean nothing', () => {
    const progress = replicating(3);
    progress.becomeSnapshot();
    expect(progress.isPaused).toBe(true);
    expect(progress.rejected(9, 1)).toBe(false);
    expect(progress.mode).toBe('snapshot');
  });

  test('ended well, it probes behind what was installed', () => {
    const progress = replicating(3);
    progress.becomeSnapshot();
    progress.snapshotEnded(20);
    expect(shape(progress)).toBe('probe match=3 next=21 inflight=0/0');
  });

  test('ended well but older than what is confirmed meanwhile, it probes behind that', () => {
    const progress = replicating(3);
    progress.becomeSnapshot();
    progress.acknowledged(30);
    progress.snapshotEnded(20);
    expect(shape(progress)).toBe('probe match=30 next=31 inflight=0/0');
  });

  test('failed, it waits for a sign of life', () => {
    const progress = replicating(3);
    progress.becomeSnapshot();
    progress.snapshotEnded(undefined);
    expect(shape(progress)).toBe('probe match=3 next=4 paused inflight=0/0');
  });

  test('an end that comes when all is over changes nothing', () => {
    const progress = replicating(3);
    progress.sent(4, 10);
    const before = shape(progress);
    progress.snapshotEnded(undefined);
    progress.snapshotEnded(99);
    expect(shape(progress)).toBe(before);
  });
});
