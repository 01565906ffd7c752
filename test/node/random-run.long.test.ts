import { describe, expect, it } from 'vitest';
import { randomRuns } from './random-run.js';

describe('a cluster under random faults keeps its word, over many seeds', () => {
  for (const members of [1, 3, 5]) {
    it(`with ${members} members`, async () => {
      const report = await randomRuns({ members, steps: 150, firstSeed: 1000, lastSeed: 1250 });
      expect(report.acknowledged).toBeGreaterThan(10_000);
    });
  }
});
