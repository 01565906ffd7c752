import { describe, expect, it } from 'vitest';
import type { Call, OperationRecord, Outcome } from './history.js';
import { type Evidence, violationsOf } from './history-checks.js';
import type { Write } from './timeline.js';

// revision: 1     2        3                4        5
// call:     -     a:=1     cas a 2->2       b:=3     a:=4 (unknown)
const put = (key: string, value: string): Call => ({ kind: 'put', key, value });
const cas = (value: string, expected: number): Call => ({
  kind: 'cas',
  key: 'a',
  logKey: `won/${value}`,
  value,
  expected,
});
const get = (key: string): Call => ({ kind: 'get', key });
const acknowledged = (revision: number): Outcome => ({ kind: 'acknowledged', revision });
const unknown: Outcome = { kind: 'unknown', code: 4, text: '' };
const failed: Outcome = { kind: 'failed', code: 14, text: '' };

/** Each call lasts from `at` to `at` + 1. */
const operation = (at: number, call: Call, outcome: Outcome): OperationRecord => ({
  type: 'operation',
  client: 0,
  member: 'm1',
  call,
  outcome,
  startMs: at,
  endMs: at + 1,
});

const operations = [
  operation(0, put('a', '1'), acknowledged(2)),
  operation(10, cas('2', 2), acknowledged(3)),
  operation(20, put('b', '3'), acknowledged(4)),
  operation(30, put('a', '4'), unknown),
  operation(40, get('a'), { kind: 'read', revision: 5, found: { value: '4', modRevision: 5 } }),
  operation(50, get('c'), { kind: 'read', revision: 5 }),
  operation(60, cas('5', 3), { kind: 'refused', revision: 5 }),
  operation(70, put('d', '6'), failed),
  operation(80, put('d', '7'), unknown),
] as const;

const writes: readonly Write[] = [
  { revision: 2, key: 'a', value: '1', version: 1 },
  { revision: 3, key: 'a', value: '2', version: 2 },
  { revision: 3, key: 'won/2', value: '2', version: 1 },
  { revision: 4, key: 'b', value: '3', version: 1 },
  { revision: 5, key: 'a', value: '4', version: 3 },
];

const evidence = (change: Partial<Evidence> = {}, timeline = writes): Evidence => ({
  operations,
  timelines: { m1: timeline, m2: timeline, m3: timeline },
  firstRevision: 1,
  lastRevision: Math.max(...timeline.map(({ revision }) => revision)),
  ...change,
});

const replaced = (index: number, changed: OperationRecord): Evidence =>
  evidence({ operations: operations.with(index, changed) });
const rewritten = (index: number, change: Partial<Write>): readonly Write[] =>
  writes.map((write, at) => (at === index ? { ...write, ...change } : write));

describe('history checks', () => {
  it('accept what is right', () => {
    expect(violationsOf(evidence())).toEqual([]);
  });

  it('accept an unknown write that never happened, and one that happened after its call had ended', () => {
    const later = operation(35, put('e', '8'), acknowledged(5));
    const timeline: readonly Write[] = [
      ...writes.slice(0, 4),
      { revision: 5, key: 'e', value: '8', version: 1 },
      { revision: 6, key: 'a', value: '4', version: 3 },
    ];
    expect(violationsOf(evidence({ operations: [...operations.slice(0, 4), later] }, timeline))).toEqual([]);
    expect(violationsOf(evidence({ operations: operations.slice(0, 4) }, writes.slice(0, 4)))).toEqual([]);
  });

  const planted: readonly (readonly [string, Evidence, RegExp])[] = [
    ['an acknowledged write that is lost', evidence({}, writes.slice(0, 3)), /"value":"3".*acknowledged/],
    [
      'a write that one member lacks',
      evidence({ timelines: { m1: writes, m2: writes.slice(0, 4) } }),
      /members differ/,
    ],
    [
      'two members that differ in a value',
      evidence({ timelines: { m1: writes, m2: rewritten(4, { value: '1' }) } }),
      /members differ/,
    ],
    ['a value that nobody wrote', evidence({}, rewritten(4, { value: 'x' })), /nobody wrote it/],
    ['a value under another key', evidence({}, rewritten(3, { key: 'z' })), /"value":"3".*stored: z=3/],
    ['an acknowledged write at another revision', replaced(2, operation(20, put('b', '3'), acknowledged(5))), /"b"/],
    ['a failed write that is there', replaced(3, operation(30, put('a', '4'), failed)), /"value":"4".*failed/],
    [
      'a refused write that is there',
      replaced(1, operation(10, cas('2', 2), { kind: 'refused', revision: 3 })),
      /"value":"2".*refused/,
    ],
    [
      'a condition that held and was refused',
      replaced(6, operation(60, cas('5', 5), { kind: 'refused', revision: 5 })),
      /"5"/,
    ],
    ['a condition that did not hold and was granted', replaced(1, operation(10, cas('2', 0), acknowledged(3))), /"2"/],
    ['an unknown write that broke its condition', replaced(1, operation(10, cas('2', 0), unknown)), /"expected":0/],
    ['half a transaction', evidence({}, [...writes.slice(0, 2), ...writes.slice(3)]), /"logKey":"won\/2"/],
    [
      'a write that happened twice',
      evidence({}, [...writes, { revision: 6, key: 'b', value: '3', version: 2 }]),
      /"value":"3".*stored: b=3 \(4, version 1\), b=3 \(6, version 2\)/,
    ],
    [
      'an unknown write that happened twice',
      evidence({}, [...writes, { revision: 6, key: 'a', value: '4', version: 4 }]),
      /"value":"4".*unknown/,
    ],
    ['a revision that no write made', evidence({ lastRevision: 6 }), /revision 6 was made by 0 calls/],
    ['a revision that two calls made', evidence({}, rewritten(4, { revision: 4 })), /revision 4 was made by 2 calls/],
    ['a version left out', evidence({}, rewritten(4, { version: 4 })), /follows version 2/],
    ['a write before the first one', evidence({ firstRevision: 2 }), /outside/],
    [
      'a read of an old value',
      replaced(4, operation(40, get('a'), { kind: 'read', revision: 5, found: { value: '2', modRevision: 3 } })),
      /"get"/,
    ],
    ['a read that misses a key', replaced(4, operation(40, get('a'), { kind: 'read', revision: 5 })), /"get"/],
    [
      'a read that finds what is not there',
      replaced(5, operation(50, get('c'), { kind: 'read', revision: 5, found: { value: '1', modRevision: 2 } })),
      /"get"/,
    ],
    [
      'a stale read: true, but of the past',
      replaced(4, operation(40, get('a'), { kind: 'read', revision: 3, found: { value: '2', modRevision: 3 } })),
      /"get".*after 4 had been seen/,
    ],
    ['a stale refusal', replaced(6, operation(60, cas('5', 0), { kind: 'refused', revision: 2 })), /refused.*after 5/],
    [
      'writes in another order than they were made in',
      evidence({ operations: [operation(15, put('a', '1'), acknowledged(2)), ...operations.slice(1)] }),
      /"value":"1".*at revision 2, after 3/,
    ],
    [
      'an unknown write from before its call',
      evidence({ operations: [operation(25, put('a', '1'), unknown), ...operations.slice(1)] }),
      /"value":"1".*at revision 2, after 4/,
    ],
  ];

  it.each(planted)('reject %s', (_name, bad, complaint) => {
    expect(violationsOf(bad).join('\n')).toMatch(complaint);
  });

  it('refuse to judge without a timeline', () => {
    expect(() => violationsOf(evidence({ timelines: {} }))).toThrow('nothing to check');
  });
});
