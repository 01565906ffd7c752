/** The same question as the checker's, answered without any thought: is there an order in which all of it is true? */
import type { AppendRecord } from './append-op.js';

/** For a handful of transactions: every order of them is tried, with and without each unknown one. */
export function hasSomeOrder(records: readonly AppendRecord[]): boolean {
  const mayHappen = records.filter(({ outcome }) => outcome !== 'failed');
  return isPossible(mayHappen, new Map());
}

function isPossible(left: readonly AppendRecord[], lists: ReadonlyMap<string, readonly string[]>): boolean {
  if (left.every(({ outcome }) => outcome === 'unknown')) return true;
  return left.some((record, place) => {
    const others = left.toSpliced(place, 1);
    if (others.some((other, at) => isBefore(other, record, at < place))) return false;
    const after = run(record, lists);
    return after !== undefined && isPossible(others, after);
  });
}

function isBefore(a: AppendRecord, b: AppendRecord, isRecordedFirst: boolean): boolean {
  if (a.outcome === 'unknown') return false;
  if (a.endMs < b.startMs) return true;
  if (a.client !== b.client || a.endMs !== b.startMs) return false;
  // Of two calls that took no time only the record tells which was first.
  return a.startMs < b.startMs || isRecordedFirst;
}

function run(
  record: AppendRecord,
  lists: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> | undefined {
  const after = new Map(lists);
  for (const op of record.ops) {
    const list = after.get(op.key) ?? [];
    if (op.kind === 'append') after.set(op.key, [...list, op.element]);
    else if (op.list.join(' ') !== list.join(' ')) return undefined;
  }
  return after;
}
