/**
 * Which key a branch of a txn would write twice, by etcd's rules, quirks included:
 *  - two puts of a key, and a put inside a deleted range, clash, whatever their order;
 *  - a nested txn's puts clash with its parent's ops and with its earlier siblings' writes, its deletes only with what
 *    comes after it; its two branches exclude each other and may repeat keys;
 *  - deletes never clash with deletes;
 *  - a delete from a key on (rangeEnd '\0') never clashes: "clear all, then put" is one txn.
 * A fence counts as a put.
 */
import { type ByteString, compareByteStrings } from '../lib/bytes.js';
import type { DeleteRangeCommand, TxnCommand, TxnOp } from './command.js';

export function duplicateKey(ops: readonly TxnOp[]): ByteString | undefined {
  const written = new WrittenKeys();
  return written.addAll(ops);
}

class WrittenKeys {
  readonly #puts = new Set<ByteString>();
  readonly #deleted = new DeletedSpans();

  /** Stops at the first key that is written twice, and tells it. */
  addAll(ops: readonly TxnOp[]): ByteString | undefined {
    for (const op of ops) {
      if (op.kind === 'deleteRange') this.#deleted.add(op);
    }
    for (const op of ops) {
      const duplicate = op.kind === 'txn' ? this.#addNested(op) : undefined;
      if (duplicate !== undefined) return duplicate;
    }
    for (const op of ops) {
      if (op.kind !== 'put' && op.kind !== 'fence') continue;
      if (this.#has(op.key)) return op.key;
      this.#puts.add(op.key);
    }
    return undefined;
  }

  #addNested(txn: TxnCommand): ByteString | undefined {
    const branches = [new WrittenKeys(), new WrittenKeys()] as const;
    const duplicate = branches[0].addAll(txn.success) ?? branches[1].addAll(txn.failure);
    if (duplicate !== undefined) return duplicate;
    for (const branch of branches) {
      for (const key of branch.#puts) {
        if (this.#has(key)) return key;
      }
    }
    for (const branch of branches) {
      for (const key of branch.#puts) this.#puts.add(key);
      this.#deleted.addAll(branch.#deleted);
    }
    return undefined;
  }

  #has(key: ByteString): boolean {
    return this.#puts.has(key) || this.#deleted.has(key);
  }
}

interface Span {
  readonly from: ByteString;
  /** Exclusive. */
  readonly end: ByteString;
}

/** A set of half-open spans, asked and added to in turn, by requests that would like it to be slow. */
class DeletedSpans {
  /** Each at least twice as long as the next, so they are few, and few are merged again and again. */
  #runs: (readonly Span[])[] = [];

  /** The '\0' of "from a key on" is below every key, so here it makes an empty span like any other such end. */
  add({ key, rangeEnd }: DeleteRangeCommand): void {
    const end = rangeEnd === '' ? `${key}\0` : rangeEnd;
    if (key < end) this.#push([{ from: key, end }]);
  }

  addAll(other: DeletedSpans): void {
    for (const run of other.#runs) this.#push(run);
  }

  has(key: ByteString): boolean {
    return this.#runs.some((run) => covers(run, key));
  }

  #push(run: readonly Span[]): void {
    let merged = run;
    for (
      let last = this.#runs.at(-1);
      last !== undefined && last.length < 2 * merged.length;
      last = this.#runs.at(-1)
    ) {
      merged = mergeRuns(last, merged);
      this.#runs.pop();
    }
    this.#runs.push(merged);
  }
}

/** Sorted by `from` and by `end` alike: a span inside another one is left out. */
function mergeRuns(a: readonly Span[], b: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const span of [...a, ...b].sort((one, other) => compareByteStrings(one.from, other.from))) {
    const last = merged.at(-1);
    if (last === undefined || last.end < span.end) merged.push(span);
  }
  return merged;
}

function covers(run: readonly Span[], key: ByteString): boolean {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((run[middle]?.from ?? '') <= key) low = middle + 1;
    else high = middle;
  }
  const span = run[low - 1];
  return span !== undefined && key < span.end;
}
