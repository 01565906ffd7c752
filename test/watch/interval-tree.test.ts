import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../server/lib/random.js';
import { IntervalTree, NO_END } from '../../server/watch/interval-tree.js';

interface Interval {
  readonly start: string;
  readonly end: string;
}

const ALPHABET = ['\0', 'a', 'b', 'c', '\xff'];

describe('an interval tree', () => {
  it('finds the same items as a list does, whatever is added and removed', () => {
    const random = seededRandom(7);
    const word = (): string => Array.from({ length: random.below(4) }, () => ALPHABET[random.below(5)]).join('');
    const tree = new IntervalTree<Interval>();
    const list: Interval[] = [];
    for (let step = 0; step < 20_000; step += 1) {
      if (random.below(5) < 3) {
        const [start = '', end = ''] = [word(), word()].sort();
        const interval = { start, end: random.below(4) === 0 ? NO_END : end };
        tree.add(interval.start, interval.end, interval);
        list.push(interval);
      } else {
        const [gone] = list.splice(random.below(Math.max(1, list.length)), 1);
        if (gone !== undefined) tree.remove(gone.start, gone.end, gone);
      }
      if (step % 50 === 0) while (list.length > 40) remove(list.pop());
      const key = word();
      const found = new Set<Interval>();
      tree.forEachAt(key, (interval) => found.add(interval));
      expect(found).toEqual(new Set(list.filter(({ start, end }) => start <= key && key < end)));
    }
    for (const interval of list.splice(0)) remove(interval);
    expect([tree.size, tree.height]).toEqual([0, 0]);

    function remove(interval: Interval | undefined): void {
      if (interval !== undefined) tree.remove(interval.start, interval.end, interval);
    }
  });

  it('stays flat when intervals come in order, and looks at few of them', () => {
    const tree = new IntervalTree<number>();
    for (let at = 0; at < 50_000; at += 1) tree.add(name(at), name(at + 1), at);
    expect(tree.height).toBeLessThan(24);
    for (let at = 0; at < 50_000; at += 2) tree.remove(name(at), name(at + 1), at);
    expect([tree.size, tree.height < 24]).toEqual([25_000, true]);
    const found: number[] = [];
    tree.forEachAt(name(30_001), (at) => found.push(at));
    tree.forEachAt(name(30_002), (at) => found.push(at));
    expect(found).toEqual([30_001]);
  });
});

function name(at: number): string {
  return String(at).padStart(6, '0');
}
