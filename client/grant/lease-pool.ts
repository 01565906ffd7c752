/**
 * Leases that the grants of a client share: one for each ttl, so that taking a lock does not take a lease as well. A lease
 * that nobody uses for its ttl is revoked.
 */
import type { Lease, Leases } from '../api/lease.js';
import { orAborted } from '../calls/or-aborted.js';
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
  readonly #leases: Pick<Leases, 'grant'>;
  readonly #clock: Clock;
  readonly #byTtl = new Map<number, Shared>();
  /** How long a lease is asked for, whoever waits for it. */
  readonly #grantMs: number;
  #isClosed = false;

  constructor(leases: Pick<Leases, 'grant'>, clock: Clock, grantMs: number) {
    this.#leases = leases;
    this.#clock = clock;
    this.#grantMs = grantMs;
  }

  /** Rejects as `Leases.grant` does; with DEADLINE_EXCEEDED after `timeout`, with CANCELED when the signal is aborted first. */
  async take(ttl: number, timeout: number, signal: AbortSignal | undefined): Promise<LeaseUse> {
    const shared = this.#shared(ttl);
    shared.users += 1;
    shared.idle?.cancel();
    try {
      const lease = await orAborted(within(this.#clock, timeout, shared.granted), signal);
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

  #shared(ttl: number): Shared {
    const known = this.#byTtl.get(ttl);
    if (known !== undefined && known.lease?.state !== 'lost') return known;
    const granted = this.#leases.grant({ ttl, timeout: this.#grantMs });
    const shared: Shared = { granted, lease: undefined, users: 0, isRetired: false, idle: undefined };
    this.#byTtl.set(ttl, shared);
    granted.then(
      (lease) => {
        shared.lease = lease;
      },
      () => {
        // There is nothing to revoke, and nobody to wait for.
        shared.isRetired = true;
        this.#forget(ttl, shared);
      },
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

/** `work`, unless the time is over first. */
function within<T>(clock: Clock, timeout: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new QuorateError('DEADLINE_EXCEEDED', { outcome: 'notApplied' }));
    const timer = clock.setTimer(late, timeout);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
