import { describe, expect, it } from 'vitest';
import type { SessionRecords } from '../workload-ports.js';
import { Findings } from './findings.js';
import { Tally } from './tally.js';
import { ToldOutcomes } from './told-outcomes.js';

/** What the log holds: how often each value was written to `h.0`. */
function recordsOf(effects: Readonly<Record<string, number>>): SessionRecords {
  const total = Object.values(effects).reduce((sum, times) => sum + times, 0);
  return {
    effectsOf: (mark) => effects[mark] ?? 0,
    putsOf: () => total,
    revisionOfPut: () => undefined,
    isPut: () => false,
    counts: {},
  };
}

function judged(
  effects: Readonly<Record<string, number>>,
  outcomes: Readonly<Record<string, 'applied' | 'notApplied' | 'unknown'>>,
  version: number,
): readonly string[] {
  const told = new ToldOutcomes();
  for (const [value, outcome] of Object.entries(outcomes)) {
    told.add('c1', { kind: 'put', key: 'h.0', value }, outcome, 'CODE');
  }
  const findings = new Findings();
  told.judge(recordsOf(effects), new Map([['h.0', version]]), findings, new Tally());
  return findings.all.map(({ checker, message }) => `${checker}: ${message}`);
}

describe('what clients were told of their writes', () => {
  it('is borne out by the log', () => {
    const effects = { a: 1, c: 1 };
    expect(judged(effects, { a: 'applied', b: 'notApplied', c: 'unknown', d: 'unknown' }, 2)).toEqual([]);
  });

  it.each([
    ['a success that never took effect', {}, { a: 'applied' }, 0],
    ['a write that took effect though it did not happen', { a: 1 }, { a: 'notApplied' }, 1],
    ['a write that took effect twice', { a: 2 }, { a: 'applied' }, 2],
    ['one in doubt that took effect twice', { a: 2 }, { a: 'unknown' }, 2],
  ] as const)('is not: %s', (_, effects, outcomes, version) => {
    expect(judged(effects, outcomes, version).join()).toMatch(/^sdk-outcome: c1 put .* took effect \d times$/);
  });

  it('does not agree with how often a key was put', () => {
    expect(judged({ a: 1 }, { a: 'applied' }, 2)).toEqual([
      'sdk-version: h.0 has version 2, after 1 puts by calls and 1 in the log',
    ]);
    expect(judged({ a: 1, strange: 1 }, { a: 'applied' }, 2)).toEqual([
      'sdk-version: h.0 has version 2, after 1 puts by calls and 2 in the log',
    ]);
  });
});
