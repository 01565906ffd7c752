import { expect, test } from 'vitest';
import { settle } from './raft-cluster.js';
import { Scene } from './scene.js';

test('a member that says it has no news has nothing ready, whatever a tick did', () => {
  const { cluster } = new Scene('cluster voters=(1 2 3) learners=(4)');
  let silent = 0;
  let spoken = 0;
  for (let tick = 0; tick < 200; tick += 1) {
    // One of the voters dies on the way: elections are news, too.
    if (tick === 100) cluster.crash(1n);
    for (const id of cluster.running) {
      cluster.tick(id);
      const raft = cluster.raft(id);
      if (raft.hasNews) {
        spoken += 1;
        settle(cluster, 1000);
      } else {
        silent += 1;
        expect(raft.ready()).toBeUndefined();
      }
    }
  }
  expect(silent).toBeGreaterThan(100);
  expect(spoken).toBeGreaterThan(100);
});
