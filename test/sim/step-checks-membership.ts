/**
 * Configurations: one member at a time, one change at a time, and none of a leader that has not committed an entry of
 * its own term yet; the configuration stored with the state is that of the log.
 */
import type { CoreView } from '../../server/node/raft-node.js';
import { membersOf } from '../../server/raft/membership.js';
import type { ConfState, Entry, EntryId, LogIndex, NodeId } from '../../server/raft/types.js';
import type { Committed } from './committed.js';
import type { DurableImage } from './durable-image.js';
import type { Entries } from './entries.js';
import type { ReferenceState } from './reference-state.js';
import type { Report } from './check-report.js';

export class MembershipChecks {
  readonly #report: Report;
  readonly #committed: Committed;
  readonly #entries: Entries;
  readonly #reference: ReferenceState;
  readonly #seen = new Set<string>();

  constructor(report: Report, committed: Committed, entries: Entries, reference: ReferenceState) {
    this.#report = report;
    this.#committed = committed;
    this.#entries = entries;
    this.#reference = reference;
  }

  /** An entry is durable somewhere. Its leader appended it earlier, and has told its commits by now. */
  durable(id: EntryId): void {
    const entry = this.#entries.get(id);
    if (entry?.kind !== 'conf' || this.#isFirst(entry)) return;
    const key = `${id.term}/${id.index}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (!this.#hasCommitted(id)) {
      this.#report(
        'conf-after-own-commit',
        `${key} changes the members before its leader committed anything of its term`,
      );
    }
    const before = this.#confBefore(id);
    if (before === undefined) {
      this.#report('one-conf-change', `${key} changes the members while an earlier change is not committed`);
    } else if (!isOneStep(before, entry.conf)) {
      this.#report('one-member-at-a-time', `${key} changes more than one member`);
    }
  }

  /** On a disk, at a start and now and then. */
  checkApplied(id: NodeId, { applied }: DurableImage): void {
    if (applied === undefined || applied.index > this.#committed.index) return;
    const { conf, revision } = this.#reference.at(applied.index);
    // A member that waits to be added knows nobody before its first entry.
    const isWaiting = applied.index === 0 && applied.conf.voters.length === 0;
    if (!isSame(conf, applied.conf) && !isWaiting) {
      this.#report('conf-of-the-log', `m${id} stores another configuration at ${applied.index} than the log has`);
    }
    if (revision !== applied.revision) {
      this.#report(
        'state-of-the-log',
        `m${id} stores revision ${applied.revision} at ${applied.index}, not ${revision}`,
      );
    }
  }

  /** What a member acts on is what its own log says last. */
  checkMemory(id: NodeId, core: CoreView, lastIndex: LogIndex): void {
    const isWaiting = lastIndex === 0 && core.conf.voters.length === 0;
    if (core.commitIndex > this.#committed.index || isWaiting) return;
    let { conf } = this.#reference.at(core.commitIndex);
    for (let index = core.commitIndex + 1; index <= lastIndex; index += 1) {
      const entry = this.#entries.get({ index, term: core.termAt(index) ?? 0 });
      // Of what was never durable anywhere nothing is known here.
      if (entry === undefined) return;
      if (entry.kind === 'conf') conf = entry.conf;
    }
    if (isSame(conf, core.conf)) return;
    this.#report('conf-of-the-log', `m${id} acts on another configuration than its log ends with`);
  }

  /** The first entry of a log changes nothing: it tells newcomers with whom the cluster began. */
  #isFirst({ index, conf }: Entry & { readonly kind: 'conf' }): boolean {
    return index === 1 && isSame(conf, this.#reference.at(0).conf);
  }

  #hasCommitted({ term, index }: EntryId): boolean {
    for (let place = Math.min(index - 1, this.#committed.index); place > 0; place -= 1) {
      const committed = this.#committed.termAt(place) ?? 0;
      if (committed <= term) return committed === term;
    }
    return false;
  }

  /** The configuration in force before the entry; undefined when that is not committed. */
  #confBefore(id: EntryId): ConfState | undefined {
    let index = id.index - 1;
    let term = this.#entries.termBefore(id);
    while (term !== undefined && index > this.#committed.index) {
      if (this.#entries.get({ term, index })?.kind === 'conf') return undefined;
      term = this.#entries.termBefore({ term, index });
      index -= 1;
    }
    return this.#reference.at(index).conf;
  }
}

function isOneStep(before: ConfState, after: ConfState): boolean {
  const was = new Set(membersOf(before));
  const is = new Set(membersOf(after));
  const changed = [...was].filter((id) => !is.has(id)).length + [...is].filter((id) => !was.has(id)).length;
  if (changed > 0) return changed === 1;
  // A learner became a voter.
  return after.voters.filter((id) => !before.voters.includes(id)).length === 1;
}

function isSame(a: ConfState, b: ConfState): boolean {
  return a.voters.join() === b.voters.join() && a.learners.join() === b.learners.join();
}
