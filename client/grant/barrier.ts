/**
 * So many meet before any goes on, and none is done before all are (a double barrier). Who is there has a key that hangs on
 * its lease; whoever sees that enough are there writes `ready`, so the death of the last one to come strands nobody.
 */
import type { Kv } from '../api/kv.js';
import { cmp, del, get, put, type Txn } from '../api/txn.js';
import type { CallOptions } from '../calls/caller.js';
import { QuorateError } from '../core/quorate-error.js';
import type { Random } from '../lib/random.js';
import type { KeyValue } from '../wire/key-value.js';
import type { LeasePool, LeaseUse } from './lease-pool.js';
import { randomId } from './random-id.js';
import { type RangeWait, untilRange } from './until-range.js';

export interface BarrierPorts extends Pick<RangeWait, 'watch' | 'clock'> {
  readonly kv: Kv;
  readonly txn: () => Txn;
  readonly pool: LeasePool;
  readonly random: Random;
  readonly timeoutMs: number;
}

export interface EnterOptions {
  /** How many must be there; the same for all. */
  readonly count: number;
  /** How long one that dies is still counted, in milliseconds. Default: 10,000. */
  readonly ttl?: number;
  /** How long to wait for the others, in milliseconds. Default: Infinity. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

const TTL_MS = 10_000;

/** One that has entered. */
export class Presence implements AsyncDisposable {
  readonly #leave: (options: CallOptions) => Promise<void>;
  #leaving: Promise<void> | undefined;

  /** @internal */
  constructor(leave: (options: CallOptions) => Promise<void>) {
    this.#leave = leave;
  }

  /** Is done, and waits until all others are, or have died. Safe to call again. */
  leave(options: CallOptions = {}): Promise<void> {
    this.#leaving ??= this.#leave(options);
    return this.#leaving;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}

export class Barrier {
  readonly #ports: BarrierPorts;
  readonly #members: string;
  readonly #ready: string;

  /** @internal */
  constructor(ports: BarrierPorts, name: string) {
    this.#ports = ports;
    this.#members = `barrier/${name}/member/`;
    this.#ready = `barrier/${name}/ready`;
  }

  /**
   * Waits until `count` are there. Rejects with BARRIER_FULL when as many are there already, or have met and not all left;
   * with LEASE_LOST when this one's lease is lost while it waits; with DEADLINE_EXCEEDED, CANCELED. Then it is not there.
   */
  async enter({ count, ttl = TTL_MS, timeout = Infinity, signal }: EnterOptions): Promise<Presence> {
    if (!Number.isSafeInteger(count) || count < 1) {
      throw new QuorateError('INVALID_ARGUMENT', { detail: `count must be a whole number from 1, not ${count}` });
    }
    const { pool, clock, random, timeoutMs } = this.#ports;
    const deadlineAt = clock.now() + timeout;
    const use = await pool.take(ttl, Math.min(timeout, timeoutMs), signal);
    const own = `${this.#members}${randomId(random, 2)}`;
    try {
      await this.#register(own, use, signal);
      await this.#meet(own, count, use, deadlineAt - clock.now(), signal);
      return new Presence((options) => this.#leave(own, use, options));
    } catch (error) {
      void this.#ports.kv.delete(own).then(
        () => use.end(true),
        () => use.end(false),
      );
      throw error;
    }
  }

  async #register(own: string, { lease }: LeaseUse, signal: AbortSignal | undefined): Promise<void> {
    const txn = this.#ports
      .txn()
      .if(cmp(this.#ready).absent())
      .then(put(own, '', { lease }));
    const { ok } = await txn.commit({ signal });
    if (!ok) throw full();
  }

  async #meet(own: string, count: number, { lease }: LeaseUse, timeout: number, signal?: AbortSignal): Promise<void> {
    const either = signal === undefined ? lease.signal : AbortSignal.any([signal, lease.signal]);
    const range = { prefix: this.#members.slice(0, -'member/'.length) };
    try {
      const sees = await untilRange({ ...this.#ports, range, timeout, signal: either }, (keys) =>
        this.#look(keys, own, count),
      );
      // Only one of them writes it; that all have seen enough is what counts.
      if (sees === 'enough')
        await this.#ports
          .txn()
          .if(cmp(this.#ready).absent(), cmp(own).exists())
          .then(put(this.#ready, ''))
          .commit({ signal: either });
    } catch (error) {
      if (lease.signal.aborted) throw lease.signal.reason;
      throw error;
    }
  }

  #look(keys: ReadonlyMap<string, KeyValue>, own: string, count: number): 'ready' | 'enough' | undefined {
    const mine = keys.get(own);
    if (mine === undefined) throw new QuorateError('LEASE_LOST', { detail: 'while it waited for the others' });
    const members = [...keys].filter(([key]) => key.startsWith(this.#members));
    const before = members.filter(([, kv]) => kv.createRevision < mine.createRevision).length;
    if (before >= count) throw full();
    if (keys.has(this.#ready)) return 'ready';
    return members.length >= count ? 'enough' : undefined;
  }

  /** The last one to leave takes `ready` away, and the next ones may meet. */
  async #leave(own: string, use: LeaseUse, { timeout = Infinity, signal }: CallOptions): Promise<void> {
    const { txn } = this.#ports;
    const ready = await this.#withdraw(own, use, signal);
    const range = { prefix: this.#members };
    await untilRange({ ...this.#ports, range, timeout, signal }, (keys) => (keys.size === 0 ? true : undefined));
    if (ready === null) return;
    // Of this meeting, and not of the next one.
    await txn()
      .if(cmp(this.#ready).createRevision.equals(ready.createRevision))
      .then(del(this.#ready))
      .commit({ signal });
  }

  /** Answers what says that those who are here have met. In doubt the lease ends, and its key with it. */
  async #withdraw(own: string, use: LeaseUse, signal: AbortSignal | undefined): Promise<KeyValue | null> {
    try {
      const { ok, results } = await this.#ports.txn().then(del(own), get(this.#ready)).commit({ signal });
      use.end(true);
      return ok ? results[1] : null;
    } catch (error) {
      use.end(false);
      throw error;
    }
  }
}

function full(): QuorateError {
  return new QuorateError('BARRIER_FULL', { detail: 'as many as the barrier takes are there, or have not all left' });
}
