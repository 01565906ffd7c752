/**
 * Which key a branch of a txn would write twice, by etcd's rules, quirks included:
 *  - two puts of a key, and a put inside a deleted range, clash, whatever their order;
 *  - a nested txn's puts clash with its parent's ops and with its earlier siblings' writes, its deletes only with what
 *    comes after it; its two branches exclude each other and may repeat keys;
 *  - deletes never clash with deletes;
 *  - a delete from a key on (rangeEnd '\0') never clashes: "clear all, then put" is one txn.
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
      if (op.kind !== 'put') continue;
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

/** A set of half-open spans; sorted and disjoint by the time it is asked. */
class DeletedSpans {
  #spans: Span[] = [];
  #isSorted = true;

  /** The '\0' of "from a key on" is below every key, so here it makes an empty span like any other such end. */
  add({ key, rangeEnd }: DeleteRangeCommand): void {
    const end = rangeEnd === '' ? `${key}\0` : rangeEnd;
    if (key < end) this.#push({ from: key, end });
  }

  addAll(other: DeletedSpans): void {
    for (const span of other.#spans) this.#push(span);
  }

  has(key: ByteString): boolean {
    if (!this.#isSorted) this.#sort();
    let low = 0;
    let high = this.#spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#spans[middle]?.from ?? '') <= key) low = middle + 1;
      else high = middle;
    }
    const span = this.#spans[low - 1];
    return span !== undefined && key < span.end;
  }

  #push(span: Span): void {
    this.#spans.push(span);
    this.#isSorted = false;
  }

  #sort(): void {
    const disjoint: Span[] = [];
    for (const span of this.#spans.sort((a, b) => compareByteStrings(a.from, b.from))) {
      const last = disjoint.at(-1);
      if (last === undefined || last.end < span.from) disjoint.push(span);
      else if (last.end < span.end) disjoint[disjoint.length - 1] = { from: last.from, end: span.end };
    }
    this.#spans = disjoint;
    this.#isSorted = true;
  }
}
