import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../server/lib/random.js';
import { SortedKeys } from '../../../server/state/mvcc/sorted-keys.js';

const SEED = Number(process.env['QUORATE_SEED'] ?? 1);

function scanAll(keys: SortedKeys<number>, from = '', end?: string, slice = Infinity) {
  const found: [string, number][] = [];
  let next: string | undefined = from;
  while (next !== undefined) {
    next = keys.scan(next, end, slice, (value, key) => {
      found.push([key, value]);
      return true;
    });
  }
  return found;
}

describe('sorted keys', () => {
  it(`hold what a Map holds, in order, whatever comes and goes (QUORATE_SEED=${SEED})`, () => {
    const random = seededRandom(SEED);
    const keys = new SortedKeys<number>();
    const model = new Map<string, number>();
    for (let step = 0; step < 60_000; step += 1) {
      // Grows to some thousands of keys, shrinks to nothing, and grows again.
      const isGrowing = Math.floor(step / 15_000) % 2 === 0;
      const key = random
        .below(6_000)
        .toString(36)
        .padStart(random.below(2) * 3, '\0');
      if (random.below(10) < (isGrowing ? 8 : 1)) {
        keys.set(key, step);
        model.set(key, step);
      } else {
        expect(keys.delete(key)).toBe(model.delete(key));
      }
      expect(keys.get(key)).toBe(model.get(key));
      if (step % 5_000 === 4_999) {
        expect(keys.size).toBe(model.size);
        expect(scanAll(keys)).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
      }
    }
    for (const key of model.keys()) expect(keys.delete(key)).toBe(true);
    expect([keys.size, scanAll(keys)]).toEqual([0, []]);
  });

  it.each([
    ['in ascending order', (at: number) => at],
    ['in descending order', (at: number) => 9_999 - at],
    ['from both ends', (at: number) => (at % 2 === 0 ? at : 9_999 - at)],
  ])('that arrive %s are all found', (_, nth) => {
    const keys = new SortedKeys<number>();
    const name = (at: number) => `k${String(at).padStart(4, '0')}`;
    for (let at = 0; at < 10_000; at += 1) keys.set(name(nth(at)), nth(at));
    expect(keys.size).toBe(new Set(Array.from({ length: 10_000 }, (_, at) => nth(at))).size);
    expect(scanAll(keys, '', undefined, 7).every(([key], at, all) => at === 0 || (all[at - 1]?.[0] ?? '') < key)).toBe(
      true,
    );
    expect(
      scanAll(keys, name(100), name(104))
        .map(([, value]) => value)
        .every((value) => keys.get(name(value)) === value),
    ).toBe(true);
  });

  it('scan half-open ranges in slices', () => {
    const keys = new SortedKeys<number>();
    ['\0', 'a', 'a\0', 'b', '\xff'].forEach((key, at) => keys.set(key, at));
    expect(scanAll(keys, 'a', 'b', 1).map(([key]) => key)).toEqual(['a', 'a\0']);
    expect(scanAll(keys, 'a\0').map(([key]) => key)).toEqual(['a\0', 'b', '\xff']);
    expect(scanAll(keys, 'b', 'a')).toEqual([]);
    expect(scanAll(keys, '\xff\0')).toEqual([]);
    expect(scanAll(new SortedKeys<number>())).toEqual([]);
  });

  it('go on from where a slice ended, whatever happened in between', () => {
    const keys = new SortedKeys<number>();
    for (let at = 0; at < 2_000; at += 1) keys.set(`k${at + 1_000}`, at);
    const seen: string[] = [];
    let next: string | undefined = '';
    while (next !== undefined) {
      next = keys.scan(next, undefined, 300, (_, key) => seen.push(key) > 0);
      if (next === undefined) break;
      keys.delete(next);
      for (let at = 0; at < 400; at += 1) keys.set(`a${seen.length}-${at}`, 0);
    }
    // Six slices ended before a key, which went; what was put behind the scan was not seen.
    expect(seen).toEqual(
      Array.from({ length: 2_000 }, (_, at) => `k${at + 1_000}`).filter((_, at) => (at + 1) % 301 !== 0),
    );
  });

  it('stop a scan when the visitor has enough', () => {
    const keys = new SortedKeys<number>();
    for (let at = 0; at < 10; at += 1) keys.set(`k${at}`, at);
    const seen: number[] = [];
    const next = keys.scan('k2', undefined, 100, (value) => seen.push(value) < 3);
    expect([seen, next]).toEqual([[2, 3, 4], undefined]);
  });

  it('replace the value of a key that is there', () => {
    const keys = new SortedKeys<number>();
    keys.set('a', 1);
    keys.set('a', 2);
    expect([keys.get('a'), keys.size]).toEqual([2, 1]);
  });
});
