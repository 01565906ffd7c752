import { describe, expect, it } from 'vitest';
import { parseMainOptions } from './main-options.js';

const parse = (line: string, environment = {}) => parseMainOptions(line === '' ? [] : line.split(' '), environment);

describe('the command line of the simulator', () => {
  it('runs 100 seeds on all cores, and records what fails', () => {
    expect(parse('')).toMatchObject({
      action: 'run',
      source: { kind: 'range', from: 1, count: 100 },
      record: true,
      hashes: false,
      stopAtFirst: false,
      minutes: Infinity,
    });
    expect(parse('')).toHaveProperty('workers', expect.any(Number));
  });

  it('takes every flag', () => {
    expect(parse('--seeds 1000 --from 7 --workers 3 --first --hashes --no-record')).toEqual({
      action: 'run',
      source: { kind: 'range', from: 7, count: 1000 },
      workers: 3,
      record: false,
      hashes: true,
      stopAtFirst: true,
      minutes: Infinity,
    });
    expect(parse('--seed 42')).toMatchObject({ action: 'run', source: { kind: 'seed', seed: 42 } });
    expect(parse('--recorded')).toMatchObject({ action: 'run', source: { kind: 'recorded' } });
    expect(parse('--seed 42 --trace')).toEqual({ action: 'trace', source: { kind: 'seed', seed: 42 } });
    expect(parse('--trace --plan -')).toEqual({ action: 'trace', source: { kind: 'plan', file: '-' } });
    expect(parse('--minimize --plan p.json')).toEqual({ action: 'minimize', source: { kind: 'plan', file: 'p.json' } });
  });

  it('helps, whatever else is asked', () => {
    expect(parse('--seeds x --help')).toEqual({ action: 'help' });
  });

  it('records nothing in CI', () => {
    expect(parse('', { CI: 'true' })).toMatchObject({ record: false });
    expect(parse('', { CI: '' })).toMatchObject({ record: true });
  });

  it.each([
    ['--seeds many', '--seeds: "many" is not an integer from 1 to 4294967295'],
    ['--seeds 0', '--seeds: "0" is not an integer'],
    ['--seeds 1e3', '--seeds: "1e3" is not an integer'],
    ['--seed 4294967296', '--seed: "4294967296" is not an integer from 0 to 4294967295'],
    ['--from -1', '--from'],
    ['--from 4294967295 --seeds 2', '--seeds: the last seed would be beyond 4294967295'],
    ['--minutes 0', '--minutes: "0" is not an integer from 1 to 10080'],
    ['--workers 0', '--workers: "0" is not an integer from 1 to 64'],
    ['--workers 99', '--workers: "99" is not an integer from 1 to 64'],
    ['--sedes 5', "Unknown option '--sedes'"],
    ['42', '42'],
    ['--trace', '--trace: say which one by --seed or --plan'],
    ['--minimize --seeds 5', '--minimize: say which one by --seed or --plan'],
    ['--trace --minimize --seed 1', '--trace and --minimize: say one of them'],
    ['--seed 1 --recorded', '--seed and --recorded: say one of them'],
    ['--seed 1 --from 3', '--seed and --from: say one of them'],
    ['--seed 1 --trace --hashes', '--hashes: not together with --trace'],
  ])('refuses %s', (line, problem) => {
    expect(() => parse(line)).toThrow(problem);
  });

  it('tells every problem at once', () => {
    expect(() => parse('--seeds x --workers y')).toThrow(/--seeds: "x".*\n--workers: "y"/);
  });
});
