/**
 * Where a watch stands, so that it can go on elsewhere with no gap and no repeat. Everything below `next` has been told;
 * whatever a new stream brings from below is dropped.
 */
export class WatchPosition {
  /** Undefined: from now on, and no stream has said yet when that was. */
  #next: number | undefined;

  /** `from`: the first revision of interest; undefined: whatever comes. */
  constructor(from: number | undefined) {
    this.#next = from;
  }

  /** The first revision that a new stream is asked for; undefined: whatever comes. */
  get next(): number | undefined {
    return this.#next;
  }

  /** A stream began when the store stood at `revision`. */
  began(revision: number): void {
    this.#next ??= revision + 1;
  }

  /** Whether an event of `revision` is news. All events of one revision come together, so they are news together. */
  isNews(revision: number): boolean {
    return revision >= (this.#next ?? 0);
  }

  /** Everything up to and with `revision` has been told. */
  toldUpTo(revision: number): void {
    if (revision >= (this.#next ?? 0)) this.#next = revision + 1;
  }

  /** History begins at `revision` now: what lay between is lost. */
  compactedTo(revision: number): void {
    if (revision > (this.#next ?? 0)) this.#next = revision;
  }
}
