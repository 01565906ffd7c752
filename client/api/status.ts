/** What happens to a client besides its calls, told to whoever listens. For people and programs that watch over it. */
import type { LeaseId } from '../core/ids.js';
import { endable } from './endable.js';

export type Status =
  /** A stream of the session stands. */
  | { readonly kind: 'connected'; readonly member: string }
  /** A connection broke, or a member was left; the client turns to the next one by itself. */
  | { readonly kind: 'reconnecting'; readonly member: string; readonly reason: string }
  /** `leader`: where clients reach it. Undefined: nobody leads, as far as is known. */
  | { readonly kind: 'leaderChanged'; readonly leader: string | undefined; readonly term: number }
  /** Writes that were under way are of unknown outcome; a new session has begun. */
  | { readonly kind: 'sessionExpired' }
  /** Two thirds of the ttl passed without a renewal that was answered. */
  | { readonly kind: 'leaseAtRisk'; readonly lease: LeaseId; readonly remainingMs: number }
  | { readonly kind: 'leaseLost'; readonly lease: LeaseId }
  /** The listener was too slow: so many were dropped before the next one. */
  | { readonly kind: 'missed'; readonly count: number }
  /** The last one. */
  | { readonly kind: 'closed' };

/** A listener that does not listen costs so much and no more. */
const WAITING_MAX = 256;

export class StatusBoard {
  readonly #listeners = new Set<Listener>();
  #isClosed = false;

  tell(status: Status): void {
    for (const listener of this.#listeners) listener.tell(status);
  }

  /** Ends every listener's loop. */
  close(): void {
    if (this.#isClosed) return;
    this.tell({ kind: 'closed' });
    this.#isClosed = true;
    for (const listener of this.#listeners) listener.end();
  }

  /** Hears everything from now on; nothing when the client is closed already. */
  listen(signal: AbortSignal | undefined): AsyncIterableIterator<Status> {
    const listener = new Listener();
    const end = (): void => {
      signal?.removeEventListener('abort', end);
      this.#listeners.delete(listener);
      listener.end();
    };
    if (this.#isClosed || signal?.aborted === true) {
      listener.end();
    } else {
      signal?.addEventListener('abort', end);
      this.#listeners.add(listener);
    }
    return endable(heard(listener, end), end);
  }
}

async function* heard(listener: Listener, end: () => void): AsyncGenerator<Status, void, undefined> {
  try {
    for (let next = await listener.next(); next !== undefined; next = await listener.next()) yield next;
  } finally {
    end();
  }
}

class Listener {
  #waiting: Status[] = [];
  #missed = 0;
  #isOver = false;
  #wake: (() => void) | undefined;

  tell(status: Status): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#waiting.shift();
      this.#missed += 1;
    }
    this.#waiting.push(status);
    this.#wake?.();
  }

  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }

  async next(): Promise<Status | undefined> {
    while (this.#waiting.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#missed > 0) {
      const count = this.#missed;
      this.#missed = 0;
      return { kind: 'missed', count };
    }
    return this.#waiting.shift();
  }
}
