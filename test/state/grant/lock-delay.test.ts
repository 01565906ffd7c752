/** How long a lost grant keeps others out, by what the log says of the time. */
import { expect, it } from 'vitest';
import { StateMachine } from '../../../server/state/state-machine.js';
import { clusterTime, grant } from '../commands.js';
import { acquire } from '../grant-wishes.js';

const TERM = 3;

it('does not begin with a time that was on its way before the loss, however long it was', () => {
  const state = StateMachine.create({ members: [] });
  for (const lease of [1n, 2n]) state.apply(grant(lease), TERM);
  state.apply(acquire('lost', 1n, { lockDelayMs: 4000 }), TERM);
  state.apply(acquire('next', 2n), TERM);
  state.apply({ kind: 'grantForce', name: 'n', token: 1 }, TERM);
  // Told ten seconds ago, and committed just now.
  state.apply(clusterTime(TERM, 1000), TERM);
  state.apply(clusterTime(TERM, 11_000), TERM);
  expect(state.grants.find('next')?.token).toBe(0);
  state.apply(clusterTime(TERM, 14_999), TERM);
  expect(state.grants.find('next')?.token).toBe(0);
  state.apply(clusterTime(TERM, 15_000), TERM);
  expect(state.grants.find('next')?.token).toBe(2);
});
