/** How long to wait before trying again: full jitter, so that clients that failed together do not return together. */
import type { Random } from '../lib/random.js';

export const BACKOFF_BASE_MS = 50;
export const BACKOFF_CAP_MS = 1_000;

/** `attempt` counts from 1: the one that has just failed. Uniform below 50 ms, 100 ms, 200 ms ... 1 s. */
export function backoffMs(attempt: number, random: Random): number {
  const limit = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(attempt - 1, 10));
  return random.below(limit + 1);
}
