import { afterEach, describe, expect, it } from 'vitest';
import { createDeferred } from '../../server/lib/deferred.js';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { LIMITS } from '../../server/node/limits.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';
import { compact, del, get, getAll, put, txn } from './requests.js';

let cluster: NodeCluster;
afterEach(() => expect(cluster.fatals).toEqual([]));

async function single(): Promise<RunningMember> {
  cluster = new NodeCluster(1);
  await cluster.startAll();
  return cluster.untilLeader();
}

async function writeSome(member: RunningMember, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await cluster.run(member.kv.put(put(`k${i % 10}`, `v${i}`)));
}

/** The code of the refusal; undefined when it was answered. */
function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => (error instanceof QuorateError ? error.code : `not a QuorateError: ${String(error)}`),
  );
}

/** From now on the disk takes nothing, until the answer is called. */
function stick(member: RunningMember): () => void {
  const held = createDeferred<void>();
  const probe = cluster.probe(member.node.id);
  probe.beforeWrite = () => held.promise;
  return () => {
    probe.beforeWrite = () => undefined;
    held.resolve();
  };
}

describe('a member answers', () => {
  it('every kind of request, from the state that it applied', async () => {
    const { kv } = await single();
    const first = await cluster.run(kv.put(put('a', '1')));
    expect(first.header).toEqual({ clusterId: 77n, memberId: 1n, revision: 2, raftTerm: 1 });
    const second = await cluster.run(kv.put(put('a', '2', { prevKv: true })));
    expect(second.prevKv?.value).toBe('1');
    const both = await cluster.run(
      kv.txn(txn({ success: [put('b', '3'), get('a'), get('b'), del('a'), txn({ success: [get('a')] })] })),
    );
    expect(both.succeeded).toBe(true);
    expect(both.header.revision).toBe(4);
    const [, beforeDelete, ownWrite, deleted, nested] = both.results;
    expect(beforeDelete).toMatchObject({ kind: 'range', count: 1 });
    expect(ownWrite).toMatchObject({ kind: 'range', kvs: [{ key: 'b', value: '3' }] });
    expect(deleted).toMatchObject({ kind: 'deleteRange', deleted: 1 });
    expect(nested).toMatchObject({ kind: 'txn', results: [{ kind: 'range', count: 0 }] });
    const old = await cluster.run(kv.range(get('a', { revision: 2 })));
    expect(old.kvs.map(({ value }) => value)).toEqual(['1']);
    expect(old.header.revision).toBe(4);
    const gone = await cluster.run(kv.deleteRange(del('\0', '\0')));
    expect(gone.deleted).toBe(1);
    const status = await kv.status();
    expect(status).toMatchObject({ leader: 1n, isLearner: false });
    expect(status.appliedIndex).toBe(status.commitIndex);
    expect((await cluster.run(kv.members(true))).map(({ name }) => name)).toEqual(['m1']);
  });

  it('a range of any size from one point of history, with writes going on in between', async () => {
    const { kv } = await single();
    const many = Array.from({ length: 5000 }, (_, i) => put(`k${String(i).padStart(5, '0')}`, 'old'));
    for (let i = 0; i < many.length; i += 100) {
      await cluster.run(kv.txn(txn({ success: many.slice(i, i + 100) })));
    }
    const { header } = await cluster.run(kv.put(put('k00000', 'old')));
    const current = kv.range(get('k', { rangeEnd: 'l' }));
    const past = kv.range(get('k', { rangeEnd: 'l', revision: header.revision }));
    await cluster.clock.settle();
    const writes = Array.from({ length: 50 }, (_, i) => kv.deleteRange(del(`k${String(i * 100).padStart(5, '0')}`)));
    writes.push(kv.deleteRange(del('k00001', 'k04999')));
    for (const { kvs, count } of await cluster.run(Promise.all([current, past]))) {
      expect([kvs.length, count]).toEqual([5000, 5000]);
      expect(new Set(kvs.map(({ value }) => value))).toEqual(new Set(['old']));
    }
    await cluster.run(Promise.all(writes));
    expect((await cluster.run(kv.range(get('k', { rangeEnd: 'l' })))).count).toBe(1);
    const again = await cluster.run(kv.range(get('k', { rangeEnd: 'l', revision: header.revision })));
    expect([again.kvs.length, new Set(again.kvs.map(({ value }) => value))]).toEqual([5000, new Set(['old'])]);
  });

  it('a refusal by the state machine with its code, and counts the entry as applied', async () => {
    const { kv, node } = await single();
    const before = node.status().appliedIndex;
    expect(await cluster.run(codeOf(kv.put(put('', 'x'))))).toBe('EMPTY_KEY');
    expect(await cluster.run(codeOf(kv.put(put('k', 'x', { lease: 5n }))))).toBe('LEASE_NOT_FOUND');
    expect(await cluster.run(codeOf(kv.compact(compact(99), false)))).toBe('FUTURE_REVISION');
    expect(await cluster.run(codeOf(kv.range(get('k', { revision: 99 }))))).toBe('FUTURE_REVISION');
    expect(await cluster.run(codeOf(kv.hashKv(99)))).toBe('FUTURE_REVISION');
    expect(node.status().appliedIndex).toBe(before + 3);
  });

  it('nothing more than it may hold at once: one request too many is refused, and changes nothing', async () => {
    cluster = new NodeCluster(3);
    const { kv, node } = await cluster.start(1n);
    const waiting = Array.from({ length: LIMITS.proposalsMax }, () => codeOf(kv.put(put('k', 'v'))));
    expect(await codeOf(kv.put(put('k', 'v')))).toBe('TOO_MANY_REQUESTS');
    const reading = Array.from({ length: LIMITS.readsMax }, () => codeOf(kv.range(get('k'))));
    expect(await codeOf(kv.range(get('k')))).toBe('TOO_MANY_REQUESTS');
    await cluster.clock.advance(node.requestTimeoutMs + 20);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['DEADLINE_EXCEEDED']));
    expect(new Set(await Promise.all(reading))).toEqual(new Set(['TIMEOUT']));
    await cluster.start(2n);
    await cluster.untilLeader();
    expect(await cluster.run(codeOf(kv.put(put('k', 'v'))))).toBeUndefined();
  });

  it('bytes beyond what may be uncommitted with a refusal', async () => {
    cluster = new NodeCluster(1, { raft: { uncommittedBytesMax: 40_000 } });
    await cluster.startAll();
    const leader = await cluster.untilLeader();
    const release = stick(leader);
    // Each too large to share an entry with another one.
    const codes = Array.from({ length: 5 }, () => codeOf(leader.kv.put(put('k', 'v'.repeat(15_000)))));
    await cluster.clock.advance(50);
    release();
    expect(await cluster.run(Promise.all(codes))).toEqual([
      undefined,
      undefined,
      'TOO_MANY_REQUESTS',
      'TOO_MANY_REQUESTS',
      'TOO_MANY_REQUESTS',
    ]);
  });
});

describe('a request that its client gives up', () => {
  it('is canceled as long as nobody has taken it', async () => {
    cluster = new NodeCluster(3);
    const { kv } = await cluster.start(1n);
    const gone = new AbortController();
    const code = codeOf(kv.put(put('k', 'v'), { signal: gone.signal }));
    await cluster.clock.advance(20);
    gone.abort();
    expect(await cluster.run(code)).toBe('CANCELED');
  });

  it('may still happen once it is in the log', async () => {
    const leader = await single();
    const release = stick(leader);
    const gone = new AbortController();
    const code = codeOf(leader.kv.put(put('k', 'v'), { signal: gone.signal }));
    await cluster.clock.advance(20);
    gone.abort();
    expect(await cluster.run(code)).toBe('OUTCOME_UNKNOWN');
    release();
    const { kvs } = await cluster.run(leader.kv.range(get('k')));
    expect(kvs).toHaveLength(1);
  });

  it('before it is made, is not made', async () => {
    const { kv } = await single();
    expect(await cluster.run(codeOf(kv.put(put('k', 'v'), { signal: AbortSignal.abort() })))).toBe('CANCELED');
    const { count } = await cluster.run(kv.range(get('k')));
    expect(count).toBe(0);
  });
});

describe('a deadline', () => {
  it('also holds for a read of history that the disk does not give', async () => {
    const leader = await single();
    await writeSome(leader, 12);
    const release = stick(leader);
    const { kv, node } = leader;
    // Something is on its way to the disk, and the read has to wait for it.
    const write = codeOf(kv.put(put('x', 'y')));
    await cluster.clock.settle();
    const read = kv.range(get('k1', { revision: 4, serializable: true }), { deadline: cluster.clock.now() + 300 });
    expect(await cluster.run(codeOf(read), 400)).toBe('TIMEOUT');
    const hash = kv.hashKv(0, { deadline: cluster.clock.now() + 300 });
    expect(await cluster.run(codeOf(hash), 400)).toBe('TIMEOUT');
    release();
    await cluster.run(write);
    await cluster.untilLeader();
    expect(await cluster.run(codeOf(kv.range(get('k1', { revision: 4 }))))).toBeUndefined();
    expect(node.machine.pin({ main: 4, sub: 0 }).release()).toBeUndefined();
  });

  it('holds for a physical compaction that does not get done', async () => {
    const leader = await single();
    await writeSome(leader, 12);
    const pin = leader.node.machine.pin({ main: 2, sub: 0 });
    const work = leader.kv.compact(compact(10), true, { deadline: cluster.clock.now() + 300 });
    expect(await cluster.run(codeOf(work), 400)).toBe('OUTCOME_UNKNOWN');
    pin.release();
  });
});

describe('a physical compaction', () => {
  it('is answered when the old revisions are gone from the disk, also under a load that never pauses', async () => {
    const leader = await single();
    await writeSome(leader, 40);
    cluster.probe(1n).beforeSync = () => new Promise((resolve) => cluster.clock.setTimer(resolve, 3));
    let isOver = false;
    const writes: Promise<unknown>[] = [];
    // A write every millisecond, whatever becomes of the ones before: something always waits behind what is written.
    const load = (): void => {
      if (isOver) return;
      writes.push(leader.kv.put(put('load', 'x')));
      cluster.clock.setTimer(load, 1);
    };
    load();
    await cluster.clock.advance(50);
    await cluster.run(leader.kv.compact(compact(41), true), 1000);
    isOver = true;
    await cluster.run(Promise.all(writes));
    const old = Array.from({ length: 30 }, (_, i) => ({ main: i + 2, sub: 0 }));
    expect(await cluster.run(leader.store.readRevisions(old))).toEqual(old.map(() => undefined));
  });

  it('is not said to be done by a member that stops', async () => {
    const leader = await single();
    await writeSome(leader, 12);
    const pin = leader.node.machine.pin({ main: 2, sub: 0 });
    const code = codeOf(leader.kv.compact(compact(10), true));
    await cluster.clock.advance(20);
    await cluster.stop(1n);
    expect(await code).toBe('OUTCOME_UNKNOWN');
    pin.release();
  });
});

describe('while a snapshot becomes the state', () => {
  /** A member cut off, then brought back by a snapshot of a compacted state; its rebuild waits for the answer. */
  async function reloading(): Promise<{ leader: RunningMember; reloaded: RunningMember; finish: () => void }> {
    cluster = new NodeCluster(3, { snapshotCount: 20, snapshotCatchUpEntries: 5 });
    await cluster.startAll();
    const leader = await cluster.untilLeader();
    await writeSome(leader, 25);
    await cluster.quiet();
    const [reloaded] = cluster.followers();
    if (reloaded === undefined) throw new Error('no follower');
    cluster.isolate(reloaded.node.id);
    await cluster.clock.advance(2500);
    await writeSome(leader, 60);
    await cluster.run(leader.kv.compact(compact(80), true));
    const held = createDeferred<void>();
    cluster.onRebuild = () => held.promise;
    cluster.heal();
    await cluster.until(() => !reloaded.node.isServing);
    await cluster.clock.advance(50);
    return { leader, reloaded, finish: () => held.resolve() };
  }

  it('no hash is made of the old state and the new records', async () => {
    const { leader, reloaded, finish } = await reloading();
    expect(await cluster.run(codeOf(reloaded.kv.hashKv(0)))).toBe('LEADER_CHANGED');
    finish();
    await cluster.quiet();
    const [mine, theirs] = [await cluster.run(reloaded.kv.hashKv(0)), await cluster.run(leader.kv.hashKv(0))];
    expect(mine.hash).toBe(theirs.hash);
  });

  it('reads of any kind wait, and see the new state', async () => {
    const { reloaded, finish } = await reloading();
    const reads = [true, false].map((serializable) => reloaded.kv.range(get('k1', { serializable })));
    const all = Promise.all(reads);
    let isAnswered = false;
    void all.then(() => {
      isAnswered = true;
    });
    await cluster.clock.advance(500);
    expect(isAnswered).toBe(false);
    finish();
    for (const { kvs } of await cluster.run(all)) expect(kvs.map(({ value }) => value)).toEqual(['v51']);
  });

  it('the member is not ready, and says so when it is again', async () => {
    const { leader, reloaded, finish } = await reloading();
    const told: boolean[] = [];
    reloaded.kv.onReadyChange((isReady) => told.push(isReady));
    expect(reloaded.kv.isReady).toBe(false);
    // Its leader changes meanwhile: the last word must be the right one all the same.
    await cluster.stop(leader.node.id);
    await cluster.untilLeader();
    await cluster.clock.advance(200);
    finish();
    await cluster.until(() => reloaded.kv.isReady);
    expect(told.at(-1)).toBe(true);
    await cluster.quiet();
  });
});

describe('a bug of ours in the middle of an answer', () => {
  it('stops the member, and nobody waits in vain', async () => {
    const leader = await single();
    const { kv, node } = leader;
    await writeSome(leader, 3);
    node.machine.openRange = () => {
      throw new Error('a bug');
    };
    const reads = Array.from({ length: 3 }, () => codeOf(kv.range(get('k1'))));
    const write = codeOf(kv.txn(txn({ success: [put('x', 'y'), get('x')] })));
    expect(await cluster.run(Promise.all(reads))).toEqual(['OUTCOME_UNKNOWN', 'STOPPED', 'STOPPED']);
    expect(await cluster.run(write)).toBe('OUTCOME_UNKNOWN');
    expect(cluster.fatals.splice(0)).toMatchObject([{ cause: 'invariant' }]);
    expect(node.queues()).toMatchObject({ proposals: 0, reads: 0 });
    await cluster.stop(1n);
  });
});

describe('a member that stops', () => {
  it('refuses what it is in the middle of, and everything from then on', async () => {
    const leader = await single();
    await writeSome(leader, 12);
    const release = stick(leader);
    const write = codeOf(leader.kv.put(put('x', 'y')));
    await cluster.clock.settle();
    const read = codeOf(leader.kv.range(get('k1', { revision: 4, serializable: true })));
    const stopped = leader.node.stop();
    await cluster.clock.advance(1100);
    release();
    await cluster.run(stopped);
    expect(['STOPPED', 'LEADER_CHANGED']).toContain(await read);
    expect(await write).toBe('OUTCOME_UNKNOWN');
    expect(await codeOf(leader.kv.put(put('k', 'v')))).toBe('STOPPED');
    expect(await codeOf(leader.kv.range(getAll({ serializable: true })))).toBe('STOPPED');
    expect(await codeOf(leader.kv.hashKv(0))).toBe('STOPPED');
    expect(await codeOf(leader.kv.status())).toBe('STOPPED');
    expect(await codeOf(leader.kv.members(true))).toBe('STOPPED');
    expect(leader.kv.isReady).toBe(false);
  });
});
