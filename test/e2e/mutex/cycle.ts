/**
 * What a process does under a lock, as data, and what must hold of all of them together: nobody's time with the lock
 * overlaps anybody else's, and every update of the outside register is there in the end. Pure.
 */

export interface Cycle {
  readonly worker: number;
  /** Microseconds of the machine's monotonic clock, the same in every process. Between them the worker had the lock. */
  readonly fromUs: number;
  readonly toUs: number;
  /** What the register held at the beginning; it wrote one more. */
  readonly read: number;
  /** Rises with every holder, where the lock has one. */
  readonly token: number | undefined;
  /** The lease may have been over before the end: the machine was too slow for this cycle to prove anything. */
  readonly isOverdue: boolean;
}

export interface Judgement {
  /** Updates that are not in the register. */
  readonly lost: number;
  /** One sentence for each pair of neighbours in time that had the lock at once. */
  readonly overlaps: readonly string[];
  /** One sentence for each token that is not above the one before. */
  readonly tokens: readonly string[];
  readonly overdue: number;
}

/** `count` is what the register held in the end; it began with 0. */
export function judge(cycles: readonly Cycle[], count: number): Judgement {
  const inOrder = cycles.toSorted((a, b) => a.fromUs - b.fromUs);
  const overlaps: string[] = [];
  const tokens: string[] = [];
  let last: Cycle | undefined;
  for (const cycle of inOrder) {
    if (last !== undefined && cycle.fromUs < last.toUs) overlaps.push(`${inWords(last)} and ${inWords(cycle)}`);
    const isAbove = last?.token === undefined || (cycle.token ?? -1) > last.token;
    if (last !== undefined && !isAbove) tokens.push(`${last.token}, then ${cycle.token}`);
    // Who overlaps is compared on with whoever had it the longest.
    if (last === undefined || cycle.toUs >= last.toUs) last = cycle;
  }
  return {
    lost: cycles.length - count,
    overlaps,
    tokens,
    overdue: cycles.filter(({ isOverdue }) => isOverdue).length,
  };
}

function inWords({ worker, fromUs, toUs, read, token }: Cycle): string {
  return `worker ${worker} from ${fromUs} to ${toUs} (read ${read}, token ${token})`;
}
