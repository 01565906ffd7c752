/** What a play of a client with leases may use, and whoever looks after one of its leases. */
import type { Random } from '../../../server/lib/random.js';
import type { LeaseCall, LeaseOperation } from '../../checkers/lease-operation.js';
import type { Call, Operation } from '../../checkers/operation.js';
import type { HeldLeases } from './held-leases.js';
import type { LeaseMix } from './lease-mix.js';
import type { Board } from './turn.js';

/** Shared by all clients with leases of a run. */
export interface LeaseBoard {
  readonly board: Board;
  readonly leases: HeldLeases;
  readonly mix: LeaseMix;
}

export interface LeaseTurn extends LeaseBoard {
  readonly client: number;
  readonly random: Random;
  /** No more calls are made. */
  readonly hasEnded: boolean;
  /** True ms. */
  now(): number;
  /** Undefined when the call was not made: no member runs, or the time for new calls is over. */
  ask(call: Call): Promise<Operation | undefined>;
  /** The same. Calls about leases may overlap. */
  askLease(call: LeaseCall): Promise<LeaseOperation | undefined>;
  /** A task that goes on beside the plays. */
  begin(task: Promise<void>): void;
  pause(ms: number): Promise<void>;
}
