/**
 * Calls that nobody here can finish: streams, and whoever waits for somebody else to make way. A member that stops does
 * not wait for them: it refuses them at once, and their clients go elsewhere.
 */
import { QuorateError } from '../lib/quorate-error.js';

const nothing = (): void => undefined;

export class LongCalls {
  readonly #ends = new Set<(error: QuorateError) => void>();
  #isStopped = false;

  /** `end` is called once at most: with STOPPED, at once where that is so already. Returns how to tell that the call is over. */
  attend(end: (error: QuorateError) => void): () => void {
    if (this.#isStopped) {
      end(new QuorateError('STOPPED'));
      return nothing;
    }
    this.#ends.add(end);
    return () => void this.#ends.delete(end);
  }

  stop(): void {
    this.#isStopped = true;
    const ends = [...this.#ends];
    this.#ends.clear();
    for (const end of ends) end(new QuorateError('STOPPED'));
  }
}
