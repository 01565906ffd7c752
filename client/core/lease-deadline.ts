/**
 * Until when a lease may be believed in. The server counts the ttl from when a renewal reached it, which is after it was
 * sent; so a deadline counted from the sending, and shortened by what two clocks may drift apart, is never too late. When
 * the reply came does not matter.
 *
 *   sent ------- reached the server -------- reply           mine: sent + ttl x (1 - drift)
 *    |-- ttl x (1 - drift) --------------------------| .     the server's: reached + ttl
 *                |-- ttl --------------------------------|
 */

/** How much faster the server's clock may run than this one. Far above what crystals do, small against any ttl. */
export const CLOCK_DRIFT = 0.01;

/** The monotonic clock stands still while a machine sleeps; the wall clock does not. Small steps of it are no sleep. */
export const SUSPENSION_MS = 1_000;

/** One instant on both clocks. */
export interface Moment {
  readonly now: number;
  readonly wall: number;
}

/**
 * `held`: within the deadline. `atRisk`: within it by the monotonic clock, but the wall clock says that the machine may
 * have slept: not to be relied on before the next renewal. `lost`: over, for good.
 */
export type LeaseState = 'held' | 'atRisk' | 'lost';

export class LeaseDeadline {
  #sent: Moment;
  #ttlMs: number;
  #isLost = false;

  /** `sent`: just before the grant was sent for the first time. `ttlMs`: what was granted. */
  constructor(sent: Moment, ttlMs: number) {
    this.#sent = sent;
    this.#ttlMs = ttlMs;
  }

  /** A renewal sent at `sent` was answered with `ttlMs`. Too late when the lease was lost in between. */
  renewed(sent: Moment, ttlMs: number): void {
    if (this.#isLost || sent.now < this.#sent.now) return;
    this.#sent = sent;
    this.#ttlMs = ttlMs;
  }

  /** The server says that there is no such lease, or it was revoked. */
  end(): void {
    this.#isLost = true;
  }

  /** Once lost, always lost: a late answer must not bring back what others may have taken. */
  state(at: Moment): LeaseState {
    if (!this.#isLost && at.now >= this.#at) this.#isLost = true;
    if (this.#isLost) return 'lost';
    return this.#remaining(at) > 0 ? 'held' : 'atRisk';
  }

  /** 0 when the lease must not be relied on. */
  remainingMs(at: Moment): number {
    return this.state(at) === 'lost' ? 0 : Math.max(0, this.#remaining(at));
  }

  /** When the lease is lost unless it is renewed, on the monotonic clock. */
  get lostAt(): number {
    return this.#isLost ? -Infinity : this.#at;
  }

  /** When the next renewal is to be sent: a third of the ttl after the last one that was answered. */
  get renewAt(): number {
    return this.#sent.now + this.#ttlMs / 3;
  }

  get ttlMs(): number {
    return this.#ttlMs;
  }

  get #at(): number {
    return this.#sent.now + this.#ttlMs * (1 - CLOCK_DRIFT);
  }

  #remaining(at: Moment): number {
    const elapsed = at.now - this.#sent.now;
    const elapsedWall = at.wall - this.#sent.wall;
    const slept = elapsedWall - elapsed > SUSPENSION_MS;
    return this.#ttlMs * (1 - CLOCK_DRIFT) - (slept ? elapsedWall : elapsed);
  }
}
