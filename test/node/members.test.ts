import { afterEach, describe, expect, it, vi } from 'vitest';
import { NodeCluster } from './node-cluster.js';
import { get, put } from './requests.js';

let cluster: NodeCluster;
afterEach(() => expect(cluster.fatals).toEqual([]));

describe('the members of a running cluster', () => {
  it('a member that waits to be added stands still, follows once it is, and votes once it is promoted', async () => {
    cluster = new NodeCluster(1);
    await cluster.startAll();
    const leader = await cluster.untilLeader();
    await cluster.run(leader.kv.put(put('k', 'v')));
    const joiner = await cluster.start(2n);
    await cluster.clock.advance(5000);
    expect(joiner.node.status()).toMatchObject({ role: 'follower', term: 0, conf: { voters: [], learners: [] } });

    expect(leader.node.proposeConfChange({ kind: 'addLearner', id: 2n })).toMatchObject({ ok: true });
    await cluster.until(() => joiner.node.status().appliedIndex === leader.node.status().commitIndex);
    expect(joiner.node.status().conf).toEqual({ voters: [1n], learners: [2n] });

    expect(leader.node.proposeConfChange({ kind: 'promote', id: 2n })).toMatchObject({ ok: true });
    await cluster.quiet();
    expect(leader.node.transferLeadership(2n)).toBe(true);
    await cluster.until(() => joiner.node.status().role === 'leader');
    const { kvs } = await cluster.run(joiner.kv.range(get('k')));
    expect(kvs.map(({ value }) => value)).toEqual(['v']);
  });

  it('are changed by the leader alone, and leadership goes to no stranger', async () => {
    cluster = new NodeCluster(3);
    await cluster.startAll();
    const leader = await cluster.untilLeader();
    await cluster.quiet();
    const [follower] = cluster.followers();
    expect(follower?.node.proposeConfChange({ kind: 'remove', id: 1n })).toEqual({ ok: false, reason: 'notLeader' });
    expect(follower?.node.transferLeadership(leader.node.id)).toBe(false);
    expect(leader.node.transferLeadership(9n)).toBe(false);
    expect(leader.node.proposeConfChange({ kind: 'remove', id: 9n })).toMatchObject({ reason: 'invalidConfChange' });
    const stopped = leader.node.stop();
    expect(leader.node.proposeConfChange({ kind: 'addLearner', id: 9n })).toEqual({ ok: false, reason: 'notLeader' });
    await cluster.run(stopped);
    expect(leader.node.transferLeadership(1n)).toBe(false);
  });
});

describe('a member with nothing to do', () => {
  it('takes hardly a turn between heartbeats', async () => {
    cluster = new NodeCluster(3);
    await cluster.startAll();
    await cluster.untilLeader();
    await cluster.quiet();
    await cluster.clock.advance(1000);
    const defer = vi.spyOn(cluster.clock, 'defer');
    await cluster.clock.advance(1000);
    // In a second: ten heartbeats of the leader, ten turns for them at each follower, twenty for their answers.
    expect(defer.mock.calls.length).toBeGreaterThanOrEqual(40);
    expect(defer.mock.calls.length).toBeLessThan(60);
  });
});
