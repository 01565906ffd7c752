/**
 * Commits: whoever knows first that something is committed is counted again, on disks; and nobody ever knows otherwise.
 */
import type { CoreView } from '../../server/node/raft-node.js';
import type { EntryId, LogIndex, NodeId } from '../../server/raft/types.js';
import type { Committed } from './committed.js';
import type { DurableImage } from './durable-image.js';
import type { Report } from './check-report.js';

export class CommitChecks {
  readonly #report: Report;
  readonly #committed: Committed;
  readonly #images: (id: NodeId) => DurableImage | undefined;

  constructor(report: Report, committed: Committed, images: (id: NodeId) => DurableImage | undefined) {
    this.#report = report;
    this.#committed = committed;
    this.#images = images;
  }

  /** A member's commit index went on from `from`. */
  advanced(id: NodeId, core: CoreView, from: LogIndex): void {
    const to = core.commitIndex;
    const isNews = to > this.#committed.index;
    if (from > this.#committed.index) {
      this.#report(
        'commit-known',
        `m${id} starts from ${from}, but nothing after ${this.#committed.index} was committed`,
      );
      return;
    }
    for (let index = from + 1; index <= to; index += 1) {
      const term = core.termAt(index);
      const known = this.#committed.termAt(index);
      if (term === undefined) {
        this.#report('commit-in-log', `m${id} says ${index} is committed and has no such entry`);
        return;
      }
      if (known === undefined) this.#committed.add(term, core.term);
      else if (known !== term) {
        this.#report(
          'state-machine-safety',
          `at index ${index} term ${known} is committed; for m${id} term ${term} is`,
        );
        return;
      }
    }
    if (isNews) this.#checkDurable(id, core, { index: to, term: core.termAt(to) ?? 0 });
  }

  /** Of a leader, within its term: it has counted (Raft §5.4.2). */
  counted(id: NodeId, core: CoreView): void {
    const term = core.termAt(core.commitIndex);
    if (term === core.term) return;
    this.#report(
      'commit-own-term',
      `m${id} leads term ${core.term} and commits ${term}/${core.commitIndex} by counting`,
    );
  }

  #checkDurable(id: NodeId, core: CoreView, entry: EntryId): void {
    const { voters } = core.conf;
    const holders = voters.filter((voter) => this.#images(voter)?.holds(entry) === true);
    // Counted here, and not by what the members count with.
    if (2 * holders.length > voters.length) return;
    const text = `m${id} says ${entry.term}/${entry.index} is committed; of ${voters.join(' ')} only ${holders.join(' ')} hold it`;
    this.#report('commit-durable', text);
  }
}
