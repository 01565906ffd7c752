/**
 * Bounds what clients may make this member hold: requests that are being served, and the bytes of requests and of
 * large answers that are not sent yet. What does not fit is refused by name. Knows when the last request has left.
 */
import { createDeferred, type Deferred } from '../lib/deferred.js';
import { QuorateError } from '../lib/quorate-error.js';

export const requestsInFlightMax = 32_768;
export const bytesHeldMax = 512 * 1024 * 1024;

export class RequestGate {
  #inFlight = 0;
  #bytesHeld = 0;
  #isClosed = false;
  #idle: Deferred<void> | undefined;

  /** Throws STOPPED or TOO_MANY_REQUESTS; then nothing entered, and nothing may leave. */
  enter(bytes: number): void {
    if (this.#isClosed) throw new QuorateError('STOPPED');
    if (this.#inFlight >= requestsInFlightMax) {
      throw new QuorateError(
        'TOO_MANY_REQUESTS',
        `${this.#inFlight} requests in flight, at most ${requestsInFlightMax}`,
      );
    }
    if (this.#bytesHeld + bytes > bytesHeldMax) {
      throw new QuorateError('TOO_MANY_REQUESTS', `${this.#bytesHeld} bytes held for clients, at most ${bytesHeldMax}`);
    }
    this.#inFlight += 1;
    this.#bytesHeld += bytes;
  }

  leave(bytes: number): void {
    this.#inFlight -= 1;
    this.#bytesHeld -= bytes;
    if (this.#inFlight === 0) this.#idle?.resolve();
  }

  /** For a large answer, until its stream is closed: a client that reads slowly makes us hold it. */
  hold(bytes: number): void {
    this.#bytesHeld += bytes;
  }

  release(bytes: number): void {
    this.#bytesHeld -= bytes;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get bytesHeld(): number {
    return this.#bytesHeld;
  }

  /** Refuses everything from now on; resolves when all that entered before has left. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#idle ??= createDeferred();
    if (this.#inFlight === 0) this.#idle.resolve();
    return this.#idle.promise;
  }
}
