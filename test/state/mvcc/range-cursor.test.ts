/** Single reads: how they are ordered and cut, what they fetch, what they pin. */
import { describe, expect, it } from 'vitest';
import type { RangeQuery } from '../../../server/state/command.js';
import type { RangeCursor } from '../../../server/state/mvcc/range-cursor.js';
import { compact, del, put, range } from '../commands.js';
import { MachineOnDisk, opened } from '../machine-on-disk.js';

const ALL = ['\0', '\0'] as const;

function machineWith(values: Readonly<Record<string, string>>): MachineOnDisk {
  const real = new MachineOnDisk();
  for (const [key, value] of Object.entries(values)) real.apply(put(key, value));
  return real;
}

function answer(real: MachineOnDisk, rest: Partial<RangeQuery>): string {
  const { kvs, more, count } = real.range(range(...ALL, rest), 2);
  return `${kvs.map((kv) => kv.key).join('')} ${more ? 'more' : 'all'} ${count}`;
}

describe('a range', () => {
  const real = machineWith({ a: '3', b: '2', c: '1', d: '0' }); // revisions 2 to 5

  it.each<[Partial<RangeQuery>, string]>([
    [{}, 'abcd all 4'],
    [{ limit: 1 }, 'a more 4'],
    [{ limit: 4 }, 'abcd all 4'],
    [{ limit: 5 }, 'abcd all 4'],
    [{ limit: -1 }, 'abcd all 4'],
    [{ sortOrder: 'descend' }, 'dcba all 4'],
    [{ sortOrder: 'descend', limit: 1 }, 'd more 4'],
    [{ sortOrder: 'ascend', limit: 3 }, 'abc more 4'],
    // Without an order the limit, and one key in reserve, cut before the sort.
    [{ sortTarget: 'value' }, 'dcba all 4'],
    [{ sortTarget: 'value', limit: 1 }, 'b more 4'],
    [{ sortTarget: 'value', limit: 2 }, 'cb more 4'],
    [{ sortTarget: 'value', limit: 3 }, 'dcb more 4'],
    [{ sortTarget: 'value', limit: 4 }, 'dcba all 4'],
    // With an order, or with a filter, the limit cuts after it.
    [{ sortTarget: 'value', sortOrder: 'ascend', limit: 1 }, 'd more 4'],
    [{ sortTarget: 'value', sortOrder: 'descend', limit: 2 }, 'ab more 4'],
    [{ sortTarget: 'value', limit: 2, minModRevision: 1 }, 'dc more 4'],
    [{ sortTarget: 'create', sortOrder: 'descend', limit: 1 }, 'd more 4'],
    [{ sortTarget: 'mod', sortOrder: 'ascend', limit: 1 }, 'a more 4'],
    // Filters are inclusive, and neither they nor the limit change the count.
    [{ minModRevision: 4 }, 'cd all 4'],
    [{ maxModRevision: 3 }, 'ab all 4'],
    [{ minCreateRevision: 3, maxCreateRevision: 4 }, 'bc all 4'],
    [{ minModRevision: 3, limit: 1 }, 'b more 4'],
    [{ minModRevision: 5, limit: 1 }, 'd all 4'],
    [{ minModRevision: -9 }, 'abcd all 4'],
    [{ maxModRevision: -9 }, ' all 4'],
    [{ countOnly: true }, ' all 4'],
    [{ countOnly: true, limit: 1, sortOrder: 'descend', sortTarget: 'value' }, ' all 4'],
    [{ revision: 3 }, 'ab all 2'],
    [{ revision: 3, sortTarget: 'value', limit: 1 }, 'b more 2'],
  ])('%j answers %s', (rest, expected) => {
    expect(answer(real, rest)).toBe(expected);
  });

  it('keeps the keys in order among those that are equal in the target, in a descending sort too', () => {
    const ties = machineWith({ d: '1', a: '1', c: '2', b: '2' });
    expect(answer(ties, { sortOrder: 'ascend', sortTarget: 'value' })).toBe('adbc all 4');
    expect(answer(ties, { sortOrder: 'descend', sortTarget: 'value' })).toBe('bcad all 4');
    expect(answer(ties, { sortOrder: 'descend', sortTarget: 'version' })).toBe('abcd all 4');
  });

  it('of keys only has empty values and everything else', () => {
    const [found] = real.range(range('b', '', { keysOnly: true })).kvs;
    expect(found).toEqual({ key: 'b', value: '', createRevision: 3, modRevision: 3, version: 1, lease: 0n });
    const sorted = real.range(range(...ALL, { keysOnly: true, sortTarget: 'value', sortOrder: 'ascend' }), 2);
    expect(sorted.kvs.map(({ key, value }) => key + value)).toEqual(['d', 'c', 'b', 'a']);
    expect(real.range(range('b')).kvs[0]?.value).toBe('2');
  });
});

describe('a read in slices', () => {
  const KEYS = Array.from({ length: 100 }, (_, at) => `k${at + 100}`);

  function machineWithKeys(): MachineOnDisk {
    return machineWith(Object.fromEntries(KEYS.map((key) => [key, 'old'])));
  }

  function open(real: MachineOnDisk, query: RangeQuery, maxKeys: number): RangeCursor {
    return opened(real.machine.openRange(query, undefined, maxKeys));
  }

  it('is done at once and pins nothing when one slice is enough', () => {
    const real = machineWithKeys();
    expect(open(real, range(...ALL), 1_000).progress).toBe('done');
    expect(open(real, range('k100'), 2).progress).toBe('done');
    real.apply(compact(real.machine.revision));
    expect(real.machine.hasCompactionWork).toBe(true);
    real.removeAll();
  });

  it('sees the state it was opened on, whatever is written, compacted and removed meanwhile', () => {
    const real = machineWithKeys();
    const cursor = open(real, range(...ALL), 7);
    expect([cursor.progress, cursor.revision]).toEqual(['more', 101]);
    for (const key of KEYS) real.apply(put(key, 'new'));
    real.apply(del('k150', 'k160'));
    real.apply(put('k', 'first'));
    real.apply(compact(real.machine.revision));
    while (real.machine.hasCompactionWork) real.compactionStep(10);
    expect(real.machine.removedRevision).toBe(100);
    expect(real.finish(cursor, 7).kvs.map(({ key, value }) => [key, value])).toEqual(KEYS.map((key) => [key, 'old']));
    expect(real.machine.hasCompactionWork).toBe(true);
    real.removeAll();
    expect(real.records().length).toBe(KEYS.length + 1 - 10);
  });

  it('holds up removal until it is closed', () => {
    const real = machineWithKeys();
    const cursor = open(real, range(...ALL), 1);
    for (const key of KEYS) real.apply(put(key, 'new'));
    real.apply(compact(real.machine.revision));
    while (real.machine.hasCompactionWork) real.compactionStep(1_000);
    expect(real.records().length).toBe(200);
    cursor.close();
    cursor.close();
    expect(real.compactionStep(1_000)).toBe(true);
    expect(real.records().length).toBe(100);
    expect(() => cursor.step(1)).toThrow(/closed/);
  });

  it('fetches only the values that are in its answer', () => {
    const real = machineWithKeys();
    for (const key of KEYS) real.apply(put(key, 'new'));
    const old = { revision: 101 };
    const missing = (rest: Partial<RangeQuery>) => open(real, range(...ALL, { ...old, ...rest }), 1_000).missing();
    expect(missing({ countOnly: true })).toEqual([]);
    expect(missing({ limit: 1 })).toEqual([{ main: 2, sub: 0 }]);
    expect(missing({ limit: 1, sortOrder: 'descend' })).toEqual([{ main: 101, sub: 0 }]);
    expect(missing({ limit: 1, sortOrder: 'descend', sortTarget: 'create' })).toEqual([{ main: 101, sub: 0 }]);
    expect(missing({ limit: 1, minCreateRevision: 50 })).toEqual([{ main: 50, sub: 0 }]);
    expect(missing({ limit: 1, sortOrder: 'ascend', sortTarget: 'value' }).length).toBe(100);
    expect(missing({ keysOnly: true, limit: 3 }).length).toBe(3);
  });

  it('never asks for more than a slice at a time', () => {
    const real = machineWithKeys();
    for (const key of KEYS) real.apply(put(key, 'new'));
    const cursor = open(real, range(...ALL, { revision: 101, sortTarget: 'value', sortOrder: 'ascend' }), 9);
    let slices = 0;
    while (cursor.progress !== 'done') {
      expect(cursor.missing().length).toBeLessThanOrEqual(9);
      real.step(cursor, 9);
      slices += 1;
    }
    expect(slices).toBeGreaterThan(30);
    expect(cursor.result().kvs.map((kv) => kv.key)).toEqual(KEYS);
  });

  it('stops the node when a kept revision is not on disk, or another one is', () => {
    const real = machineWithKeys();
    real.apply(put('k100', 'new'));
    const cursor = open(real, range('k100', '', { revision: 101 }), 10);
    const [other] = real.records().slice(1);
    expect(cursor.missing()).toEqual([{ main: 2, sub: 0 }]);
    expect(() => cursor.supply([])).toThrow(/does not answer/);
    expect(() => cursor.supply([undefined])).toThrow(/not on disk/);
    expect(() => cursor.supply([other])).toThrow(/not on disk/);
    expect(() => cursor.result()).toThrow(/unfinished/);
    expect(() => cursor.step(0)).toThrow(/without keys/);
  });
});
