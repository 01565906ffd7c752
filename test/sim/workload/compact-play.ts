/** Compacts, after a look at what would be lost by it and nobody knows yet. */
import { between, chance, pick } from './draw.js';
import { ALL_KEYS } from './keys.js';
import type { Play, Turn } from './turn.js';

/** More would hold up the client for long; the next one goes on from there. */
const GAPS_MAX = 15;

export const compact: Play = async (turn) => {
  const { random } = turn;
  const revision = drawRevision(turn);
  if (!(await closeGaps(turn, revision))) return;
  await turn.ask({ kind: 'compact', revision }, { isPhysical: chance(random, 30) });
};

/** Near the newest one; or just where a watcher goes on from, which is the worst moment for it. */
function drawRevision({ random, sightings, mix, watchPositions }: Turn): number {
  const positions = watchPositions();
  if (positions.length === 0 || chance(random, 50)) {
    return Math.max(1, sightings.revision - random.below(mix.historyDepth));
  }
  return Math.max(1, Math.min(sightings.revision, pick(random, positions) + between(random, -1, 2)));
}

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
