/**
 * Judges what holders of leases relied on, by what others saw: a watcher beside the member when the keys of a lease went,
 * and a proxy before the member when its renewals passed. Both bounds are sure, whatever the client or a clock says:
 *
 *   passed the proxy -- reached the member ------------------- expired at the member -- the watcher saw it
 *          |-- ttl ------------------------------| `coveredUntil`                              | `goneAt`
 *
 * An attempt that began after `goneAt` and was let pass is a lie: others may have what the lease held. One that began
 * at `coveredUntil` or later is uncovered: nothing but luck kept the member from having expired the lease before. The
 * client promises that there is none of either. What counts is when an attempt began: a process may be stopped between the
 * client's look at the clock and whatever its caller does next, and no client can help that.
 */
import type { BelieverName } from './believers.js';
import type { LeaseTold, RoundTold } from './messages.js';

/** What was seen of a lease from outside. */
export interface LeaseSeen {
  /** When each renewal that was answered passed the proxy, in order of time. */
  readonly renewedAt: readonly number[];
  /** When the watcher was told that it expired. */
  readonly goneAt: number | undefined;
}

/** The loop may run so often between the end of a lease and its signal: timers that are due at once come in any order. */
export const LATE_TURNS_MAX = 3;

/** By how much the last pass of each kind was too late, in ms; undefined: there was none. */
export interface Belief {
  readonly passes: number;
  readonly lieMs: number | undefined;
  readonly uncoveredMs: number | undefined;
}

export interface Verdict {
  readonly lease: string;
  readonly isExpired: boolean;
  readonly isSignalled: boolean;
  /** The member has expired the lease sooner than a renewal that it answered allows. */
  readonly isEarly: boolean;
  /** Of the loop, between when the lease was covered last and its signal. */
  readonly lateTurns: number;
  readonly beliefs: Readonly<Record<BelieverName, Belief>>;
}

export function judgeRound({ leases, turns }: RoundTold, seenOf: (lease: string) => LeaseSeen): readonly Verdict[] {
  return leases.map((told) => judgeLease(told, turns, seenOf(told.id)));
}

function judgeLease(told: LeaseTold, turns: Float64Array, { renewedAt, goneAt }: LeaseSeen): Verdict {
  const starts = [told.askedAt, ...renewedAt];
  const coveredUntil = Math.max(...starts) + told.ttlMs;
  const signalledAt = told.signalledAt ?? (goneAt === undefined ? -Infinity : Infinity);
  const beliefs = Object.entries(told.passes).map(([name, passes]) => [
    name,
    judge(passes, starts, told.ttlMs, goneAt),
  ]);
  return {
    lease: told.id,
    isExpired: goneAt !== undefined,
    isSignalled: told.signalledAt !== undefined,
    isEarly: goneAt !== undefined && goneAt < coveredUntil,
    lateTurns: turns.filter((turn) => turn >= coveredUntil && turn < signalledAt).length,
    beliefs: Object.fromEntries(beliefs) as Verdict['beliefs'],
  };
}

/** `starts`: the moments from which the ttl may count, in order. */
function judge(passes: Float64Array, starts: readonly number[], ttlMs: number, goneAt = Infinity): Belief {
  let lieMs: number | undefined;
  let uncoveredMs: number | undefined;
  let place = 0;
  for (const began of passes) {
    while ((starts[place + 1] ?? Infinity) <= began) place += 1;
    const lateMs = began - (starts[place] ?? Infinity) - ttlMs;
    if (lateMs >= 0) uncoveredMs = Math.max(uncoveredMs ?? 0, lateMs);
    if (began > goneAt) lieMs = Math.max(lieMs ?? 0, began - goneAt);
  }
  return { passes: passes.length, lieMs, uncoveredMs };
}
