import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { ENTRY_OVERHEAD_BYTES, RaftLog } from '../../server/raft/log.js';
import type { Entry } from '../../server/raft/types.js';

function entry(term: number, index: number, bytes = 0): Entry {
  return { kind: 'normal', term, index, data: new Uint8Array(bytes) };
}

/** A durable log with these terms behind `start`. */
function logOf(
  terms: readonly number[],
  options: { start?: number; startTerm?: number; commit?: number; applied?: number } = {},
) {
  const { start = 0, startTerm = 0, commit = start, applied = start } = options;
  return new RaftLog({
    start: { index: start, term: startTerm },
    entries: terms.map((term, place) => entry(term, start + 1 + place)),
    commitIndex: commit,
    appliedIndex: applied,
  });
}

function termsOf(log: RaftLog): readonly (number | undefined)[] {
  return Array.from({ length: log.lastIndex - log.startIndex }, (_, place) => log.termAt(log.startIndex + 1 + place));
}

describe('termAt', () => {
  test.each([
    [4, undefined],
    [5, 2],
    [6, 2],
    [7, 3],
    [8, undefined],
    [-1, undefined],
  ])('at %i of a log that starts at 2/5: %s', (index, term) => {
    expect(logOf([2, 3], { start: 5, startTerm: 2 }).termAt(index)).toBe(term);
  });
});

describe('isUpToDate', () => {
  test.each([
    { last: { term: 3, index: 1 }, isUpToDate: true, why: 'a later term wins over any length' },
    { last: { term: 2, index: 3 }, isUpToDate: true, why: 'equal logs' },
    { last: { term: 2, index: 4 }, isUpToDate: true, why: 'same term, longer' },
    { last: { term: 2, index: 2 }, isUpToDate: false, why: 'same term, shorter' },
    { last: { term: 1, index: 9 }, isUpToDate: false, why: 'an older term loses at any length' },
    { last: { term: 0, index: 0 }, isUpToDate: false, why: 'an empty log against one with entries' },
  ])('$why', ({ last, isUpToDate }) => {
    expect(logOf([1, 1, 2]).isUpToDate(last)).toBe(isUpToDate);
  });

  test('a log of nothing but its start is as long as its start', () => {
    const log = logOf([], { start: 7, startTerm: 3 });
    expect(log.isUpToDate({ term: 3, index: 7 })).toBe(true);
    expect(log.isUpToDate({ term: 3, index: 6 })).toBe(false);
  });
});

describe('findTermAtMost', () => {
  //   index  1 2 3 4 5 6 7 8 9
  //   term   1 1 1 4 4 5 5 6 6
  const terms = [1, 1, 1, 4, 4, 5, 5, 6, 6];
  test.each([
    { index: 9, term: 6, found: '6/9' },
    { index: 9, term: 9, found: '6/9' },
    { index: 99, term: 9, found: '6/9' },
    { index: 9, term: 5, found: '5/7' },
    { index: 6, term: 5, found: '5/6' },
    { index: 9, term: 3, found: '1/3' },
    { index: 2, term: 4, found: '1/2' },
    { index: 9, term: 0, found: '0/0' },
    { index: 0, term: 9, found: '0/0' },
  ])('up to index $index with a term up to $term: $found', ({ index, term, found }) => {
    const id = logOf(terms).findTermAtMost(index, term);
    expect(`${id.term}/${id.index}`).toBe(found);
  });

  test.each([
    { index: 8, term: 1, found: '3/5' },
    { index: 5, term: 9, found: '3/5' },
    { index: 2, term: 9, found: '3/2' },
  ])(
    'nothing is known before the start: up to $index with a term up to $term gives $found',
    ({ index, term, found }) => {
      const id = logOf([4, 4, 4], { start: 5, startTerm: 3 }).findTermAtMost(index, term);
      expect(`${id.term}/${id.index}`).toBe(found);
    },
  );
});

describe('findNew', () => {
  test.each([
    { name: 'all there', entries: [entry(1, 2), entry(2, 3)], index: undefined },
    { name: 'one more', entries: [entry(2, 3), entry(2, 4)], index: 4 },
    { name: 'a conflict', entries: [entry(1, 2), entry(3, 3), entry(3, 4)], index: 3 },
    { name: 'nothing', entries: [], index: undefined },
  ])('$name', ({ entries, index }) => {
    expect(logOf([1, 1, 2]).findNew(entries)?.index).toBe(index);
  });
});

describe('slice', () => {
  const log = new RaftLog({
    start: { index: 0, term: 0 },
    entries: [entry(1, 1, 10), entry(1, 2, 10), entry(1, 3, 500), entry(1, 4, 10)],
    commitIndex: 0,
    appliedIndex: 0,
  });
  const two = 2 * (10 + ENTRY_OVERHEAD_BYTES);
  test.each([
    { from: 1, bytesMax: Infinity, indexes: [1, 2, 3, 4] },
    { from: 1, bytesMax: two, indexes: [1, 2] },
    { from: 1, bytesMax: two - 1, indexes: [1] },
    { from: 1, bytesMax: 0, indexes: [1] },
    { from: 3, bytesMax: 100, indexes: [3] },
    { from: 4, bytesMax: 100, indexes: [4] },
    { from: 5, bytesMax: 100, indexes: [] },
  ])('from $from with $bytesMax bytes: $indexes', ({ from, bytesMax, indexes }) => {
    expect(log.slice(from, bytesMax).map((each) => each.index)).toEqual(indexes);
  });

  test('bounded by index and by count', () => {
    expect(log.slice(1, Infinity, 3).map((each) => each.index)).toEqual([1, 2, 3]);
    expect(log.slice(2, Infinity, 4, 2).map((each) => each.index)).toEqual([2, 3]);
  });

  test('what is trimmed away cannot be asked for', () => {
    expect(() => logOf([1], { start: 3, startTerm: 1 }).slice(3, 100)).toThrow(InvariantError);
  });
});

describe('append and truncate', () => {
  test('entries follow each other, terms never fall', () => {
    const log = logOf([1, 2]);
    expect(() => log.append(entry(2, 4))).toThrow('gap');
    expect(() => log.append(entry(2, 2))).toThrow('gap');
    expect(() => log.append(entry(1, 3))).toThrow('terms fall');
    log.append(entry(2, 3));
    expect(termsOf(log)).toEqual([1, 2, 2]);
  });

  test('committed entries are never truncated', () => {
    const log = logOf([1, 1, 1], { commit: 2 });
    expect(() => log.truncateAfter(1)).toThrow('truncating committed entries');
    log.truncateAfter(2);
    expect(termsOf(log)).toEqual([1, 1]);
  });

  test('bytes follow every change and come back to zero', () => {
    const log = logOf([]);
    for (let index = 1; index <= 4; index += 1) log.append(entry(1, index, 100));
    expect(log.bytes).toBe(4 * (100 + ENTRY_OVERHEAD_BYTES));
    log.truncateAfter(3);
    expect(log.bytes).toBe(3 * (100 + ENTRY_OVERHEAD_BYTES));
    log.handOut(1);
    log.saved(1);
    log.commitTo(3);
    log.appliedTo(3);
    log.trimTo(1);
    expect(log.bytes).toBe(2 * (100 + ENTRY_OVERHEAD_BYTES));
    log.trimTo(3);
    expect(log.bytes).toBe(0);
  });
});

describe('saves', () => {
  test('what is handed out is stable once its save is done, in order', () => {
    const log = logOf([]);
    log.append(entry(1, 1));
    expect(log.handOut(1).map((each) => each.index)).toEqual([1]);
    log.append(entry(1, 2));
    log.append(entry(1, 3));
    expect(log.handOut(2).map((each) => each.index)).toEqual([2, 3]);
    expect(log.handOut(3)).toEqual([]);
    expect(log.stableIndex).toBe(0);
    log.saved(1);
    expect(log.stableIndex).toBe(1);
    log.saved(3);
    expect(log.stableIndex).toBe(3);
  });

  test('one report may cover several saves', () => {
    const log = logOf([]);
    for (let index = 1; index <= 3; index += 1) {
      log.append(entry(1, index));
      log.handOut(index);
    }
    log.saved(2);
    expect(log.stableIndex).toBe(2);
  });

  test('a save says nothing about what was truncated since, even if equal entries came back', () => {
    const log = logOf([1]);
    log.append(entry(1, 2));
    log.append(entry(1, 3));
    log.handOut(1);
    log.truncateAfter(1);
    log.append(entry(2, 2));
    log.handOut(2);
    log.truncateAfter(1);
    log.append(entry(3, 2));
    log.append(entry(3, 3));
    log.handOut(3);
    log.saved(1);
    expect(log.stableIndex).toBe(1);
    log.saved(2);
    expect(log.stableIndex).toBe(1);
    log.saved(3);
    expect(log.stableIndex).toBe(3);
  });

  test('what was stable is not any more once it is truncated', () => {
    const log = logOf([1, 1, 1]);
    expect(log.stableIndex).toBe(3);
    log.truncateAfter(2);
    log.append(entry(2, 3));
    expect(log.stableIndex).toBe(2);
    expect(log.handOut(1).map((each) => `${each.term}/${each.index}`)).toEqual(['2/3']);
  });

  test('saves from before a snapshot say nothing about the log after it', () => {
    const log = logOf([1]);
    log.append(entry(1, 2));
    log.handOut(1);
    log.restore({ index: 10, term: 2, conf: { voters: [1n], learners: [] } });
    log.append(entry(2, 11));
    log.handOut(3);
    log.saved(2);
    expect(log.stableIndex).toBe(10);
    log.saved(3);
    expect(log.stableIndex).toBe(11);
  });
});

describe('commit and apply', () => {
  test('commit only rises and stays within the log', () => {
    const log = logOf([1, 1, 1], { commit: 2 });
    expect(log.commitTo(1)).toBe(false);
    expect(log.commitTo(2)).toBe(false);
    expect(log.commitTo(3)).toBe(true);
    expect(() => log.commitTo(4)).toThrow('commit beyond the log');
  });

  test('only what is committed and stable is applied', () => {
    const log = logOf([1]);
    log.append(entry(1, 2));
    log.handOut(1);
    log.commitTo(2);
    expect(log.nextToApply(1000, 10).map((each) => each.index)).toEqual([1]);
    expect(() => log.appliedTo(2)).toThrow('applied beyond what may be');
    log.saved(1);
    expect(log.nextToApply(1000, 10).map((each) => each.index)).toEqual([1, 2]);
  });

  test('pages follow each other without a gap', () => {
    const log = logOf([1, 1, 1, 1, 1], { commit: 5 });
    const seen: number[] = [];
    for (let page = log.nextToApply(1, 2); page.length > 0; page = log.nextToApply(1, 2)) {
      seen.push(...page.map((each) => each.index));
      log.appliedTo(seen.at(-1) ?? 0);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  test('applied does not go back, except where a snapshot stands for it', () => {
    const log = logOf([1, 1, 1], { commit: 3, applied: 2 });
    expect(() => log.appliedTo(1)).toThrow('applied goes back');
    log.restore({ index: 9, term: 2, conf: { voters: [1n], learners: [] } });
    log.appliedTo(3);
    expect(log.appliedIndex).toBe(9);
  });
});

describe('trim and restore', () => {
  test('a trimmed log remembers the id before its first entry', () => {
    const log = logOf([1, 2, 2, 3], { commit: 4, applied: 4 });
    expect(log.trimTo(2)).toEqual({ index: 2, term: 2 });
    expect(log.startIndex).toBe(2);
    expect(log.matches({ index: 2, term: 2 })).toBe(true);
    expect(log.termAt(1)).toBeUndefined();
    expect(termsOf(log)).toEqual([2, 3]);
  });

  test('to its very end, and again to where it starts', () => {
    const log = logOf([1, 2], { commit: 2, applied: 2 });
    log.trimTo(2);
    log.trimTo(2);
    expect([log.startIndex, log.lastIndex, log.lastTerm]).toEqual([2, 2, 2]);
  });

  test.each([
    { to: 3, why: 'what is not applied' },
    { to: 0, why: 'what is trimmed already' },
  ])('$why cannot be trimmed', ({ to }) => {
    const log = logOf([1, 1, 1], { start: 1, startTerm: 1, commit: 4, applied: 2 });
    expect(() => log.trimTo(to)).toThrow(InvariantError);
  });

  test('a snapshot must lie ahead of the commit index', () => {
    const log = logOf([1, 1], { commit: 2 });
    const conf = { voters: [1n], learners: [] };
    expect(() => log.restore({ index: 2, term: 1, conf })).toThrow('snapshot goes back');
    log.restore({ index: 3, term: 1, conf });
    expect([log.startIndex, log.commitIndex, log.appliedIndex, log.lastIndex]).toEqual([3, 3, 3, 3]);
  });

  test.each([
    { commit: 3, applied: 0, wrong: 'commit <= last' },
    { commit: 0, applied: 1, wrong: 'applied <= commit' },
  ])('pointers out of order are refused at the start: $wrong', ({ commit, applied, wrong }) => {
    expect(() => logOf([1, 1], { commit, applied })).toThrow(wrong);
  });
});
