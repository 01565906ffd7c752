/**
 * Revisions that nobody knows the making of: calls of unknown outcome made them, or calls that are still open. What the
 * store held before and after one tells which call it was, as long as it is not compacted.
 */
import type { KeyValue, Operation, Outcome } from '../../checkers/operation.js';

export class RevisionGaps {
  /** Made by a call that was told so, or seen on a key. */
  readonly #known = new Set<number>();
  #highest = 1;
  readonly #isKnown: (revision: number) => boolean;
  /** No gap up to here is left to look at. */
  #closedTo = 1;

  /** `isKnown`: from elsewhere: the end of a lease is no call of anybody, and puts of sessions are found in the log. */
  constructor(isKnown: (revision: number) => boolean = () => false) {
    this.#isKnown = isKnown;
  }

  learn({ outcome }: Operation): void {
    if (outcome.kind !== 'ok') return;
    this.#highest = Math.max(this.#highest, outcome.revision);
    if (hasWritten(outcome)) this.#known.add(outcome.revision);
    for (const { modRevision } of shownBy(outcome)) this.#known.add(modRevision);
  }

  /** Where to look to learn of the lowest gap up to `revision`. */
  next(revision = this.#highest): { readonly gap: number; readonly looks: readonly number[] } | undefined {
    for (let gap = this.#closedTo + 1; gap <= revision; gap += 1) {
      if (!this.#known.has(gap) && !this.#isKnown(gap)) return { gap, looks: [gap - 1, gap] };
    }
    return undefined;
  }

  /** Everything up to `revision` was looked at, or cannot be any more. */
  close(revision: number): void {
    this.#closedTo = Math.max(this.#closedTo, revision);
  }
}

function hasWritten({ answer }: Extract<Outcome, { kind: 'ok' }>): boolean {
  const results = answer.kind === 'txn' ? answer.results : [answer];
  return results.some((result) => result.kind === 'put' || (result.kind === 'deleteRange' && result.deleted > 0));
}

function shownBy({ answer }: Extract<Outcome, { kind: 'ok' }>): readonly KeyValue[] {
  const results = answer.kind === 'txn' ? answer.results : [answer];
  return results.flatMap((result) => (result.kind === 'range' ? result.kvs : []));
}
