import { expect, it } from 'vitest';
import { Heap } from '../../server/lib/heap.js';
import { seededRandom } from '../../server/lib/random.js';

it('gives the lowest of what is in it, whatever was put in and taken out before', () => {
  const random = seededRandom(1);
  const heap = new Heap<number>((a, b) => a - b);
  const model: number[] = [];
  for (let step = 0; step < 5_000; step += 1) {
    if (random.below(5) < 3) {
      const item = random.below(200);
      heap.push(item);
      model.push(item);
    } else if (random.below(50) === 0) {
      const limit = random.below(200);
      heap.retain((item) => item < limit);
      model.splice(0, Infinity, ...model.filter((item) => item < limit));
    } else {
      model.sort((a, b) => a - b);
      expect(heap.first).toBe(model[0]);
      expect(heap.pop()).toBe(model.shift());
    }
    expect(heap.size).toBe(model.length);
  }
  for (const item of model.toSorted((a, b) => a - b)) expect(heap.pop()).toBe(item);
  expect(heap.pop()).toBeUndefined();
});
