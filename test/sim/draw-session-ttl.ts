/** How long a session lives without a write: mostly so short that it ends while its client is away. */
import { pick, streamOf } from './draws.js';

const SESSION_TTL_MS = [3000, 3000, 3000, 20_000, 300_000] as const;

export function drawSessionTtlMs(seed: number): number {
  return pick(streamOf(seed, 'session ttl'), SESSION_TTL_MS);
}
