import { expect, it } from 'vitest';
import { seededRandom } from '../../../server/lib/random.js';
import { SlicedSort } from '../../../server/state/mvcc/sliced-sort.js';

const SEED = Number(process.env['QUORATE_SEED'] ?? 1);

it(`sorts like a plain sort, in slices of any size, and cuts (QUORATE_SEED=${SEED})`, () => {
  const random = seededRandom(SEED);
  const compare = (a: readonly [number, number], b: readonly [number, number]) => a[0] - b[0] || a[1] - b[1];
  for (let run = 0; run < 500; run += 1) {
    const items = Array.from({ length: random.below(200) }, (_, at) => [random.below(20), at] as const);
    const keepMax = random.below(2) === 0 ? Infinity : random.below(50);
    const slice = 1 + random.below(30);
    const sort = new SlicedSort(items, compare, keepMax);
    let sorted: readonly (readonly [number, number])[] | undefined;
    let steps = 0;
    while (sorted === undefined) {
      sorted = sort.step(slice);
      steps += 1;
    }
    expect(sorted).toEqual(items.toSorted(compare).slice(0, keepMax));
    // Each merge handles an item once, and runs double in length: no more rounds than that.
    const runs = Math.ceil(items.length / slice);
    expect(steps).toBeLessThanOrEqual(1 + runs + (runs + 1) * (1 + Math.ceil(Math.log2(runs + 1))));
  }
});
