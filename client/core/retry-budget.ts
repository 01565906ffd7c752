/**
 * Bounds what retries add to the load of a cluster that is in trouble already: about a fifth of the calls, plus a small
 * reserve, so that a client with little traffic still gets through an election.
 */
const RESERVE = 50;
const PER_CALL = 0.2;

export class RetryBudget {
  #tokens = RESERVE;

  /** A call was made. */
  deposit(): void {
    this.#tokens = Math.min(RESERVE, this.#tokens + PER_CALL);
  }

  /** Whether one more retry fits. */
  withdraw(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
