/** Settings of the driver. Durations in milliseconds. */
import { assert } from '../lib/assert.js';
import { RAFT_DEFAULTS, type RaftConfig } from '../raft/config.js';
import type { NodeId } from '../raft/types.js';

export interface NodeOptions {
  readonly heartbeatMs: number;
  readonly electionMs: number;
  /** Entries applied since the last trim after which the log is trimmed. */
  readonly snapshotCount: number;
  /** Entries kept behind the applied index when it is trimmed, for followers that are briefly slow. */
  readonly snapshotCatchUpEntries: number;
  /**
   * A lease that nobody has renewed for this long has what is left of it noted in the log, if it lives longer than that:
   * a change of the leader extends none of those by much more. Default 5 minutes.
   */
  readonly leaseCheckpointMs?: number;
  /** Check the core's invariants after every turn. */
  readonly checkInvariants: boolean;
  /** Overrides of the core's limits, for tests. */
  readonly raft?: Partial<Omit<RaftConfig, 'id' | 'boot' | 'electionTicks' | 'heartbeatTicks'>>;
  readonly turnBudgetMs?: number;
}

/** Heartbeats are sent every tenth tick: fine enough that an election starts close to its drawn timeout. */
const TICKS_PER_HEARTBEAT = 10;

export function tickMs(options: NodeOptions): number {
  return options.heartbeatMs / TICKS_PER_HEARTBEAT;
}

/** etcd's, where leases are noted at all. */
export const LEASE_CHECKPOINT_MS = 5 * 60_000;

/** How long the server itself waits for a decision: etcd's 5 s plus two election timeouts. */
export function requestTimeoutMs(options: NodeOptions): number {
  return 5_000 + 2 * options.electionMs;
}

export function raftConfig(options: NodeOptions, id: NodeId, boot: number): RaftConfig {
  assert(options.electionMs >= 2 * options.heartbeatMs, 'electionMs >= 2 * heartbeatMs', {
    electionMs: options.electionMs,
    heartbeatMs: options.heartbeatMs,
  });
  return {
    ...RAFT_DEFAULTS,
    ...options.raft,
    id,
    boot,
    heartbeatTicks: TICKS_PER_HEARTBEAT,
    electionTicks: Math.round(options.electionMs / tickMs(options)),
  };
}
