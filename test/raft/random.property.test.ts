/**
 * Seeded random walks (exploration.ts). QUORATE_SEEDS sets how many, QUORATE_SEED where they begin; a failure names
 * its seed and shows the end of its trace.
 */
import { describe, expect, test } from 'vitest';
import { type ExplorationResult, explore } from './exploration.js';

const SEEDS = Number(process.env['QUORATE_SEEDS'] ?? 800);
const FIRST_SEED = Number(process.env['QUORATE_SEED'] ?? 1);
/** Seeds in one test: keeps each within the runner's patience. */
const BATCH = 400;
const SHOWN_LINES = 80;

function exploreOrExplain(seed: number): ExplorationResult {
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
      const results: ExplorationResult[] = [];
      for (let seed = first; seed < first + count; seed += 1) results.push(exploreOrExplain(seed));
      if (count === BATCH) expectRich(results);
    });
  }

  test('a seed decides everything', () => {
    const traces = [1, 2].map(() => {
      const lines: string[] = [];
      explore(FIRST_SEED, (line) => lines.push(line));
      return lines;
    });
    expect(traces[0]?.length).toBeGreaterThan(100);
    expect(traces[0]).toEqual(traces[1]);
  });
});

/** Walks in which nothing happens prove nothing. */
function expectRich(results: readonly ExplorationResult[]): void {
  const mean = (of: (result: ExplorationResult) => number) =>
    results.reduce((sum, result) => sum + of(result), 0) / results.length;
  expect(mean((result) => result.committed)).toBeGreaterThan(10);
  expect(mean((result) => result.elections)).toBeGreaterThan(2);
  expect(mean((result) => result.crashes)).toBeGreaterThan(3);
  expect(mean((result) => result.readsAnswered)).toBeGreaterThan(3);
  expect(mean((result) => result.confChanges)).toBeGreaterThan(0.5);
  expect(mean((result) => result.snapshotsInstalled)).toBeGreaterThan(0.2);
}
