/** What is committed, as far as any member has ever known. It only grows, and it never changes. */
import type { LogIndex, Term } from '../../server/raft/types.js';

export class Committed {
  /** Place i holds the term of index i. */
  readonly #terms: Term[] = [0];
  /** The term of whoever knew it first. */
  readonly #inTerms: Term[] = [0];
  /** When that was, in true ms. */
  readonly #atMs: number[] = [0];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get index(): LogIndex {
    return this.#terms.length - 1;
  }

  termAt(index: LogIndex): Term | undefined {
    return this.#terms[index];
  }

  inTermAt(index: LogIndex): Term | undefined {
    return this.#inTerms[index];
  }

  knownAtMs(index: LogIndex): number | undefined {
    return this.#atMs[index];
  }

  /** The next index. */
  add(term: Term, inTerm: Term): void {
    this.#terms.push(term);
    this.#inTerms.push(inTerm);
    this.#atMs.push(this.#nowMs());
  }
}
