/** Random streams of one seed, and the shapes that are drawn from them. No floating-point function that could differ. */
import { type Random, seededRandom } from '../../server/lib/random.js';

/** A stream of its own for each label: leaving out what one of them decides does not change the others. */
export function streamOf(seed: number, label: string): Random {
  let hash = 0x811c9dc5;
  for (let place = 0; place < label.length; place += 1) hash = mix(hash, label.charCodeAt(place));
  hash = mix(hash, seed >>> 0);
  hash = mix(hash, Math.floor(seed / 0x1_0000_0000) >>> 0);
  return seededRandom(hash);
}

function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ value, 0x9e3779b1);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x85ebca77);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** Uniform, with a resolution of 1/1024. */
export function between(random: Random, from: number, to: number): number {
  return from + ((to - from) * random.below(1024)) / 1024;
}

/** Mostly near `from`, now and then far out. */
export function longTail(random: Random, from: number, to: number): number {
  let high = to;
  for (let halvings = 0; halvings < 8 && random.below(4) > 0; halvings += 1) high = from + (high - from) / 2;
  return between(random, from, high);
}

export function chance(random: Random, probability: number): boolean {
  return random.below(1_000_000) < probability * 1_000_000;
}

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** A new array in random order. */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const rest = [...items];
  const order: T[] = [];
  while (rest.length > 0) order.push(...rest.splice(random.below(rest.length), 1));
  return order;
}
