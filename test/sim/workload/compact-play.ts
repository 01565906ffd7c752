/** Compacts, after a look at what would be lost by it and nobody knows yet. */
import { chance } from './draw.js';
import { ALL_KEYS } from './keys.js';
import type { Play, Turn } from './turn.js';

/** More would hold up the client for long; the next one goes on from there. */
const GAPS_MAX = 15;

export const compact: Play = async (turn) => {
  const { random, sightings, mix } = turn;
  const revision = Math.max(1, sightings.revision - random.below(mix.historyDepth));
  if (!(await closeGaps(turn, revision))) return;
  await turn.ask({ kind: 'compact', revision }, { isPhysical: chance(random, 30) });
};

async function closeGaps(turn: Turn, revision: number): Promise<boolean> {
  for (let closed = 0; closed < GAPS_MAX; closed += 1) {
    const next = turn.gaps.next(revision);
    if (next === undefined) return true;
    for (const look of next.looks) {
      const read = await turn.ask({ kind: 'range', ...ALL_KEYS, revision: look, limit: 0, read: 'linearizable' });
      if (read?.outcome.kind !== 'ok') return false;
    }
    turn.gaps.close(next.gap);
  }
  return false;
}
