/** How the disks are: fast and good, until the plan has it otherwise. Full disks and errors are switched on and off here. */
import type { Random } from '../../server/lib/random.js';
import type { NodeId } from '../../server/raft/types.js';
import { EngineError } from '../../server/storage/engine.js';
import { between, chance, longTail, streamOf } from './draws.js';
import type { FaultCounts } from './fault-counts.js';
import type { Plan } from './plan-types.js';
import type { DiskWeather, WriteMoment } from './sim-disk.js';

const BASE_MS = { write: 0.1, sync: 1.5, read: 0.2 } as const;
/** At full strength. */
const WORST = { latencyShare: 0.05, latencyMs: 2000, slowReadShare: 0.3, readMs: 1000 } as const;

export class DiskConditions {
  readonly #plan: Plan;
  readonly #counts: FaultCounts;
  readonly #full = new Set<NodeId>();
  readonly #writeErrors = new Set<NodeId>();
  readonly #syncErrors = new Set<NodeId>();
  isFaulty = true;

  constructor(plan: Plan, counts: FaultCounts) {
    this.#plan = plan;
    this.#counts = counts;
  }

  setFull(id: NodeId, isFull: boolean): void {
    if (isFull) this.#full.add(id);
    else this.#full.delete(id);
  }

  failNextWrite(id: NodeId): void {
    this.#writeErrors.add(id);
  }
  failNextSync(id: NodeId): void {
    this.#syncErrors.add(id);
  }

  /** All disks are good from now on. */
  heal(): void {
    this.isFaulty = false;
    this.#full.clear();
    this.#writeErrors.clear();
    this.#syncErrors.clear();
  }

  weatherOf(id: NodeId, reached: (moment: WriteMoment) => void): DiskWeather {
    const random = streamOf(this.#plan.seed, `disk ${id}`);
    return {
      writeMs: () => this.#latency(random, BASE_MS.write),
      syncMs: () => this.#latency(random, BASE_MS.sync),
      readMs: () => this.#readLatency(random),
      writeError: () => this.#writeError(id),
      syncError: () => this.#syncError(id),
      reached,
      readOvertaken: () => {
        // It also happens to a good disk, by a hair.
        if (this.isFaulty && this.#plan.faults.diskReadReorder !== undefined) this.#counts.add('diskReadReorder');
      },
    };
  }

  #latency(random: Random, baseMs: number): number {
    const base = between(random, baseMs / 2, 2 * baseMs);
    const strength = this.#plan.faults.diskLatency;
    if (!this.isFaulty || strength === undefined || !chance(random, strength * WORST.latencyShare)) return base;
    this.#counts.add('diskLatency');
    return base + longTail(random, 0, WORST.latencyMs);
  }

  #readLatency(random: Random): number {
    const strength = this.#plan.faults.diskReadReorder;
    if (!this.isFaulty || strength === undefined || !chance(random, WORST.slowReadShare)) return BASE_MS.read;
    return BASE_MS.read + between(random, 0, strength * WORST.readMs);
  }

  #writeError(id: NodeId): EngineError | undefined {
    if (this.#full.has(id)) {
      this.#counts.add('diskFull');
      return new EngineError('NO_SPACE', 'the simulated disk is full');
    }
    if (!this.#writeErrors.delete(id)) return undefined;
    this.#counts.add('diskWriteError');
    return new EngineError('IO', 'the simulated disk could not write');
  }

  #syncError(id: NodeId): EngineError | undefined {
    if (!this.#syncErrors.delete(id)) return undefined;
    this.#counts.add('diskSyncError');
    return new EngineError('IO', 'the simulated disk could not sync');
  }
}
