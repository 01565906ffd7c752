/** Every bound of the driver, by name. */
export const LIMITS = {
  /** Proposals of this member's clients that wait for an answer; beyond it TOO_MANY_REQUESTS. */
  proposalsMax: 16_384,
  proposalBytesMax: 128 * 1024 * 1024,
  /** Linearizable reads that wait; beyond it TOO_MANY_REQUESTS. */
  readsMax: 16_384,
  /** Questions about leases of this member's clients that wait for the leader; beyond it TOO_MANY_REQUESTS. */
  leaseAsksMax: 65_536,
  leaseAsksPerMessage: 4_096,
  /** Questions about leases that wait at a leader, from all members; those beyond it are sent back. */
  leaseQuestionsMax: 4 * 65_536,
  /** Leases that one command may end, or note the rest of. Only one of either kind is in flight. */
  leasesPerExpiry: 1_000,
  leasesPerCheckpoint: 1_000,
  /** Leases that a new leader looks at in one turn. */
  leaseSlice: 2_000,
  /** How many sequence numbers back a leader recognises a doubled forward; older ones are refused. */
  forwardWindow: 4 * 16_384,
  /** Data of forwarded proposals in one peer message, the last one included whole. */
  forwardBytesMax: 1024 * 1024,
  /** Data of commands that share one entry of the log. */
  batchBytesMax: 16 * 1024,
  /** State writes applied in memory and not yet in the engine; apply pauses beyond it. */
  pendingWritesMax: 50_000,
  pendingWriteBytesMax: 64 * 1024 * 1024,
  /** How long state waits for a batch that must be written anyway. */
  lazyWriteMs: 50,
  /** One turn of the loop applies for at most about this long before it lets others run. */
  turnBudgetMs: 4,
  /** Ticks made up for in one go after the loop was held up: a paused member listens before it campaigns. */
  catchUpTicksMax: 10,
  /** Revision records read in one slice while the state is rebuilt. */
  rebuildSliceRecords: 2_000,
  /** Keys that one slice of a compaction looks at. */
  compactionSliceKeys: 1_000,
  /** Bytes of keys and values in one answer. */
  responseBytesMax: 1024 * 1024 * 1024,
  /** Above it the older half of the log goes even if a follower that is on its way still needs it. */
  logBytesMax: 256 * 1024 * 1024,
  logEntriesMax: 500_000,
} as const;
