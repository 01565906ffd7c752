/** One attempt to get a grant, from the moment it stands in the log until it is released or lost. Plain data. */
import type { ByteString } from '../../lib/bytes.js';

export type GrantMode = 'exclusive' | 'shared';

/** What a client asks for. */
export interface GrantWish {
  /** Chosen by the client before it first asks: asking again finds the same entry. */
  readonly attempt: string;
  /** Ascending, each once. All of them are granted together, or none. More than one: exclusive only. */
  readonly names: readonly ByteString[];
  /** '': nobody. An owner is refused the exclusive grant of a name that it waits for or holds already. */
  readonly owner: string;
  readonly lease: bigint;
  readonly mode: GrantMode;
  /** What a shared grant takes of the capacity, from 1; of an exclusive one 1, and it takes all. */
  readonly weight: number;
  /** How much the shared grants of the name may take together; 0: any number. All that share a name say the same. */
  readonly capacity: number;
  /** The highest goes first; among equals the one that came first. */
  readonly priority: number;
  /** After a loss that its holder did not want, for how long nobody else gets what it held. */
  readonly lockDelayMs: number;
  /** For people. */
  readonly metadata: ByteString;
  /** For observers: what an elected leader says of itself. */
  readonly value: ByteString;
}

export interface GrantEntry extends GrantWish {
  /** Numbers the entries in the order in which they came, over all names. Never used again. */
  readonly place: number;
  /** Somebody who left named it as the next one: it goes before every priority. */
  readonly isFirst: boolean;
  /** The cluster's time when it came, and when it was granted. */
  readonly cameMs: number;
  readonly grantedMs: number;
  /** The fencing token: higher than that of every grant before it, of whatever name. 0: it waits. */
  readonly token: number;
  /** Which parts of a limited capacity it holds, ascending: each part's tokens rise. */
  readonly slots: readonly number[];
  /**
   * It is lost, and until then, in the cluster's time, it keeps others out; 0: it is alive. BAR_NOT_BEGUN until the time is
   * told after the loss, and BAR_TOLD_ONCE until it is told again: what is told first may have been on its way before the
   * loss, for a while, and only when that is applied does a leader tell the time anew.
   */
  readonly barsUntilMs: number;
}

/** It came, and waits. Written out: to spread the wish costs V8 more than all else that the command does. */
export function newEntry(wish: GrantWish, place: number, cameMs: number): GrantEntry {
  return {
    attempt: wish.attempt,
    names: wish.names,
    owner: wish.owner,
    lease: wish.lease,
    mode: wish.mode,
    weight: wish.weight,
    capacity: wish.capacity,
    priority: wish.priority,
    lockDelayMs: wish.lockDelayMs,
    metadata: wish.metadata,
    value: wish.value,
    place,
    isFirst: false,
    cameMs,
    grantedMs: 0,
    token: 0,
    slots: NO_SLOTS,
    barsUntilMs: 0,
  };
}

const NO_SLOTS: readonly number[] = [];

export const BAR_NOT_BEGUN = Number.MAX_SAFE_INTEGER;
export const BAR_TOLD_ONCE = Number.MAX_SAFE_INTEGER - 1;

/** Who is served first. No two entries are equal, so a wish for several names never waits in a circle. */
export function compareTurns(a: GrantEntry, b: GrantEntry): number {
  if (a.isFirst !== b.isFirst) return a.isFirst ? -1 : 1;
  return b.priority - a.priority || a.place - b.place;
}

export function isHeld(entry: GrantEntry): boolean {
  return entry.token > 0 && entry.barsUntilMs === 0;
}
