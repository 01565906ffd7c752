/**
 * Grants as plainly as they can be said: one list of attempts, searched from the beginning for everything. It has no
 * queues, no indexes and no order that is kept: what may be granted is decided anew by looking at all there is.
 */
import type { GrantEntry, GrantWish } from '../../server/state/grant/grant-entry.js';

export interface ModelEntry {
  readonly wish: GrantWish;
  readonly place: number;
  isFirst: boolean;
  token: number;
  slots: readonly number[];
  barsUntilMs: number;
  /** Of what was lost: how often the time was told since. */
  timesTold: number;
  value: string;
}

export class GrantModel {
  entries: ModelEntry[] = [];
  lastPlace = 0;
  lastToken = 0;

  /** What is to be told of the attempt afterwards. */
  acquire(wish: GrantWish, mayWait: boolean): ModelEntry | 'taken' {
    const known = this.living(wish.attempt);
    if (known !== undefined) return known;
    const entry: ModelEntry = {
      wish,
      place: this.lastPlace + 1,
      isFirst: false,
      token: 0,
      slots: [],
      barsUntilMs: 0,
      timesTold: 0,
      value: wish.value,
    };
    this.entries.push(entry);
    if (!mayWait && !this.mayBeGranted(entry)) {
      this.entries.pop();
      return 'taken';
    }
    this.lastPlace += 1;
    this.settle();
    return entry;
  }

  release(attempt: string, to: string): boolean {
    const entry = this.living(attempt);
    if (entry === undefined) return false;
    const next = this.living(to);
    if (next !== undefined) next.isFirst = true;
    this.end(entry, false);
    this.settle();
    return true;
  }

  force(token: number): void {
    const entry = this.entries.find((one) => one.token === token && one.barsUntilMs === 0);
    if (entry !== undefined) this.end(entry, true);
    this.settle();
  }

  /** All of them are gone before anything is granted. */
  endLeases(leases: readonly bigint[], isLoss: boolean): void {
    for (const entry of this.entries.filter((one) => leases.includes(one.wish.lease) && one.barsUntilMs === 0)) {
      this.end(entry, isLoss);
    }
    this.settle();
  }

  advance(timeMs: number): void {
    for (const entry of this.entries.filter(({ barsUntilMs }) => barsUntilMs > 0)) {
      entry.timesTold += 1;
      if (entry.timesTold === 1) entry.barsUntilMs = Number.MAX_SAFE_INTEGER - 1;
      if (entry.timesTold === 2) entry.barsUntilMs = timeMs + entry.wish.lockDelayMs;
    }
    this.entries = this.entries.filter(({ barsUntilMs }) => barsUntilMs === 0 || barsUntilMs > timeMs);
    this.settle();
  }

  living(attempt: string): ModelEntry | undefined {
    return this.entries.find(({ wish, barsUntilMs }) => wish.attempt === attempt && barsUntilMs === 0);
  }

  of(name: string): readonly ModelEntry[] {
    return this.entries.filter(({ wish }) => wish.names.includes(name));
  }

  /** Everything that waits and may be granted is, the first turn first. */
  private settle(): void {
    for (;;) {
      const candidates = this.entries.filter((entry) => entry.token === 0 && this.mayBeGranted(entry));
      const next = candidates.find((one) => candidates.every((other) => other === one || comesBefore(one, other)));
      if (next === undefined) return;
      const [name = ''] = next.wish.names;
      this.lastToken += 1;
      next.slots = this.slotsFor(next, name);
      next.token = this.lastToken;
    }
  }

  private mayBeGranted(entry: ModelEntry): boolean {
    return entry.wish.names.every((name) => {
      const others = this.of(name).filter((other) => other !== entry);
      if (others.some((other) => other.token === 0 && comesBefore(other, entry))) return false;
      const granted = others.filter((other) => other.token > 0);
      if (granted.length === 0) return true;
      if (entry.wish.mode === 'exclusive' || granted.some(({ wish }) => wish.mode === 'exclusive')) return false;
      const taken = granted.reduce((sum, { wish }) => sum + wish.weight, 0);
      return entry.wish.capacity === 0 || taken + entry.wish.weight <= entry.wish.capacity;
    });
  }

  private slotsFor({ wish }: ModelEntry, name: string): readonly number[] {
    if (wish.mode === 'exclusive' || wish.capacity === 0) return [];
    const taken = this.of(name).flatMap(({ slots }) => slots);
    const all = Array.from({ length: wish.capacity }, (_, slot) => slot);
    return all.filter((slot) => !taken.includes(slot)).slice(0, wish.weight);
  }

  private end(entry: ModelEntry, isLoss: boolean): void {
    if (isLoss && entry.token > 0 && entry.wish.lockDelayMs > 0) {
      entry.barsUntilMs = Number.MAX_SAFE_INTEGER;
    } else this.entries.splice(this.entries.indexOf(entry), 1);
  }
}

function comesBefore(a: ModelEntry, b: ModelEntry): boolean {
  if (a.isFirst !== b.isFirst) return a.isFirst;
  if (a.wish.priority !== b.wish.priority) return a.wish.priority > b.wish.priority;
  return a.place < b.place;
}

/** Both in the same words. */
export function plain(entry: ModelEntry | GrantEntry): object {
  const { wish, place, isFirst, token, slots, barsUntilMs, value } =
    'wish' in entry ? entry : { ...entry, wish: entry };
  return { attempt: wish.attempt, names: wish.names, place, isFirst, token, slots, barsUntilMs, value };
}
