/**
 * From what applying a command said to the answer that a door tells. What must be read at the very point where an entry
 * was applied is opened in the turn that applied it.
 */
import type { Applied, RangeResult, TxnOpResult } from '../state/result.js';
import type { DeleteRangeAnswer, Header, PutAnswer, TxnAnswer, TxnOpAnswer } from './member.js';
import type { RangeReader } from './range-reader.js';
import type { RaftNode } from './raft-node.js';
import { errorOf, type Maybe, resultOf } from './requests.js';

export class Answers {
  readonly #node: RaftNode;
  readonly #ranges: RangeReader;
  readonly #header: (revision: number) => Header;

  constructor(node: RaftNode, ranges: RangeReader, header: (revision: number) => Header) {
    this.#node = node;
    this.#ranges = ranges;
    this.#header = header;
  }

  put(applied: Applied): PutAnswer {
    const { prevKv } = resultOf(applied, 'put');
    return { header: this.#header(applied.revision), prevKv };
  }

  deleteRange(applied: Applied): DeleteRangeAnswer {
    const { deleted, prevKvs } = resultOf(applied, 'deleteRange');
    return { header: this.#header(applied.revision), deleted, prevKvs };
  }

  txn(applied: Applied): Maybe<TxnAnswer> {
    const { succeeded, results } = resultOf(applied, 'txn');
    const header = this.#header(applied.revision);
    return map(this.#ops(results), (answers) => ({ header, succeeded, results: answers }));
  }

  #ops(results: readonly TxnOpResult[]): Maybe<readonly TxnOpAnswer[]> {
    return all(results.map((result) => this.#op(result)));
  }

  #op(result: TxnOpResult): Maybe<TxnOpAnswer> {
    if (result.kind === 'range') {
      const { query, at, revision } = result;
      const opened = this.#node.machine.openRange(query, at);
      if (!opened.ok) throw errorOf(opened);
      return map(this.#ranges.read(opened.cursor), (range: RangeResult) => ({ kind: 'range', revision, ...range }));
    }
    if (result.kind !== 'txn') return result;
    const { succeeded } = result;
    return map(this.#ops(result.results), (results) => ({ kind: 'txn', succeeded, results }));
  }
}

export function map<T, U>(value: Maybe<T>, change: (value: T) => U): Maybe<U> {
  return value instanceof Promise ? value.then(change) : change(value);
}

function all<T>(values: readonly Maybe<T>[]): Maybe<readonly T[]> {
  const isSettled = (value: Maybe<T>): value is T => !(value instanceof Promise);
  return values.every(isSettled) ? values : Promise.all(values);
}
