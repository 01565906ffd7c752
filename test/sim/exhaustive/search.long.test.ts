/**
 * The spaces of searches.ts, as far as a minute or two allow; main.ts goes further. None is exhausted here, so what is
 * asked of them is that nothing breaks in what was seen, and that it was no idle part of the space.
 */
import { describe, expect, test } from 'vitest';
import { SOUND } from './builds.js';
import { Search } from './search.js';
import { SEARCHES, type SearchName } from './searches.js';
import { tellViolation } from './story.js';

describe('large spaces', () => {
  test.each<{ name: SearchName; statesMax: number; depth: number; termsLed: number; committed: number }>([
    { name: 'elections', statesMax: 2_500_000, depth: 14, termsLed: 1, committed: 1 },
    { name: 'forced', statesMax: 2_000_000, depth: 15, termsLed: 2, committed: 2 },
    { name: 'succession', statesMax: 1_500_000, depth: 20, termsLed: 2, committed: 3 },
    { name: 'membership', statesMax: 1_500_000, depth: 17, termsLed: 2, committed: 3 },
  ])('$name: nothing breaks', ({ name, statesMax, ...atLeast }) => {
    const search = new Search({ bounds: SEARCHES[name], build: SOUND, statesMax });
    const result = search.run();
    const story = result.violation === undefined ? [] : tellViolation(search.graph, result.violation);
    expect(story.join('\n')).toBe('');
    expect(result.states).toBe(statesMax);
    expect(result.depth).toBeGreaterThanOrEqual(atLeast.depth);
    expect(result.termsLed).toBeGreaterThanOrEqual(atLeast.termsLed);
    expect(result.committed).toBeGreaterThanOrEqual(atLeast.committed);
  });

  test('two elections with pre-votes, completely', () => {
    const bounds = { ...SEARCHES.elections, proposals: 0, crashes: 0, duplicates: 0 };
    const result = new Search({ bounds, build: SOUND, statesMax: 2_000_000 }).run();
    expect(result).toMatchObject({ isComplete: true, violation: undefined, termsLed: 2, committed: 2 });
  });
});
