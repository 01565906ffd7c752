/**
 * What the core wants done, and in which order. The driver must:
 *
 * 1. send `messages` at once;
 * 2. write `snapshot`, `entries` and `hardState` in one atomic batch, synced when `mustSync`, saves in order of saveId;
 * 3. when that batch is durable, call `saved(saveId)` and only then send `afterSave`;
 * 4. apply `committed` in order and call `applied`. Until then pass `canApply: false`, or the same entries come again.
 *    When a snapshot comes meanwhile, finish them first, then install it;
 * 5. answer `reads` once the applied index has reached theirs; ask again for `droppedReads`, with a new token.
 *
 * Steps 1, 2 and 4 may run side by side: a leader's appends travel while its own disk writes (Thesis §10.2.1), and it
 * counts itself towards a quorum in step 3 only. `afterSave` holds what promises something durable: granted votes,
 * accepted appends, and a candidate's requests, which say how long its log is.
 */
import type { Entry, HardState, LogIndex, Message, SnapshotMeta } from './types.js';

export interface Ready {
  readonly saveId: number;
  /** Present when it changed. A change of `commit` alone needs no sync. */
  readonly hardState: HardState | undefined;
  /** Contiguous; whatever the disk holds at or after the first one is to be replaced. */
  readonly entries: readonly Entry[];
  /** A staged snapshot to install before `entries`. */
  readonly snapshot: SnapshotMeta | undefined;
  readonly mustSync: boolean;
  readonly messages: readonly Message[];
  readonly afterSave: readonly Message[];
  readonly committed: readonly Entry[];
  readonly reads: readonly ReadState[];
  readonly droppedReads: readonly number[];
}

/** The read with `token` sees everything up to `index`: answer it when that is applied. */
export interface ReadState {
  readonly token: number;
  readonly index: LogIndex;
}
