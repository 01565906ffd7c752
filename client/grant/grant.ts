/** What a holder has in hand: a token that others can check, and the truth about whether it still holds. */
import type { Lease } from '../api/lease.js';
import type { CallOptions } from '../calls/caller.js';
import { isQuorateError, QuorateError } from '../core/quorate-error.js';
import { grantAwait, grantProclaim, grantRelease } from '../wire/grant-wire.js';
import type { Timer } from '../lib/clock.js';
import type { Guard } from '../wire/txn-wire.js';
import { type GiveBackPorts, giveBack } from './give-back.js';
import type { LeaseUse } from './lease-pool.js';

/**
 * `held`: it is surely held. `jeopardy`: renewals do not come through, and it will be lost unless one does soon. `lost`: it
 * may be somebody else's, for good. `released`: given back, or about to be.
 */
export type GrantState = 'held' | 'jeopardy' | 'lost' | 'released';

export interface GrantParts {
  readonly ports: GiveBackPorts;
  readonly use: LeaseUse;
  /** As the members have them. */
  readonly names: readonly Buffer[];
  readonly attempt: string;
  readonly token: number;
  readonly slots: readonly number[];
  readonly change: number;
}

/** Before it is asked about for the first time: most are given back sooner, and cost their two entries and nothing else. */
const WATCH_AFTER_MS = 100;
/** How long one question whether it is lost stays open. */
const WATCH_MS = 30_000;
/** Of the ttl: below it renewals are overdue by as much as they may be before the grant is lost. */
const JEOPARDY_SHARE = 1 / 3;

export class Grant implements AsyncDisposable {
  /** Higher than that of every grant before it, of whatever name. */
  readonly token: number;
  /** Which parts of a semaphore it holds, ascending: of each part the tokens rise. Empty: it is no semaphore's. */
  readonly slots: readonly number[];
  readonly #parts: GrantParts;
  readonly #watchTimer: Timer;
  readonly #onLeaseLost = (): void => this.#lose('its lease is over');
  #watching: AbortController | undefined;
  /** Why it is lost. */
  #loss: QuorateError | undefined;
  /** Only once somebody has asked for its signal: most grants come and go without. */
  #ended: AbortController | undefined;
  #isReleased = false;
  #releasing: Promise<boolean> | undefined;

  /** @internal */
  constructor(parts: GrantParts) {
    this.#parts = parts;
    this.token = parts.token;
    this.slots = parts.slots;
    this.#watchTimer = parts.ports.clock.setTimer(() => void this.#watchLoss(), WATCH_AFTER_MS);
    const { signal } = this.#lease;
    if (signal.aborted) this.#onLeaseLost();
    else signal.addEventListener('abort', this.#onLeaseLost, { once: true });
  }

  /** Names the attempt among all others: what `resign({ to })` of an election takes. */
  get attempt(): string {
    return this.#parts.attempt;
  }

  /** Aborted when the grant is lost; its reason is a GRANT_LOST. Fires only when the loop runs: see `assertHeld`. */
  get signal(): AbortSignal {
    if (this.#ended === undefined) {
      this.#ended = new AbortController();
      if (this.#loss !== undefined) this.#ended.abort(this.#loss);
    }
    return this.#ended.signal;
  }

  get state(): GrantState {
    if (this.#isReleased) return 'released';
    if (this.#loss !== undefined) return 'lost';
    if (this.#isLeaving) return 'released';
    const { state, remainingMs, ttlMs } = this.#lease;
    if (state === 'lost') return 'lost';
    return state === 'atRisk' || remainingMs < ttlMs * JEOPARDY_SHARE ? 'jeopardy' : 'held';
  }

  /** How long it may surely still be relied on. */
  get remainingMs(): number {
    return this.#isLeaving || this.#loss !== undefined ? 0 : this.#lease.remainingMs;
  }

  /**
   * Throws GRANT_LOST, or LEASE_AT_RISK after what looks like a sleep of the machine, unless the grant is surely held at
   * this moment, as far as its lease goes. Looks at the clock, so it tells the truth even when the loop was blocked. That
   * an operator took the grant away only `require` of a transaction can tell for sure.
   */
  assertHeld(): void {
    if (this.#isReleased) throw new QuorateError('GRANT_LOST', { detail: 'it was released' });
    if (this.#loss !== undefined) throw this.#loss;
    if (this.#isLeaving) throw new QuorateError('GRANT_LOST', { detail: 'it is being released' });
    try {
      this.#lease.assertAlive();
    } catch (error) {
      if (!isQuorateError(error, 'LEASE_LOST')) throw error;
      throw new QuorateError('GRANT_LOST', { detail: 'its lease is over', cause: error });
    }
  }

  /**
   * Gives it back. True unless it was lost before. Safe to call again. Where it rejects, the client goes on trying by
   * itself, for as long as the lease lives.
   */
  release(options: CallOptions = {}): Promise<boolean> {
    this.#releasing ??= this.#release('', options);
    return this.#releasing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** @internal */
  get guards(): readonly Guard[] {
    return this.#parts.names.map((name) => ({ name, token: this.token }));
  }

  /** @internal Gives it back to one that waits. GRANT_NOT_FOUND: it does not wait, and nothing has happened. */
  async handOver(to: string, options: CallOptions): Promise<boolean> {
    if (this.#releasing !== undefined) return this.#releasing;
    const releasing = this.#release(to, options);
    this.#releasing = releasing;
    try {
      return await releasing;
    } catch (error) {
      if (isQuorateError(error, 'GRANT_NOT_FOUND')) this.#releasing = undefined;
      throw error;
    }
  }

  /** @internal */
  async proclaim(value: Buffer, options: CallOptions): Promise<void> {
    this.assertHeld();
    const { ports, attempt } = this.#parts;
    try {
      await ports.caller.call(grantProclaim(attempt, this.token, value), options);
    } catch (error) {
      if (isQuorateError(error, 'GRANT_NOT_FOUND') && !this.#isLeaving) this.#lose('it was taken away');
      throw error;
    }
  }

  /** The members may have given it to somebody else before they say so. */
  get #isLeaving(): boolean {
    return this.#releasing !== undefined;
  }

  get #lease(): Lease {
    return this.#parts.use.lease;
  }

  async #release(to: string, options: CallOptions): Promise<boolean> {
    const { ports, attempt, use } = this.#parts;
    if (this.#loss !== undefined) return false;
    try {
      const wasHeld = await ports.caller.call(grantRelease(attempt, to), options);
      this.#isReleased = true;
      use.end(true);
      return wasHeld;
    } catch (error) {
      // Whether it is given back is in doubt, and nobody here wants it any more.
      if (!isQuorateError(error, 'GRANT_NOT_FOUND')) {
        this.#isReleased = true;
        void giveBack(ports, attempt, use);
      }
      throw error;
    } finally {
      if (this.#isReleased) this.#leaveLease();
    }
  }

  /** An operator may take it away while its lease lives. */
  async #watchLoss(): Promise<void> {
    const { ports, attempt, names, change } = this.#parts;
    const [name] = names;
    this.#watching = new AbortController();
    const { signal } = this.#watching;
    while (!signal.aborted && name !== undefined) {
      try {
        await ports.caller.call(grantAwait(attempt, name, change, true), { signal, timeout: WATCH_MS });
      } catch (error) {
        if (signal.aborted || isQuorateError(error, 'CLOSED')) return;
        if (isQuorateError(error, 'GRANT_NOT_FOUND')) {
          if (!this.#isLeaving) return this.#lose('it was taken away');
          // That is no loss, unless the giving back was refused: then it is asked about again.
          await this.#releasing?.catch(() => undefined);
          continue;
        }
        // Nobody could be asked: the lease knows how long that may go on.
        if (!isQuorateError(error, 'DEADLINE_EXCEEDED')) return;
      }
    }
  }

  /** It is of no interest any more what becomes of the lease, which others share, and of the attempt. */
  #leaveLease(): void {
    this.#watchTimer.cancel();
    this.#watching?.abort();
    this.#lease.signal.removeEventListener('abort', this.#onLeaseLost);
  }

  #lose(detail: string): void {
    if (this.#isReleased || this.#loss !== undefined) return;
    this.#loss = new QuorateError('GRANT_LOST', { detail });
    this.#leaveLease();
    this.#parts.use.end(true);
    this.#ended?.abort(this.#loss);
  }
}
