import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Hunt } from './hunt.js';
import { hunted, huntTable, huntTotals } from './hunt-report.js';
import { readKnownSeeds } from './known-seeds.js';
import { applied, type Mutant, pathOf } from './mutant.js';
import { ROOT } from './mutant-copy.js';
import { MUTANTS } from './mutants.js';
import { type MutantsOptions, parseMutantsOptions } from './mutants-options.js';

const mutantOf = (name: string): Mutant => ({
  name,
  hazard: 'none',
  replacements: [{ file: 'x.ts', find: 'good', replace: 'bad $& $1' }],
});

const huntOf = (name: string, seeds: number, isFound = true): Hunt => ({
  mutant: mutantOf(name),
  seeds,
  found: isFound ? { seed: seeds, violation: { checker: 'check', message: 'wrong\nat all', atMs: 1 } } : undefined,
});

describe('the planted bugs', () => {
  it.each(MUTANTS)('fit the sources as they are: $name', (mutant) => {
    expect(mutant.replacements.length).toBeGreaterThan(0);
    for (const replacement of mutant.replacements) {
      const text = readFileSync(join(ROOT, pathOf(replacement)), 'utf8');
      expect(applied(mutant, replacement, text)).not.toBe(text);
    }
  });

  it('have names of their own, and a hazard in words', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    for (const { hazard } of MUTANTS) expect(hazard).toMatch(/^[A-Z].{20,}\.$/);
  });

  it('are refused by name when their text does not stand there exactly once', () => {
    const mutant = mutantOf('a bug');
    const [replacement] = mutant.replacements;
    if (replacement === undefined) throw new Error('nothing to replace');
    expect(applied(mutant, replacement, 'all good.')).toBe('all bad $& $1.');
    expect(() => applied(mutant, replacement, 'all fine')).toThrow('"a bug": its text stands 0 times in server/x.ts');
    expect(() => applied(mutant, replacement, 'good good')).toThrow('"a bug": its text stands 2 times');
  });

  it('are the only ones with a known seed', () => {
    const names = MUTANTS.map(({ name }) => name);
    expect(Object.keys(readKnownSeeds()).filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe('the report of the hunt', () => {
  const hunts = [huntOf('a', 7), huntOf('b', 2000, false), huntOf('long name', 30)];

  it('is a table for the README, and totals', () => {
    expect(huntTable(hunts).split('\n')).toEqual([
      '| planted bug | seeds        | found by |',
      '| ----------- | ------------ | -------- |',
      '| a           | 7            | check    |',
      '| b           | none of 2000 |          |',
      '| long name   | 30           | check    |',
    ]);
    expect(huntTotals(hunts)).toBe('found 2 of 3, median 30 seeds');
    expect(huntTotals([huntOf('b', 2000, false)])).toBe('found 0 of 1, median unknown seeds');
    expect(huntTotals([huntOf('a', 1), huntOf('b', 3), huntOf('c', 5), huntOf('d', 9)])).toBe(
      'found 4 of 4, median 3 seeds',
    );
  });

  it('tells of each one in a line', () => {
    expect(hunts.map(hunted)).toEqual([
      'found by seed 7: a: check: wrong',
      'NOT FOUND in 2000 seeds: b',
      'found by seed 30: long name: check: wrong',
    ]);
  });
});

describe('the command line of the hunt', () => {
  const all = [mutantOf('vote early'), mutantOf('read early'), mutantOf('read late')];
  const parse = (...args: string[]): MutantsOptions => {
    const options = parseMutantsOptions(args, all);
    if (options === 'help') throw new Error('only helps');
    return options;
  };

  it('takes every flag', () => {
    expect(parse()).toMatchObject({ mutants: all, from: 1, seeds: 2000, known: false, record: false });
    expect(parse('--only', 'read', '--seeds', '5', '--from', '3', '--workers', '1', '--known')).toEqual({
      mutants: all.slice(1),
      from: 3,
      seeds: 5,
      workers: 1,
      known: true,
      record: false,
    });
    expect(parse('--only', 'vote', '--only', 'late').mutants.map(({ name }) => name)).toEqual([
      'vote early',
      'read late',
    ]);
  });

  it('helps', () => {
    expect(parseMutantsOptions(['--help', '--seeds', 'x'], all)).toBe('help');
  });

  it.each([
    [['--only', 'write'], '--only: no name contains "write"'],
    [['--seeds', '0'], '--seeds: "0" is not an integer from 1 to'],
    [['--workers', 'two'], '--workers: "two"'],
    [['--known', '--record'], '--known and --record: say one of them'],
    [['--nothing'], "Unknown option '--nothing'"],
  ])('refuses %j', (args, problem) => {
    expect(() => parse(...args)).toThrow(problem);
  });
});
