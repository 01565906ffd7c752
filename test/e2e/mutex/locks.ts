/** The locks that the workers take turns with. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../../server/lib/random.js';

export type LockKind = 'npm' | 'service' | 'none';

export interface Held {
  readonly token: number | undefined;
  /** performance.now() at which the lease that the lock hangs on may be over, if nobody renews it. */
  readonly endsAtMs: number;
  /** Resolves once it is given back for sure. */
  release(): Promise<void>;
  /** Leaves it to its lease. Undefined: this kind of lock cannot be left. */
  readonly abandon: (() => void) | undefined;
}

export interface ExclusiveLock {
  /** Resolves once it is held; waits as long as it takes, whatever happens to the cluster. */
  acquire(wish: { readonly ttlSeconds: number }): Promise<Held>;
  close(): void;
}

/** Nothing at all: what the others are compared with. */
export class NoLock implements ExclusiveLock {
  async acquire(): Promise<Held> {
    return { token: undefined, endsAtMs: Infinity, release: async () => undefined, abandon: undefined };
  }

  close(): void {}
}

/** Before the next attempt, so that those who want the same do not stay in step. */
export async function pause(random: Random, msMax: number): Promise<void> {
  await delay(1 + random.below(msMax));
}
