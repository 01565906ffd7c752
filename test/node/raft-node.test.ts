import { describe, expect, it } from 'vitest';
import { NodeCluster } from './node-cluster.js';
import { get, put } from './requests.js';

describe('a cluster of members', () => {
  it('elects a leader, and any member takes writes and reads', async () => {
    const cluster = new NodeCluster(3);
    await cluster.startAll();
    await cluster.untilLeader();
    for (const id of cluster.ids) {
      const { kv } = cluster.member(id);
      const answer = await cluster.run(kv.put(put(`k${id}`, `v${id}`)));
      expect(answer.header.memberId).toBe(id);
      expect(answer.header.revision).toBe(Number(id) + 1);
    }
    for (const id of cluster.ids) {
      const { kvs, header } = await cluster.run(cluster.member(id).kv.range(get('k2')));
      expect(kvs.map((kv) => kv.value)).toEqual(['v2']);
      expect(header.revision).toBe(4);
    }
    expect(cluster.fatals).toEqual([]);
  });

  it('keeps acknowledged writes when every member loses power at once', async () => {
    const cluster = new NodeCluster(3);
    await cluster.startAll();
    await cluster.untilLeader();
    for (let i = 0; i < 20; i += 1) await cluster.run(cluster.member(1n).kv.put(put(`k${i}`, `v${i}`)));
    for (const id of cluster.ids) cluster.crash(id);
    await cluster.startAll();
    await cluster.untilLeader();
    for (let i = 0; i < 20; i += 1) {
      const { kvs } = await cluster.run(cluster.member(2n).kv.range(get(`k${i}`)));
      expect(kvs[0]?.value).toBe(`v${i}`);
    }
  });

  it('brings a member that is far behind back by snapshot', async () => {
    const cluster = new NodeCluster(3, { snapshotCount: 20, snapshotCatchUpEntries: 5 });
    await cluster.startAll();
    const leader = await cluster.untilLeader();
    const lagging = cluster.ids.find((id) => id !== leader.node.id) ?? 0n;
    cluster.isolate(lagging);
    // Until the leader has noticed: for a follower that is on its way it keeps the log.
    await cluster.clock.advance(2500);
    for (let i = 0; i < 100; i += 1) await cluster.run(leader.kv.put(put(`k${i % 10}`, `v${i}`)));
    cluster.heal();
    await cluster.clock.advance(3000);
    const { node, kv } = cluster.member(lagging);
    expect(node.status().appliedIndex).toBe(leader.node.status().appliedIndex);
    const hashes = await Promise.all([cluster.run(kv.hashKv(0)), cluster.run(leader.kv.hashKv(0))]);
    expect(hashes[0]?.hash).toBe(hashes[1]?.hash);
    expect(node.status().startIndex).toBeGreaterThan(0);
    await cluster.run(kv.put(put('after', 'x')));
    expect(cluster.fatals).toEqual([]);
  });
});
