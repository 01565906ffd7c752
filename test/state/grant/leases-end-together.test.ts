/** Leases that run out in one entry of the log: nobody is granted anything on one of them. */
import { expect, it } from 'vitest';
import { StateMachine } from '../../../server/state/state-machine.js';
import { clusterTime, expire, grant } from '../commands.js';
import { acquire } from '../grant-wishes.js';

const TERM = 3;

it('grants nothing on a lease that ends in the same entry, so its lock-delay keeps nobody out', () => {
  const state = StateMachine.create({ members: [] });
  for (const lease of [1n, 2n, 3n]) state.apply(grant(lease), TERM);
  state.apply(acquire('holder', 1n), TERM);
  state.apply(acquire('waiter that dies, too', 2n, { lockDelayMs: 60_000 }), TERM);
  state.apply(acquire('next', 3n), TERM);
  const { grantNames } = state.apply(expire(TERM, 1n, 2n), TERM);
  expect(grantNames).toEqual(['n']);
  expect(state.grants.find('next')).toMatchObject({ token: 2 });
  expect(state.grants.size).toBe(1);
});

it('still keeps others out for those that held', () => {
  const state = StateMachine.create({ members: [] });
  for (const lease of [1n, 2n, 3n]) state.apply(grant(lease), TERM);
  state.apply(acquire('holder', 1n, { lockDelayMs: 1000 }), TERM);
  state.apply(acquire('waiter that dies, too', 2n, { lockDelayMs: 60_000 }), TERM);
  state.apply(acquire('next', 3n), TERM);
  state.apply(expire(TERM, 1n, 2n), TERM);
  expect(state.grants.find('next')?.token).toBe(0);
  for (const ms of [5000, 5000, 6000]) state.apply(clusterTime(TERM, ms), TERM);
  expect(state.grants.find('next')?.token).toBe(2);
});
