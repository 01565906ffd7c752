/**
 * Which configuration is in force. It takes effect when its entry is appended and is rolled back when that entry is
 * truncated (Thesis §4.1), so the history of the entries still in the log is kept, above a base that never changes.
 */
import { assert } from '../lib/assert.js';
import { compareBigints } from '../lib/bytes.js';
import type { ConfState, Entry, LogIndex, NodeId } from './types.js';

interface ConfPoint {
  readonly index: LogIndex;
  readonly conf: ConfState;
}

export class Membership {
  /** Ascending by index. Invariant: never empty; the first point is the base. */
  #points: ConfPoint[];

  constructor(base: ConfPoint) {
    this.#points = [base];
  }

  get current(): ConfState {
    return this.#last.conf;
  }

  /** Index of the entry that brought the current configuration; the base's index when it came with a snapshot. */
  get currentIndex(): LogIndex {
    return this.#last.index;
  }

  /** The configuration in force at `index`, which must not lie before the base. */
  at(index: LogIndex): ConfState {
    const point = this.#points.findLast((candidate) => candidate.index <= index);
    assert(point !== undefined, 'configuration before the base is unknown', { index });
    return point.conf;
  }

  append(entry: Entry): void {
    if (entry.kind !== 'conf') return;
    assert(entry.index > this.currentIndex, 'configuration entries out of order', { index: entry.index });
    this.#points.push({ index: entry.index, conf: entry.conf });
  }

  /** Forgets what entries after `index` brought. */
  truncateAfter(index: LogIndex): void {
    this.#points = this.#points.filter((point, place) => place === 0 || point.index <= index);
  }

  /** Moves the base up to `index`: history before it is not asked for any more. */
  trimTo(index: LogIndex): void {
    const base = { index, conf: this.at(index) };
    this.#points = [base, ...this.#points.filter((point) => point.index > index)];
  }

  reset(base: ConfPoint): void {
    this.#points = [base];
  }

  get #last(): ConfPoint {
    const last = this.#points.at(-1);
    assert(last !== undefined, 'membership without a base');
    return last;
  }
}

export function isVoter(conf: ConfState, id: NodeId): boolean {
  return conf.voters.includes(id);
}

export function isLearner(conf: ConfState, id: NodeId): boolean {
  return conf.learners.includes(id);
}

/** Voters and learners, sorted by id: the order in which a leader walks its peers. */
export function membersOf(conf: ConfState): readonly NodeId[] {
  return [...conf.voters, ...conf.learners].sort(compareBigints);
}

export type ConfChange =
  | { readonly kind: 'addVoter'; readonly id: NodeId }
  | { readonly kind: 'addLearner'; readonly id: NodeId }
  | { readonly kind: 'promote'; readonly id: NodeId }
  | { readonly kind: 'remove'; readonly id: NodeId };

/**
 * One member at a time, so that any majority of the old and any of the new configuration share a member (Thesis §4.1).
 * Undefined when the change makes no sense in `conf`, would leave no voter, or adds an id that stands for nobody.
 */
export function changeConf(conf: ConfState, change: ConfChange): ConfState | undefined {
  if (change.id <= 0n) return undefined;
  const voters = conf.voters.filter((id) => id !== change.id);
  const learners = conf.learners.filter((id) => id !== change.id);
  const known = voters.length + learners.length < conf.voters.length + conf.learners.length;
  const add = (ids: readonly NodeId[]): readonly NodeId[] => [...ids, change.id].sort(compareBigints);
  switch (change.kind) {
    case 'addVoter':
      return known ? undefined : { voters: add(voters), learners };
    case 'addLearner':
      return known ? undefined : { voters, learners: add(learners) };
    case 'promote':
      return isLearner(conf, change.id) ? { voters: add(voters), learners } : undefined;
    case 'remove':
      return known && voters.length > 0 ? { voters, learners } : undefined;
  }
}
