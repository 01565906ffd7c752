/**
 * What one seed has drawn: which faults exist in its run at all, how strong they are, and how large everything is. A
 * plan is plain data, so a run can be repeated from it with a part taken out.
 */

/** Everything that the simulated world can do to a cluster. */
export const FAULT_KINDS = [
  'messageLoss',
  'messageDuplication',
  'messageDelay',
  /** An old message comes again, of any age, across terms. */
  'messageReplay',
  'partitionSymmetric',
  'partitionOneWay',
  'partitionRing',
  'partitionFlapping',
  'slowLink',
  'snapshotCut',
  /** Of one member, at an effect boundary: unsynced batches are lost, partly kept, or the last one is torn. */
  'crash',
  'crashAll',
  'gracefulStop',
  'pause',
  'diskLatency',
  'diskReadReorder',
  'diskWriteError',
  'diskSyncError',
  'diskFull',
  'clockRate',
  'wallClockJump',
  'leaderTransfer',
  'membershipChange',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Plan {
  readonly seed: number;
  /** In the first configuration: 1 to 7. */
  readonly voters: number;
  /** Members that may join later: 0 to 2. */
  readonly spares: number;
  readonly clients: number;
  /** Clients that watch: 0 to 4. */
  readonly watchClients: number;
  /** Clients that have leases, besides the others. */
  readonly leaseClients: number;
  /** Clients that take grants, each on a lease of its own, besides the others. */
  readonly grantClients: number;
  /** Clients of the SDK, each with a session, besides the others. */
  readonly sessionClients: number;
  /** Processes that take grants through the SDK, besides the others. */
  readonly sdkGrantClients: number;
  /** Virtual milliseconds under faults. The quiet phase comes after it. */
  readonly faultyMs: number;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  /** Strength in (0, 1]: a share of the strongest that the world knows. A kind that is absent does not occur. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly snapshotCount: number;
  readonly snapshotCatchUpEntries: number;
  readonly applyPageEntriesMax: number;
  readonly appendBytesMax: number;
  readonly inflightMessagesMax: number;
}
