/** Logs, each kept once: equal logs are the same object. */
import { describeEntry } from '../../../server/raft/describe.js';
import type { Entry, Term } from '../../../server/raft/types.js';

export interface Log {
  readonly number: number;
  /** Place i holds index i + 1. */
  readonly terms: readonly Term[];
  /** Of each entry: term, index and content. */
  readonly entries: readonly string[];
}

/** More logs than this never meet in one search. */
const LOGS_MAX = 2 ** 24;

export class Logs {
  readonly #logs = new Map<string, Log>();
  readonly #matches = new Map<number, boolean>();

  keep(entries: readonly Entry[]): Log {
    const texts = entries.map(describeEntry);
    const key = texts.join(', ');
    const known = this.#logs.get(key);
    if (known !== undefined) return known;
    const log = { number: this.#logs.size, terms: entries.map((entry) => entry.term), entries: texts };
    this.#logs.set(key, log);
    return log;
  }

  /** Log matching, Raft §5.3: an entry of one index and term in both means that they are equal up to there. */
  match(one: Log, other: Log): boolean {
    if (one === other) return true;
    const key = Math.min(one.number, other.number) * LOGS_MAX + Math.max(one.number, other.number);
    const known = this.#matches.get(key);
    if (known !== undefined) return known;
    const matches = doMatch(one, other);
    this.#matches.set(key, matches);
    return matches;
  }
}

function doMatch(one: Log, other: Log): boolean {
  let isCommon = false;
  for (let place = Math.min(one.terms.length, other.terms.length) - 1; place >= 0; place -= 1) {
    isCommon ||= one.terms[place] === other.terms[place];
    if (isCommon && one.entries[place] !== other.entries[place]) return false;
  }
  return true;
}
