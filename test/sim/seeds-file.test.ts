import { describe, expect, it } from 'vitest';
import { parseSeeds, readSeeds, withSeed } from './seeds-file.js';

describe('seeds.txt', () => {
  it('can be read as it stands', () => {
    expect(readSeeds().every(({ reason }) => reason.length > 0)).toBe(true);
  });

  it('holds a seed and what was wrong on each line; comments and empty lines say nothing', () => {
    expect(parseSeeds('# title\n\n42  # stale read\n  7 # lost\n')).toEqual([
      { seed: 42, reason: 'stale read' },
      { seed: 7, reason: 'lost' },
    ]);
  });

  it.each([
    ['42', 'line 1: "42" is not "seed # what was wrong"'],
    ['42 stale', 'line 1'],
    ['x # y', 'line 1'],
    ['99999999999 # too large', 'line 1'],
    ['4294967296 # too large', 'line 1'],
    ['1 # a\n1 # b', 'line 2: seed 1 again'],
    ['1 # a\nx\ny', 'line 3'],
  ])('refuses %j', (text, problem) => {
    expect(() => parseSeeds(text)).toThrow(problem);
  });

  it('takes a new seed once, on one line', () => {
    const text = withSeed('# title\n1 # a', { seed: 2, reason: 'two\n  lines' });
    expect(text).toBe('# title\n1 # a\n2  # two lines\n');
    expect(withSeed(text, { seed: 2, reason: 'again' })).toBe(text);
    expect(parseSeeds(withSeed('', { seed: 3, reason: 'x'.repeat(1000) }))[0]?.reason).toHaveLength(200);
  });
});
