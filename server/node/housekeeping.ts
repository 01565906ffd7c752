/** What a member does for itself: it trims its log, and gives up an office that its disk cannot carry. */
import type { Logger } from '../lib/logger.js';
import type { Raft } from '../raft/raft.js';
import { trimTarget } from './log-trim.js';
import type { NodeOptions } from './options.js';
import type { SaveLane } from './save-lane.js';
import type { Snapshots } from './snapshots.js';

export interface HousekeepingParts {
  readonly raft: Raft;
  readonly lane: SaveLane;
  readonly snapshots: Pick<Snapshots, 'neededIndex'>;
  readonly options: NodeOptions;
  readonly logger: Logger;
}

export class Housekeeping {
  readonly #parts: HousekeepingParts;

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
  }

  /** Heartbeats must not keep a leader in office whose disk no longer takes its entries. */
  checkDisk(now: number): void {
    const { raft, lane, options, logger } = this.#parts;
    const since = lane.writingSince;
    if (since === undefined || now - since < options.electionMs || raft.role !== 'leader') return;
    logger.warn('disk too slow to lead', { writingMs: Math.round(now - since) });
    raft.stepDown();
  }

  maybeTrim(): void {
    const { raft, lane, snapshots, options } = this.#parts;
    const durableIndex = lane.durablePoint.index;
    const target = trimTarget(raft.status(), { durableIndex, neededIndex: snapshots.neededIndex }, options);
    if (target !== undefined) lane.addTrim(raft.trimLog(target));
  }
}
