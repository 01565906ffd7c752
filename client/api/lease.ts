/** Leases: keys that live as long as their owner does. */
import { setMaxListeners } from 'node:events';
import type { LeaseId, Revision } from '../core/ids.js';
import type { LeaseState } from '../core/lease-deadline.js';
import { isQuorateError, QuorateError } from '../core/quorate-error.js';
import type { Caller, CallOptions } from '../calls/caller.js';
import { type HeldLease, type Keeper, momentOf } from '../calls/lease-keeper.js';
import type { Clock } from '../lib/clock.js';
import { leaseGrant, leaseRevoke, leaseTimeToLive } from '../wire/lease-wire.js';

export type LeaseEvent =
  | { readonly kind: 'leaseGranted'; readonly lease: LeaseId; readonly ttlMs: number }
  | { readonly kind: 'leaseRenewed'; readonly lease: LeaseId; readonly remainingMs: number }
  | { readonly kind: 'leaseAtRisk'; readonly lease: LeaseId; readonly remainingMs: number }
  | { readonly kind: 'leaseLost'; readonly lease: LeaseId };

export interface GrantOptions extends CallOptions {
  /** How long the lease lives without a renewal, in milliseconds. The cluster counts in whole seconds. */
  readonly ttl: number;
}

export interface LeaseInfo {
  /** Undefined: there is no such lease. */
  readonly remainingMs: number | undefined;
  readonly grantedMs: number;
  /** What hangs on it, if that was asked for, in no particular order. */
  readonly keys: readonly Uint8Array[];
}

/** A lease of this client, renewed until it is revoked, lost, or the client is closed. */
export class Lease implements AsyncDisposable {
  readonly id: LeaseId;
  /** Of the grant. */
  readonly revision: Revision;
  readonly #kept: HeldLease;
  readonly #ended: AbortController;
  readonly #verify: () => void;
  readonly #revoke: (options: CallOptions) => Promise<void>;

  /** @internal */
  constructor(
    kept: HeldLease,
    revision: Revision,
    ended: AbortController,
    hooks: { readonly verify: () => void; readonly revoke: (options: CallOptions) => Promise<void> },
  ) {
    this.id = kept.id;
    this.revision = revision;
    this.#kept = kept;
    this.#ended = ended;
    this.#verify = hooks.verify;
    this.#revoke = hooks.revoke;
  }

  /** Aborted when the lease is over; its reason is a LEASE_LOST. Fires only when the loop runs: see `assertAlive`. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** What the cluster has granted. */
  get ttlMs(): number {
    return this.#kept.ttlMs;
  }

  /** How long the lease may surely still be relied on. */
  get remainingMs(): number {
    return this.#ended.signal.aborted ? 0 : this.#kept.remainingMs;
  }

  get state(): LeaseState {
    return this.#ended.signal.aborted ? 'lost' : this.#kept.state;
  }

  /**
   * Throws LEASE_LOST, or LEASE_AT_RISK after what looks like a sleep of the machine, unless the lease surely lives at
   * this moment. Looks at the clock, so it tells the truth even when the loop was blocked and the signal is late.
   */
  assertAlive(): void {
    const { state } = this;
    if (state === 'held') return;
    if (state === 'lost') throw lost(this.id);
    this.#verify();
    throw new QuorateError('LEASE_AT_RISK', { detail: `lease ${this.id}` });
  }

  /** Ends the lease now, and with it its keys. Resolves also when it was over before. */
  revoke(options: CallOptions = {}): Promise<void> {
    return this.#revoke(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.revoke();
  }
}

export class Leases {
  readonly #caller: Caller;
  readonly #keeper: Keeper;
  readonly #clock: Clock;
  readonly #onEvent: (event: LeaseEvent) => void;
  readonly #held = new Set<Lease>();
  #marginMsMin = Infinity;

  /** @internal */
  constructor(caller: Caller, keeper: Keeper, clock: Clock, onEvent: (event: LeaseEvent) => void) {
    this.#caller = caller;
    this.#keeper = keeper;
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  /** Grants a lease and keeps it alive. */
  async grant({ ttl, ...options }: GrantOptions): Promise<Lease> {
    if (!(ttl > 0) || !Number.isFinite(ttl)) {
      throw new QuorateError('INVALID_ARGUMENT', { detail: `ttl must be above 0, in milliseconds, not ${ttl}` });
    }
    // Before the first sending, whichever sending it is that the cluster heard.
    const sent = momentOf(this.#clock);
    const { id, ttlMs, revision } = await this.#caller.call(leaseGrant(ttl), options);
    const ended = new AbortController();
    // Whatever hangs on the lease listens, and nothing of that is a leak.
    setMaxListeners(0, ended.signal);
    const kept: HeldLease = this.#keeper.keep(id, sent, ttlMs, {
      onRenewed: (marginMs) => this.#onRenewed(kept, marginMs),
      onRisk: (remainingMs) => this.#onEvent({ kind: 'leaseAtRisk', lease: id, remainingMs }),
      onLost: () => {
        this.#held.delete(lease);
        this.#onEvent({ kind: 'leaseLost', lease: id });
        ended.abort(lost(id));
      },
    });
    const lease: Lease = new Lease(kept, revision, ended, {
      verify: () => this.#keeper.verify(kept),
      revoke: async (revokeOptions) => {
        this.#keeper.release(kept);
        this.#held.delete(lease);
        ended.abort(lost(id));
        await this.revoke(id, revokeOptions);
      },
    });
    this.#held.add(lease);
    this.#onEvent({ kind: 'leaseGranted', lease: id, ttlMs });
    // The grant itself may have taken too long.
    lease.assertAlive();
    return lease;
  }

  /** Ends any lease, by its id. Resolves also when there is none. */
  async revoke(id: LeaseId, options: CallOptions = {}): Promise<void> {
    try {
      await this.#caller.call(leaseRevoke(id), options);
    } catch (error) {
      if (!isQuorateError(error, 'LEASE_NOT_FOUND')) throw error;
    }
  }

  /** What is left of any lease, by its id. */
  timeToLive(id: LeaseId, options: { readonly keys?: boolean } & CallOptions = {}): Promise<LeaseInfo> {
    return this.#caller.call(leaseTimeToLive(id, options.keys ?? false), options);
  }

  /** @internal The least that was ever left of a lease when a renewal was answered; Infinity: none was. */
  get marginMsMin(): number {
    return this.#marginMsMin;
  }

  /** @internal */
  get count(): number {
    return this.#held.size;
  }

  /** @internal Ends all leases that this client keeps, as far as the cluster can be reached. */
  async revokeAll(timeoutMs: number): Promise<void> {
    await Promise.allSettled([...this.#held].map((lease) => lease.revoke({ timeout: timeoutMs })));
    this.#keeper.close();
  }

  #onRenewed({ id, remainingMs }: HeldLease, marginMs: number): void {
    this.#marginMsMin = Math.min(this.#marginMsMin, marginMs);
    this.#onEvent({ kind: 'leaseRenewed', lease: id, remainingMs });
  }
}

function lost(id: LeaseId): QuorateError {
  return new QuorateError('LEASE_LOST', { detail: `lease ${id} is over` });
}
