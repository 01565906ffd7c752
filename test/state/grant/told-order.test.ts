import { expect, it } from 'vitest';
import type { GrantWish } from '../../../server/state/grant/grant-entry.js';
import { GrantQueue } from '../../../server/state/grant/grant-queue.js';

const wish: GrantWish = {
  attempt: '',
  names: ['r'],
  owner: '',
  lease: 1n,
  mode: 'shared',
  weight: 1,
  capacity: 0,
  priority: 0,
  lockDelayMs: 0,
  metadata: '',
  value: '',
};

it('holders are told in the order of their tokens, whatever became of them since', () => {
  const queue = new GrantQueue();
  const held = [3, 5, 9].map((token) => ({
    ...wish,
    attempt: `a${token}`,
    place: token,
    token,
    isFirst: false,
    cameMs: 0,
    grantedMs: 0,
    slots: [],
    barsUntilMs: 0,
  }));
  for (const entry of held) queue.add(entry);
  const [first] = held;
  if (first === undefined) throw new Error('nobody holds');
  queue.remove(first);
  queue.add({ ...first, value: 'new' });
  expect(queue.granted.map(({ token }) => token)).toEqual([3, 5, 9]);
});
