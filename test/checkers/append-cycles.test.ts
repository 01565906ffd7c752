import { expect, test } from 'vitest';
import { checkAppendCycles } from './append-cycles.js';
import type { AppendRecord } from './append-op.js';

test('a stale read', () => {
  const at = { client: 1, outcome: 'ok' } as const;
  const records: AppendRecord[] = [
    { ...at, ops: [{ kind: 'append', key: 'x', element: '1' }], startMs: 0, endMs: 10 },
    { ...at, ops: [{ kind: 'read', key: 'x', list: ['1'] }], startMs: 20, endMs: 30 },
  ];
  expect(checkAppendCycles(records)).toEqual([]);
  const stale: AppendRecord = { ...at, ops: [{ kind: 'read', key: 'x', list: [] }], startMs: 40, endMs: 50 };
  expect(checkAppendCycles([...records, stale])).toEqual([
    'G-single in real time: T1 -rw x 1-> T2 -clock-> T1; T1 = client 1 (40-50 ms): r x []; T2 = client 1 (0-10 ms): a x 1',
  ]);
});
