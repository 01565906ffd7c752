import { describe, expect, it } from 'vitest';
import { randomRuns } from './random-run.js';

describe('a cluster under random faults keeps its word', () => {
  for (const members of [1, 3, 5]) {
    it(`with ${members} members`, async () => {
      const report = await randomRuns({ members, steps: 60, firstSeed: 1, lastSeed: 12 });
      // The faults were there, and so was progress.
      expect(report.acknowledged).toBeGreaterThan(200);
      expect(report.reads).toBeGreaterThan(50);
      expect(report.crashes).toBeGreaterThan(20);
      if (members > 1) expect(report.installed).toBeGreaterThan(5);
    });
  }
});
