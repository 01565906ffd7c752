/** How often leaders note what is left of long leases: mostly far more often than the product does. */
import { LEASE_CHECKPOINT_MS } from '../../server/node/options.js';
import { pick, streamOf } from './draws.js';

const CHECKPOINT_MS = [LEASE_CHECKPOINT_MS, 150, 600, 2000] as const;

export function drawLeaseCheckpointMs(seed: number): number {
  return pick(streamOf(seed, 'lease checkpoint'), CHECKPOINT_MS);
}
