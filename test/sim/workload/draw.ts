/** Decisions drawn from a stream of random numbers. */
import type { Random } from '../../../server/lib/random.js';

export function chance(random: Random, percent: number): boolean {
  return random.below(100) < percent;
}

/** A uniform integer, both ends included. */
export function between(random: Random, low: number, high: number): number {
  return low + random.below(high - low + 1);
}

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** `count` different items, or all of them when there are fewer, in the order in which they were drawn. */
export function pickSome<T>(random: Random, items: readonly T[], count: number): readonly T[] {
  const left = [...items];
  const picked: T[] = [];
  while (picked.length < count && left.length > 0) picked.push(...left.splice(random.below(left.length), 1));
  return picked;
}

export interface Weighted {
  readonly weight: number;
}

export function pickWeighted<T extends Weighted>(random: Random, items: readonly T[]): T {
  let left = random.below(items.reduce((sum, { weight }) => sum + weight, 0));
  for (const item of items) {
    left -= item.weight;
    if (left < 0) return item;
  }
  throw new Error('nothing to pick from');
}
