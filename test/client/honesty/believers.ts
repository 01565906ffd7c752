/** Who believes in a lease: the client, and for comparison those who make the mistakes that clients make. */
import type { Lease } from '@quorate/client';
import { monotonicMs } from '../../harness/monotonic.js';

export const believerNames = ['client', 'twiceTheTtl', 'onceAndAHalf', 'sinceTheReply', 'untilTold'] as const;
export type BelieverName = (typeof believerNames)[number];

/** What is known of a lease when a renewal of it is answered. */
interface Renewal {
  readonly repliedAt: number;
  /** By the client's own count, which is from the sending. */
  readonly lostAt: number;
}

/** The part of the ttl that the client does not count on. */
const DRIFT = 0.01;

export class BelievedLease {
  readonly lease: Lease;
  #renewal: Renewal;

  constructor(lease: Lease) {
    this.lease = lease;
    this.#renewal = this.#now();
  }

  renewed(): void {
    this.#renewal = this.#now();
  }

  believes(name: BelieverName, now: number): boolean {
    const { repliedAt, lostAt } = this.#renewal;
    const { lease } = this;
    switch (name) {
      case 'client':
        try {
          lease.assertAlive();
          return true;
        } catch {
          return false;
        }
      // As the etcd3 package of npm does.
      case 'twiceTheTtl':
        return now < repliedAt + 2 * lease.ttlMs;
      case 'onceAndAHalf':
        return now < lostAt + (0.5 + DRIFT) * lease.ttlMs;
      case 'sinceTheReply':
        return now < repliedAt + lease.ttlMs;
      case 'untilTold':
        return !lease.signal.aborted;
    }
  }

  #now(): Renewal {
    const now = monotonicMs();
    return { repliedAt: now, lostAt: now + this.lease.remainingMs };
  }
}
