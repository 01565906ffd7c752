/**
 * What a cluster has been through as far as later states are judged by it: who led which term, and what was committed.
 * Part of a cluster's state, or else a crash would make it forgotten. Each step of a member is checked against it here.
 */
import { assert } from '../../../server/lib/assert.js';
import { quorumSize } from '../../../server/raft/quorum.js';
import type { NodeId, Term } from '../../../server/raft/types.js';
import type { Logs } from './logs.js';
import type { MemberState, Step } from './member-graph.js';

interface CommittedEntry {
  readonly entry: string;
  /** Of whoever knew it first. */
  readonly inTerm: Term;
}

export interface History {
  readonly number: number;
  /** By term. */
  readonly leaders: ReadonlyMap<Term, NodeId>;
  /** Place i holds index i + 1. */
  readonly committed: readonly CommittedEntry[];
}

export class Histories {
  readonly #histories: History[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #logs: Logs;

  constructor(logs: Logs) {
    this.#logs = logs;
    this.#keep(new Map(), []);
  }

  /** Nobody led and nothing was committed. */
  get first(): History {
    return this.history(0);
  }

  history(number: number): History {
    const history = this.#histories[number];
    assert(history !== undefined, 'no such history', { number });
    return history;
  }

  /** The most terms with a leader, and the most committed entries, that any history holds. */
  richest(): { readonly termsLed: number; readonly committed: number } {
    const most = (of: (history: History) => number) =>
      this.#histories.reduce((max, each) => Math.max(max, of(each)), 0);
    return { termsLed: most(({ leaders }) => leaders.size), committed: most(({ committed }) => committed.length) };
  }

  /** The history after one member has taken `step` from its state `before`. Throws when that must not happen. */
  after(history: History, before: MemberState, step: Step, others: readonly MemberState[]): History {
    const { to } = step;
    if (to.log !== before.log || to.durable.log !== before.durable.log) this.#checkLogs(to, others);
    let next = history;
    for (const term of step.led) next = this.#withLeader(next, term, to);
    if (to.log !== before.log || to.commitIndex !== before.commitIndex) next = this.#withCommits(next, to, others);
    return next;
  }

  #checkLogs(to: MemberState, others: readonly MemberState[]): void {
    for (const other of others) {
      for (const own of [to.log, to.durable.log]) {
        for (const theirs of [other.log, other.durable.log]) {
          assert(this.#logs.match(own, theirs), 'logs differ below an equal entry', { one: to.id, other: other.id });
        }
      }
    }
  }

  #withLeader(history: History, term: Term, leader: MemberState): History {
    const known = history.leaders.get(term);
    if (known === leader.id) return history;
    assert(known === undefined, 'two leaders in one term', { term, one: known, other: leader.id });
    for (const [place, { entry, inTerm }] of history.committed.entries()) {
      const isThere = inTerm >= term || leader.log.entries[place] === entry;
      assert(isThere, 'a leader lacks a committed entry', { term, leader: leader.id, entry });
    }
    return this.#keep(new Map([...history.leaders, [term, leader.id]]), history.committed);
  }

  #withCommits(history: History, to: MemberState, others: readonly MemberState[]): History {
    const committed = [...history.committed];
    for (let place = 0; place < to.commitIndex; place += 1) {
      const entry = to.log.entries[place];
      assert(entry !== undefined, 'a committed entry is missing', { id: to.id, index: place + 1 });
      const known = committed[place];
      if (known === undefined) {
        checkDurable(to, others, place);
        committed.push({ entry, inTerm: to.term });
      } else {
        assert(known.entry === entry, 'two entries committed at one index', { id: to.id, entry, known: known.entry });
      }
    }
    return committed.length === history.committed.length ? history : this.#keep(history.leaders, committed);
  }

  #keep(leaders: ReadonlyMap<Term, NodeId>, committed: readonly CommittedEntry[]): History {
    const entries = committed.map(({ entry, inTerm }) => `${entry} in ${inTerm}`).join(', ');
    const key = `${[...leaders].sort(([a], [b]) => a - b).join(' ')}; ${entries}`;
    const number = this.#numbers.get(key) ?? this.#histories.length;
    const history = this.#histories[number] ?? { number, leaders, committed };
    this.#numbers.set(key, number);
    this.#histories[number] = history;
    return history;
  }
}

/** Whoever commits something first is a leader that counted: count again, on disks. */
function checkDurable(leader: MemberState, others: readonly MemberState[], place: number): void {
  const entry = leader.log.entries[place];
  const { voters } = leader;
  const holders = [leader, ...others].filter(
    ({ id, durable }) => voters.includes(id) && durable.log.entries[place] === entry,
  );
  assert(holders.length >= quorumSize(voters.length), 'committed without a durable quorum', {
    by: leader.id,
    entry,
    holders: holders.map(({ id }) => id).join(' '),
  });
}
