/**
 * Seeded random walks (exploration.ts). QUORATE_SEEDS sets how many, QUORATE_SEED where they begin; a failure names
 * its seed and shows the end of its trace.
 */
import { describe, expect, test } from 'vitest';
import { explore } from './exploration.js';

const SEEDS = Number(process.env['QUORATE_SEEDS'] ?? 400);
const FIRST_SEED = Number(process.env['QUORATE_SEED'] ?? 1);
const SHOWN_LINES = 80;
/** Seeds in one test: keeps each within the runner's own patience. */
const BATCH = 500;

function exploreOrExplain(seed: number): { committed: number; elections: number } {
  try {
    return explore(seed);
  } catch (error) {
    const lines: string[] = [];
    try {
      explore(seed, (line) => lines.push(line));
    } catch {
      // The same failure again, this time with a trace.
    }
    const trace = lines.slice(-SHOWN_LINES).join('\n');
    throw new Error(`QUORATE_SEED=${seed} QUORATE_SEEDS=1 repeats this. The last steps:\n${trace}`, { cause: error });
  }
}

describe('random exploration', () => {
  for (let first = FIRST_SEED; first < FIRST_SEED + SEEDS; first += BATCH) {
    const count = Math.min(BATCH, FIRST_SEED + SEEDS - first);
    test(`seeds ${first} to ${first + count - 1} keep every promise and recover`, { timeout: 120_000 }, () => {
      let committed = 0;
      let elections = 0;
      for (let seed = first; seed < first + count; seed += 1) {
        const result = exploreOrExplain(seed);
        committed += result.committed;
        elections += result.elections;
      }
      // A walk in which nothing happens proves nothing.
      expect(committed / count).toBeGreaterThan(5);
      expect(elections / count).toBeGreaterThan(1);
    });
  }
});
