/** Small histories by hand, each with one planted fault: that every checker is asked, and is given what it needs. */
import { describe, expect, it } from 'vitest';
import type { AppendRecord } from '../checkers/append-op.js';
import type { FinalHistory } from '../checkers/final-history.js';
import type { Call, KeyValue, Operation, Outcome } from '../checkers/operation.js';
import { type Evidence, violationsOf } from './history-checks.js';

// revision: 1     2         3                    4        5
// call:     -     r0:=1     r0:=2 if at 2        b:=3     r0:=4 (unknown)
const put = (key: string, value: string): Call => ({ kind: 'put', key, value });
const swap = (value: string, expected: number): Call => ({
  kind: 'txn',
  compares: [{ key: 'r0', target: 'mod', is: 'equal', operand: expected }],
  success: [
    { kind: 'put', key: 'r0', value },
    { kind: 'put', key: `won/${value}`, value: `${value}!` },
  ],
  failure: [],
});
const get = (key: string): Call => ({ kind: 'range', key, revision: 0, limit: 0, read: 'linearizable' });
const written = (revision: number): Outcome => ({ kind: 'ok', revision, answer: { kind: 'put' } });
const swapped = (revision: number): Outcome => ({
  kind: 'ok',
  revision,
  answer: { kind: 'txn', succeeded: true, results: [{ kind: 'put' }, { kind: 'put' }] },
});
const refused = (revision: number): Outcome => ({
  kind: 'ok',
  revision,
  answer: { kind: 'txn', succeeded: false, results: [] },
});
const found = (revision: number, ...kvs: readonly KeyValue[]): Outcome => ({
  kind: 'ok',
  revision,
  answer: { kind: 'range', kvs, more: false, count: kvs.length },
});
const unknown: Outcome = { kind: 'unknown', code: 'DEADLINE_EXCEEDED: ' };
const failed: Outcome = { kind: 'failed', code: 'UNAVAILABLE: ' };

/** Each call lasts from `at` to `at` + 1. */
const operation = (at: number, call: Call, outcome: Outcome): Operation => ({
  client: 0,
  member: 'm1',
  call,
  outcome,
  startMs: at,
  endMs: at + 1,
});

const kv = (key: string, value: string, modRevision: number, createRevision = modRevision, version = 1): KeyValue => ({
  key,
  value,
  createRevision,
  modRevision,
  version,
});

const [first, second, fourth] = [kv('r0', '1', 2), kv('r0', '2', 3, 2, 2), kv('r0', '4', 5, 2, 3)] as const;
const [b, won] = [kv('b', '3', 4), kv('won/2', '2!', 3)] as const;

const operations = [
  operation(0, put('r0', '1'), written(2)),
  operation(10, swap('2', 2), swapped(3)),
  operation(20, put('b', '3'), written(4)),
  operation(30, put('r0', '4'), unknown),
  operation(40, get('r0'), found(5, fourth)),
  operation(50, get('c'), found(5)),
  operation(60, swap('5', 3), refused(5)),
  operation(70, put('d', '6'), failed),
  operation(80, put('d', '7'), unknown),
] as const;

const held: FinalHistory = { revision: 5, current: [b, fourth, won], past: [first, second] };

const appends: readonly AppendRecord[] = [
  { client: 0, ops: [{ kind: 'append', key: 'l', element: 'x' }], outcome: 'ok', startMs: 0, endMs: 1 },
  { client: 1, ops: [{ kind: 'read', key: 'l', list: ['x'] }], outcome: 'ok', startMs: 2, endMs: 3 },
];

const evidence = (change: Partial<Evidence> = {}): Evidence => ({
  operations,
  appends,
  members: { m1: held, m2: held, m3: held },
  firstRevision: 1,
  ...change,
});

const replaced = (index: number, changed: Operation): Evidence =>
  evidence({ operations: operations.with(index, changed) });
const everywhere = (change: Partial<FinalHistory>): Evidence => {
  const changed = { ...held, ...change };
  return evidence({ members: { m1: changed, m2: changed, m3: changed } });
};
const onlyOn = (name: string, change: Partial<FinalHistory>): Evidence =>
  evidence({ members: { m1: held, m2: held, m3: held, [name]: { ...held, ...change } } });

describe('history checks', () => {
  it('accept what is right', () => {
    expect(violationsOf(evidence())).toEqual([]);
  });

  it('accept an unknown write that never happened, and one that happened after its call had ended', () => {
    const before = { revision: 4, current: [b, second, won], past: [first] };
    expect(violationsOf(evidence({ operations: operations.slice(0, 4), members: { m1: before } }))).toEqual([]);
    const late = kv('r0', '4', 6, 2, 3);
    const after = { revision: 6, current: [b, kv('e', '8', 5), late, won], past: [first, second] };
    const between = operation(35, put('e', '8'), written(5));
    const told = [...operations.slice(0, 4), between];
    expect(violationsOf(evidence({ operations: told, members: { m1: after } }))).toEqual([]);
  });

  const planted: readonly (readonly [string, Evidence, readonly RegExp[]])[] = [
    [
      'an acknowledged write that is lost',
      everywhere({ current: [fourth, won] }),
      [/revision order: .*b=3/, /members: .*m3 has it not/],
    ],
    [
      'an acknowledged write that one member lacks',
      onlyOn('m2', { current: [fourth, won] }),
      [/members: .*m2 has it not/],
    ],
    [
      'an unknown write that one member lacks',
      onlyOn('m2', { current: [b, second, won], past: [first] }),
      [/members: m1 has r0=2.*, m2 has b=3/],
    ],
    [
      'a value that nobody wrote',
      everywhere({ current: [b, kv('k', '?', 5), fourth, won] }),
      [/revision order: .*nobody wrote/, /members: m1 has k=\?/],
    ],
    [
      'a phantom on one member alone',
      onlyOn('m3', { current: [b, kv('k', '?', 5), fourth, won] }),
      [/members: m3 has k=\?.*nobody wrote/],
    ],
    ['a failed write that is there', replaced(3, operation(30, put('r0', '4'), failed)), [/revision order/, /members/]],
    ['a refused write that is there', replaced(1, operation(10, swap('2', 2), refused(3))), [/revision order/]],
    [
      'a condition that held and was refused',
      replaced(6, operation(60, swap('5', 5), refused(5))),
      [/revision order/, /linearizability: r0/],
    ],
    [
      'an acknowledged write at another revision',
      replaced(2, operation(20, put('b', '3'), written(5))),
      [/revision order/, /members: .*m1 has it at 4/],
    ],
    ['half a transaction', everywhere({ current: [b, fourth] }), [/revision order/, /members: .*has it not/]],
    ['a version left out', everywhere({ current: [b, { ...fourth, version: 4 }, won] }), [/revision order/]],
    [
      'a read of an old value',
      replaced(4, operation(40, get('r0'), found(5, first))),
      [/revision order/, /linearizability: r0/],
    ],
    [
      'a stale read that is true of the past',
      replaced(4, operation(40, get('r0'), found(2, first))),
      [/revision order: .*revision 4 had been seen before it began/, /linearizability: r0/],
    ],
    [
      'two revisions that changed places',
      evidence({
        operations: operations
          .with(0, operation(0, put('r0', '1'), written(4)))
          .with(2, operation(20, put('b', '3'), written(2))),
      }),
      [/revision order/, /members/],
    ],
    [
      'a list read that misses an element',
      evidence({
        appends: [
          ...appends,
          { client: 1, ops: [{ kind: 'read', key: 'l', list: [] }], outcome: 'ok', startMs: 4, endMs: 5 },
        ],
      }),
      [/append cycles: G-single in real time/],
    ],
    ['a store that was not empty at first', evidence({ firstRevision: 2 }), [/revision order/]],
  ];

  it.each(planted)('reject %s', (_name, bad, complaints) => {
    const said = violationsOf(bad).join('\n');
    for (const complaint of complaints) expect(said).toMatch(complaint);
  });

  it('refuse to judge without a member', () => {
    expect(() => violationsOf(evidence({ members: {} }))).toThrow('nothing to check');
  });
});
