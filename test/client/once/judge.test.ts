/** The judge of writes, before it is believed: a story without fault, and each kind of fault planted into it. */
import { describe, expect, it } from 'vitest';
import { type Evidence, judge, type ViolationKind } from './judge.js';
import type { Ending, LoggedPut, WriteCall } from './write-call.js';

const total = 20;

function put(revision: number, key: string, value: string, version: number): LoggedPut {
  return { revision, key, value, version };
}

function call(id: string, keys: readonly string[], ending: Ending, client = 0): WriteCall {
  return { id, client, keys, ending };
}

const ok = (revision: number, key: string, prev?: string | null): Ending => ({
  outcome: 'ok',
  revision,
  key,
  ...(prev === undefined ? {} : { prev }),
});
const failed = (outcome: 'notApplied' | 'applied' | 'unknown'): Ending => ({ outcome, code: 'X' });
const marked = ['moved/0', 'refused/0'];

const log: readonly LoggedPut[] = [
  put(2, 'accounts/0', '10', 1),
  put(3, 'accounts/1', '10', 1),
  put(4, 'hot/1', 'a', 1),
  put(5, 'hot/1', 'b', 2),
  put(6, 'accounts/0', '7', 2),
  put(6, 'accounts/1', '13', 2),
  put(6, 'moved/0', 'c', 1),
  put(7, 'hot/1', 'd', 3),
  put(8, 'large', 'e', 1),
];
const calls: readonly WriteCall[] = [
  call('a', ['hot/1'], ok(4, 'hot/1', null)),
  call('b', ['hot/1'], ok(5, 'hot/1', 'a')),
  call('c', marked, ok(6, 'moved/0')),
  call('d', ['hot/1'], failed('unknown')),
  call('e', ['large'], failed('applied')),
  call('f', ['hot/2'], failed('notApplied')),
  call('g', ['hot/2'], failed('unknown')),
];
const versions = new Map([
  ['accounts/0', 2],
  ['accounts/1', 2],
  ['hot/1', 3],
  ['moved/0', 1],
  ['large', 1],
]);
const story: Evidence = { calls, log, lastRevision: 8, versions, total };

function kindsIn(evidence: Evidence): readonly ViolationKind[] {
  return [...new Set(judge(evidence).violations.map(({ kind }) => kind))].sort();
}

function withCall(changed: WriteCall): Evidence {
  return { ...story, calls: calls.map((each) => (each.id === changed.id ? changed : each)) };
}

function withPut(place: number, changed: Partial<LoggedPut>): Evidence {
  return { ...story, log: log.map((each, index) => (index === place ? { ...each, ...changed } : each)) };
}

describe('the judge of writes', () => {
  it('finds nothing where nothing is wrong, and counts', () => {
    expect(judge(story)).toEqual({
      violations: [],
      endings: { ok: 3, notApplied: 1, applied: 1, unknown: 2, proven: 1 },
      moved: 1,
    });
  });

  it.each<[string, Evidence, readonly ViolationKind[]]>([
    ['a write that happened twice', withPut(7, { value: 'a' }), ['miscounted', 'twice']],
    [
      'one of unknown outcome that did',
      {
        ...story,
        log: [...log, put(9, 'hot/1', 'd', 4)],
        lastRevision: 9,
        versions: new Map(versions).set('hot/1', 4),
      },
      ['miscounted', 'twice'],
    ],
    [
      'a success that never happened',
      { ...story, calls: [...calls, call('h', ['hot/2'], ok(9, 'hot/2'))] },
      ['lost', 'miscounted'],
    ],
    ['an `applied` that never happened', withCall(call('g', ['hot/2'], failed('applied'))), ['lost', 'miscounted']],
    ['a denial of what happened', withCall(call('d', ['hot/1'], failed('notApplied'))), ['denied', 'miscounted']],
    ['another revision than it was told', withCall(call('b', ['hot/1'], ok(6, 'hot/1'))), ['misplaced']],
    ['another branch than it was told', withCall(call('c', marked, ok(6, 'refused/0'))), ['miscounted', 'misplaced']],
    ['a key that it never named', withCall(call('d', ['hot/9'], failed('unknown'))), ['misplaced']],
    ['another previous value', withCall(call('b', ['hot/1'], ok(5, 'hot/1', null))), ['wrongPrev']],
    [
      'a later write first',
      { ...story, calls: [calls[1], calls[0], ...calls.slice(2)] as WriteCall[] },
      ['disordered'],
    ],
    ['a write of nobody', { ...story, calls: calls.slice(0, -3).concat(calls.slice(-2)) }, ['foreign', 'miscounted']],
    ['a version too high', { ...story, versions: new Map(versions).set('hot/1', 4) }, ['miscounted']],
    ['units that appear', withPut(5, { value: '14' }), ['unbalanced']],
    ['a revision that is missing', withPut(7, { revision: 8 }), ['incomplete']],
    ['a version that is missing', withPut(7, { version: 4 }), ['incomplete']],
    ['a log that ends too early', { ...story, lastRevision: 9 }, ['incomplete']],
  ])('finds %s', (_, evidence, kinds) => {
    expect(kindsIn(evidence)).toEqual(kinds);
  });
});
