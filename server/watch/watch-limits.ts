/** Every bound of the watches, by name. */
export const WATCH_LIMITS = {
  /** What one stream holds for its reader; beyond it the stream's watchers fall behind. The last one counts whole. */
  streamBatchesMax: 4_096,
  streamBytesMax: 2 * 1024 * 1024,
  /** Batches of one watcher that wait become one of at most so many events and bytes. */
  joinedEventsMax: 512,
  joinedBytesMax: 64 * 1024,
  /** Revisions in one batch of history, as in etcd. */
  sliceRevisionsMax: 1_000,
  /** Bytes of events in one batch of history; the last revision counts whole, because it is never split. */
  sliceBytesMax: 1024 * 1024,
  /** How often a watcher is looked at for one batch of history: many watchers of a busy key get shorter batches. */
  sliceVisitsMax: 100_000,
  /** The newest events, kept in memory: whoever is no further behind needs no disk. */
  recentRevisionsMax: 16_384,
  recentBytesMax: 8 * 1024 * 1024,
  /** What all watchers of a member may take; beyond it creations are refused. */
  watchersMax: 1_000_000,
  watchedKeyBytesMax: 256 * 1024 * 1024,
} as const;

export type WatchLimits = { readonly [Name in keyof typeof WATCH_LIMITS]: number };
