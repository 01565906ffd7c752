import { describe, expect, it } from 'vitest';
import { randomRuns } from './random-run.js';

describe('a cluster under random faults keeps its word, over many seeds', () => {
  // The more members, the longer a run takes.
  it.each([
    { members: 1, runs: 250 },
    { members: 3, runs: 200 },
    { members: 5, runs: 80 },
  ])('with $members members', async ({ members, runs }) => {
    const report = await randomRuns({ members, steps: 150, firstSeed: 1000, lastSeed: 1000 + runs });
    expect(report.acknowledged).toBeGreaterThan(40 * runs);
  });
});
