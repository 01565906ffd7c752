import { describe, expect, it } from 'vitest';
import { cutPoints, powerCutRun, togetherScript } from './power-cut.js';

describe('three members', () => {
  for (const scope of ['one', 'all'] as const) {
    const who = scope === 'one' ? 'one of them' : 'all of them';
    it(`keep what was acknowledged when ${who} loses power, at every point and with every outcome`, async () => {
      const options = { members: 3, script: togetherScript };
      const points = cutPoints(await powerCutRun(options), scope);
      console.info(`three members, ${who}: ${points.length} points`);
      expect(points.length).toBeGreaterThan(300);
      for (const point of points) {
        const { problems } = await powerCutRun(options, point);
        expect(problems, JSON.stringify(point)).toEqual([]);
      }
    });
  }
});
