/**
 * Histories of list transactions as text, a transaction in a line, and tests of pairs of them.
 *
 *   c1 0-10 ok       a x 1, r y [1 2]
 *   c2 5-20 unknown  r x [], a x 2
 */
import { describe, expect, test } from 'vitest';
import { checkAppendCycles } from './append-cycles.js';
import type { AppendOp, AppendRecord } from './append-op.js';

/** Two histories that look alike. */
export interface Pair {
  readonly bad: string;
  /** Part of the only sentence that the checker says about it. */
  readonly says: string;
  readonly badHistory: string;
  readonly good: string;
  readonly goodHistory: string;
}

export function describePairs(theme: string, pairs: readonly Pair[]): void {
  describe(theme, () => {
    test.each(pairs)('rejected: $bad', ({ says, badHistory }) => {
      expect(checkAppendCycles(parseHistory(badHistory))).toEqual([expect.stringContaining(says)]);
    });
    test.each(pairs)('accepted: $good', ({ goodHistory }) => {
      expect(checkAppendCycles(parseHistory(goodHistory))).toEqual([]);
    });
  });
}

export function parseHistory(text: string): readonly AppendRecord[] {
  return text.trim().split('\n').map(parseRecord);
}

function parseRecord(line: string): AppendRecord {
  const found = /^\s*c(\d+) (\d+)-(\d+) (ok|failed|unknown)\s+(.+)$/.exec(line);
  const [client, startMs, endMs] = (found?.slice(1, 4) ?? []).map(Number);
  const outcome = (['ok', 'failed', 'unknown'] as const).find((name) => name === found?.[4]);
  const ops = (found?.[5] ?? '').split(',').map((op) => parseOp(op.trim()));
  if (client === undefined || startMs === undefined || endMs === undefined || outcome === undefined) {
    throw new Error(`not a transaction: ${line}`);
  }
  return { client, ops, outcome, startMs, endMs };
}

function parseOp(text: string): AppendOp {
  const append = /^a (\w+) (\w+)$/.exec(text);
  if (append?.[1] !== undefined && append[2] !== undefined) {
    return { kind: 'append', key: append[1], element: append[2] };
  }
  const read = /^r (\w+) \[([\w ]*)\]$/.exec(text);
  if (read?.[1] === undefined || read[2] === undefined) throw new Error(`not an operation: ${text}`);
  return { kind: 'read', key: read[1], list: read[2].split(' ').filter((element) => element !== '') };
}
