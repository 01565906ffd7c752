/** What a run of one seed tells. Plain data: it crosses process borders as JSON. */
import type { FaultKind, Plan } from './plan-types.js';

export interface Violation {
  /** The name of the check that failed: what the tables of planted bugs show. */
  readonly checker: string;
  readonly message: string;
  /** Virtual milliseconds at which it was noticed. */
  readonly atMs: number;
}

export interface SeedResult {
  readonly plan: Plan;
  /** Over every traced line, kept or not: equal runs have equal hashes. */
  readonly traceHash: string;
  readonly virtualMs: number;
  readonly events: number;
  /** How often each fault really happened. */
  readonly faults: Readonly<Record<FaultKind, number>>;
  /** How often something worth counting happened: elections, snapshots installed, operations by outcome, checks made. */
  readonly counts: Readonly<Record<string, number>>;
  readonly violation: Violation | undefined;
}

export interface RunOptions {
  /** Takes every line of the readable story. Without it lines are hashed only. */
  readonly trace?: (line: string) => void;
}
