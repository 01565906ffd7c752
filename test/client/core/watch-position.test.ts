import { describe, expect, it } from 'vitest';
import { WatchPosition } from '../../../client/core/watch-position.js';

describe('the position of a watch', () => {
  it('from now on, is where its first stream began, however many follow', () => {
    const position = new WatchPosition(undefined);
    expect(position.next).toBeUndefined();
    position.began(41);
    expect(position.next).toBe(42);
    position.began(50);
    expect(position.next).toBe(42);
  });

  it('goes on behind what was told, and takes nothing twice', () => {
    const position = new WatchPosition(10);
    position.began(99);
    expect([9, 10, 11].map((revision) => position.isNews(revision))).toEqual([false, true, true]);
    position.toldUpTo(10);
    expect([10, 11].map((revision) => position.isNews(revision))).toEqual([false, true]);
    expect(position.next).toBe(11);
  });

  it('does not go back for a member that is behind', () => {
    const position = new WatchPosition(10);
    position.toldUpTo(20);
    position.toldUpTo(15);
    position.compactedTo(12);
    expect(position.next).toBe(21);
  });

  it('goes on where history begins after a compaction', () => {
    const position = new WatchPosition(10);
    position.compactedTo(30);
    expect(position.next).toBe(30);
    expect(position.isNews(30)).toBe(true);
  });
});
