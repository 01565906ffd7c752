import { expect, it } from 'vitest';
import type { Event } from '../../server/state/result.js';
import { EventRun } from '../../server/watch/event-run.js';

const event = (main: number): Event => ({
  type: 'put',
  kv: { key: 'k', value: '', createRevision: main, modRevision: main, version: 1, lease: 0n },
  revision: { main, sub: 0 },
  prevKv: undefined,
});
const revisions = (run: EventRun): string => run.events.map(({ revision }) => revision.main).join();

it('is the same for all who get the same events, and differs where they do', () => {
  const [a, b, c] = [event(1), event(2), event(3)];
  const start = new EventRun(a);
  const [first, second] = [start.with(b).with(c), start.with(b).with(c)];
  expect(second).toBe(first);
  expect(second.events).toBe(first.events);
  const without = start.with(c);
  expect([start, first, without, start.with(b)].map(revisions)).toEqual(['1', '1,2,3', '1,3', '1,2']);
  expect([first.count, without.count, first.last]).toEqual([3, 2, c]);
});

it('goes on with all of another', () => {
  const start = new EventRun(event(1)).with(event(2));
  const later = new EventRun(event(3)).with(event(4));
  expect(revisions(start.withAll(later))).toBe('1,2,3,4');
  expect(start.withAll(later)).toBe(start.withAll(later));
  expect(start.withAll(later).bytes(false)).toBe(start.bytes(false) + later.bytes(false));
});
