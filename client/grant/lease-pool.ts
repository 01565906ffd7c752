/**
 * Leases that the grants of a client share: one for each ttl, so that taking a lock does not take a lease as well. A lease
 * that nobody uses for its ttl is revoked.
 */
import type { Lease, Leases } from '../api/lease.js';
import { QuorateError } from '../core/quorate-error.js';
import type { Clock, Timer } from '../lib/clock.js';

interface Shared {
  readonly granted: Promise<Lease>;
  lease: Lease | undefined;
  users: number;
  /** Nobody new gets it: something may hang on it that nobody knows of. */
  isRetired: boolean;
  idle: Timer | undefined;
}

/** One use of a shared lease. */
export interface LeaseUse {
  readonly lease: Lease;
  /** `isClean`: nothing hangs on it any more on account of this use. Safe to call again. */
  end(isClean: boolean): void;
}

export class LeasePool {
  readonly #leases: Leases;
  readonly #clock: Clock;
  readonly #byTtl = new Map<number, Shared>();
  #isClosed = false;

  constructor(leases: Leases, clock: Clock) {
    this.#leases = leases;
    this.#clock = clock;
  }

  /** Rejects as `Leases.grant` does, and with CANCELED when the signal is aborted first. */
  async take(ttl: number, timeout: number, signal: AbortSignal | undefined): Promise<LeaseUse> {
    const shared = this.#shared(ttl, timeout);
    shared.users += 1;
    shared.idle?.cancel();
    try {
      const lease = await orAborted(shared.granted, signal);
      lease.assertAlive();
      return this.#use(ttl, shared, lease);
    } catch (error) {
      this.#leave(ttl, shared, true);
      throw error;
    }
  }

  /** The client ends its leases itself: nothing is left to wait for, and no timer may keep the process alive. */
  close(): void {
    this.#isClosed = true;
    for (const { idle } of this.#byTtl.values()) idle?.cancel();
  }

  #shared(ttl: number, timeout: number): Shared {
    const known = this.#byTtl.get(ttl);
    if (known !== undefined && known.lease?.state !== 'lost') return known;
    const granted = this.#leases.grant({ ttl, timeout });
    const shared: Shared = { granted, lease: undefined, users: 0, isRetired: false, idle: undefined };
    this.#byTtl.set(ttl, shared);
    granted.then(
      (lease) => {
        shared.lease = lease;
      },
      () => this.#forget(ttl, shared),
    );
    return shared;
  }

  #use(ttl: number, shared: Shared, lease: Lease): LeaseUse {
    let isOver = false;
    return {
      lease,
      end: (isClean) => {
        if (isOver) return;
        isOver = true;
        this.#leave(ttl, shared, isClean);
      },
    };
  }

  #leave(ttl: number, shared: Shared, isClean: boolean): void {
    shared.users -= 1;
    if (!isClean) {
      shared.isRetired = true;
      this.#forget(ttl, shared);
    }
    if (shared.users > 0 || this.#isClosed) return;
    if (shared.isRetired) this.#revoke(ttl, shared);
    else shared.idle = this.#clock.setTimer(() => this.#revoke(ttl, shared), ttl);
  }

  #revoke(ttl: number, shared: Shared): void {
    this.#forget(ttl, shared);
    // It ends by itself where that fails.
    shared.granted.then((lease) => lease.revoke()).catch(() => undefined);
  }

  #forget(ttl: number, shared: Shared): void {
    if (this.#byTtl.get(ttl) === shared) this.#byTtl.delete(ttl);
  }
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new QuorateError('CANCELED', { outcome: 'notApplied', cause: signal.reason }));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
