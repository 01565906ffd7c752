/**
 * Answers: nobody is told what is not committed and durable on a quorum; a linearizable read is never older than what
 * was committed anywhere when it was asked, and neither is a write.
 */
import type { NodeId } from '../../server/raft/types.js';
import type { ReferenceState } from './reference-state.js';
import type { Report } from './check-report.js';

export class AnswerChecks {
  readonly #report: Report;
  readonly #reference: ReferenceState;

  constructor(report: Report, reference: ReferenceState) {
    this.#report = report;
    this.#reference = reference;
  }

  /** The revision that an answer to whoever asks now must at least show. */
  get floor(): number {
    return this.#reference.now.revision;
  }

  /** An answer leaves. `floor`: undefined for a read that may be of the past. */
  answered(id: NodeId, call: string, revision: number, floor: number | undefined): void {
    const { revision: committed } = this.#reference.now;
    if (revision > committed) {
      this.#report('answer-durable', `m${id} answers ${call} at revision ${revision}, committed is ${committed}`);
    }
    if (floor !== undefined && revision < floor) {
      this.#report(
        'read-linearizable',
        `m${id} answers ${call} at revision ${revision}, asked when ${floor} was committed`,
      );
    }
  }
}
