/** Logs as numbers: equal logs, equal numbers. Log 0 is the empty one. */
import { assert } from '../../../server/lib/assert.js';
import { describeEntry } from '../../../server/raft/describe.js';
import type { Entry, LogIndex, Term } from '../../../server/raft/types.js';

export interface Log {
  readonly id: number;
  readonly terms: readonly Term[];
  /** One text for each entry, with term, index and content. */
  readonly entries: readonly string[];
}

export class LogTable {
  readonly #logs: Log[] = [];
  readonly #ids = new Map<string, Log>();
  readonly #matches = new Map<number, boolean>();

  constructor() {
    this.intern([]);
  }

  intern(entries: readonly Entry[]): Log {
    const texts = entries.map(describeEntry);
    const key = texts.join(', ');
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const log = { id: this.#logs.length, terms: entries.map((entry) => entry.term), entries: texts };
    this.#logs.push(log);
    this.#ids.set(key, log);
    return log;
  }

  /** Raft §5.3: two logs with an entry of one index and term are equal up to there. */
  matches(one: Log, other: Log): boolean {
    if (one === other) return true;
    const key = Math.min(one.id, other.id) * 0x100_0000 + Math.max(one.id, other.id);
    let matches = this.#matches.get(key);
    if (matches === undefined) {
      matches = doMatch(one, other);
      this.#matches.set(key, matches);
    }
    return matches;
  }
}

function doMatch(one: Log, other: Log): boolean {
  for (let index = Math.min(one.terms.length, other.terms.length); index >= 1; index -= 1) {
    if (termAt(one, index) === termAt(other, index)) return isEqualTo(one, other, index);
  }
  return true;
}

function isEqualTo(one: Log, other: Log, index: LogIndex): boolean {
  for (let place = 0; place < index; place += 1) if (one.entries[place] !== other.entries[place]) return false;
  return true;
}

function termAt(log: Log, index: LogIndex): Term {
  const term = log.terms[index - 1];
  assert(term !== undefined, 'the index lies in the log', { index });
  return term;
}
