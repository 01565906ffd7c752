/** How the load's writes reach the cluster: through the SDK, or through a client that retries blindly. */
import type { Ending } from './write-call.js';

export interface Limits {
  readonly timeoutMs: number;
  /** The caller gives up by a signal. */
  readonly abortAfterMs?: number;
}

/** Moves units if both accounts are still as they were read, and leaves a mark whether it did or not. */
export interface Transfer {
  /** What is written at the mark. */
  readonly id: string;
  readonly accounts: readonly [from: string, to: string];
  readonly balances: readonly [from: number, to: number];
  readonly amount: number;
  readonly movedMark: string;
  readonly refusedMark: string;
}

export interface DoorCounts {
  /** Times that writes were sent again. */
  readonly retries: number;
  /** Connections that were lost under writes. */
  readonly reconnects: number;
}

export interface WriteDoor {
  put(key: string, value: string, wantsPrev: boolean, limits: Limits): Promise<Ending>;
  transfer(transfer: Transfer, limits: Limits): Promise<Ending>;
  /** As they are now. */
  balances(accounts: readonly [string, string]): Promise<readonly [number, number]>;
  counts(): DoorCounts;
  close(): Promise<void>;
}
