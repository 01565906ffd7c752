/** Waits for what is on its way to the disk: what was applied, and what a compaction takes away. */
import { QuorateError } from '../lib/quorate-error.js';
import type { Applier } from './applier.js';
import type { SaveLane } from './save-lane.js';

export interface DiskWaitsParts {
  readonly lane: SaveLane;
  readonly applier: Pick<Applier, 'point' | 'removedRevision'>;
  /** The lane has work that somebody waits for. */
  readonly schedule: () => void;
  /** Resolves once `holds`, or when the member stops. */
  readonly until: (holds: () => boolean) => Promise<void>;
  readonly isStopped: () => boolean;
}

export class DiskWaits {
  readonly #parts: DiskWaitsParts;

  constructor(parts: DiskWaitsParts) {
    this.#parts = parts;
  }

  /** Until everything applied up to now can be read from the store, or the member stops. */
  async written(): Promise<void> {
    const { lane, applier, until } = this.#parts;
    const { index } = applier.point;
    if (lane.writtenPoint.index >= index) return;
    this.#demand();
    await until(() => lane.writtenPoint.index >= index);
  }

  /** Until old revisions up to `revision` are gone from the disk; rejects when the member stops before. */
  async compacted(revision: number): Promise<void> {
    const { lane, applier, until, isStopped } = this.#parts;
    await until(() => applier.removedRevision >= revision);
    const batch = lane.lastBatch;
    this.#demand();
    await until(() => lane.writtenBatch >= batch);
    if (isStopped()) throw new QuorateError('OUTCOME_UNKNOWN', 'compacted, but not removed from the disk');
  }

  #demand(): void {
    this.#parts.lane.demand();
    this.#parts.schedule();
  }
}
