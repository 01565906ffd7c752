/** What the parent and a holder, a process that holds leases, say to each other. All moments are monotonic milliseconds. */
import type { BelieverName } from './believers.js';

export interface HolderOrder {
  readonly endpoints: readonly string[];
  readonly renewer: 'loop' | 'worker';
}

/**
 * When leases are asked whether they live: `always`, also while the loop is blocked; `whileRunning`, and at once when a
 * block ends; `afterwards`, not before the round is over, so that nothing but a timer of the client can end them.
 */
export type Asks = 'always' | 'whileRunning' | 'afterwards';

export type ToHolder =
  | { readonly kind: 'grant'; readonly leases: number; readonly ttlMs: number; readonly asks: Asks }
  /** The loop is blocked for so long; 0: not at all. The round is over, and told, `roundMs` from now. */
  | { readonly kind: 'go'; readonly blockMs: number; readonly roundMs: number }
  /** Lets go of the leases that live. */
  | { readonly kind: 'release' }
  | { readonly kind: 'end' };

export type FromHolder =
  | { readonly kind: 'ready' }
  | { readonly kind: 'granted' }
  | { readonly kind: 'told'; readonly told: RoundTold }
  | { readonly kind: 'released' };

export interface RoundTold {
  readonly leases: readonly LeaseTold[];
  /** Moments at which the loop ran. */
  readonly turns: Float64Array;
}

export interface LeaseTold {
  readonly id: string;
  readonly ttlMs: number;
  /** Just before the grant was asked for: the lease cannot have counted from any earlier. */
  readonly askedAt: number;
  /** When each attempt to rely on the lease began that was let pass, by who let it pass. */
  readonly passes: Readonly<Record<BelieverName, Float64Array>>;
  /** When its signal fired. */
  readonly signalledAt: number | undefined;
}
