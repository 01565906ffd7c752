/** Settings of the core. Time is counted in ticks; the driver decides how long one is. */
import { assert } from '../lib/assert.js';
import type { NodeId } from './types.js';

export interface RaftConfig {
  readonly id: NodeId;
  /** How often this member was started: keeps read tokens unique over restarts. */
  readonly boot: number;
  /** Without a word from a leader for this long, a member may start an election. At least twice heartbeatTicks. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Entries in one append, in bytes; one entry larger than this travels alone. */
  readonly appendBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  /** What a leader accepts beyond the commit index before it refuses proposals. */
  readonly uncommittedBytesMax: number;
  /** Committed entries in one Ready. */
  readonly applyPageEntriesMax: number;
  readonly applyPageBytesMax: number;
  /** Reads waiting for confirmation: in all on a leader, this member's own on a follower. One more is dropped. */
  readonly pendingReadsMax: number;
}

export const RAFT_DEFAULTS = {
  electionTicks: 100,
  heartbeatTicks: 10,
  appendBytesMax: 1024 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 16 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  applyPageEntriesMax: 1024,
  applyPageBytesMax: 4 * 1024 * 1024,
  pendingReadsMax: 8192,
} as const satisfies Omit<RaftConfig, 'id' | 'boot'>;

export function assertConfig(config: RaftConfig): void {
  assert(config.id > 0n, 'member id must be positive', { id: config.id });
  assert(config.boot >= 1, 'boot counts from 1', { boot: config.boot });
  assert(config.heartbeatTicks >= 1, 'heartbeatTicks >= 1', { heartbeatTicks: config.heartbeatTicks });
  assert(config.electionTicks >= 2 * config.heartbeatTicks, 'electionTicks >= 2 * heartbeatTicks', {
    electionTicks: config.electionTicks,
    heartbeatTicks: config.heartbeatTicks,
  });
  assert(config.inflightMessagesMax >= 1, 'inflightMessagesMax >= 1');
  assert(config.inflightBytesMax >= 1, 'inflightBytesMax >= 1');
  assert(config.pendingReadsMax >= 1, 'pendingReadsMax >= 1');
  assert(config.applyPageEntriesMax >= 1, 'applyPageEntriesMax >= 1');
}
