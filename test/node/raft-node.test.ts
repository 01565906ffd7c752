import { afterEach, describe, expect, it } from 'vitest';
import { createDeferred } from '../../server/lib/deferred.js';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { LIMITS } from '../../server/node/limits.js';
import { type ClusterOptions, NodeCluster, type RunningMember } from './node-cluster.js';
import { compact, get, getAll, put, txn } from './requests.js';

let cluster: NodeCluster;
afterEach(() => expect(cluster.fatals).toEqual([]));

interface Three {
  readonly leader: RunningMember;
  readonly one: RunningMember;
  readonly other: RunningMember;
}

async function three(options: ClusterOptions = {}): Promise<Three> {
  cluster = new NodeCluster(3, options);
  await cluster.startAll();
  const leader = await cluster.untilLeader();
  await cluster.quiet();
  const [one, other] = cluster.followers();
  if (one === undefined || other === undefined) throw new Error('no followers');
  return { leader, one, other };
}

function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => (error instanceof QuorateError ? error.code : String(error)),
  );
}

async function versionOf(member: RunningMember, key: string): Promise<number> {
  const { kvs } = await cluster.run(member.kv.range(get(key)));
  return kvs[0]?.version ?? 0;
}

/** How often a waiter was told, and what: each must be told exactly once. */
function proposeCounted(member: RunningMember, key: string): { readonly answers: readonly string[] } {
  const answers: string[] = [];
  member.node.propose(put(key, 'v'), cluster.clock.now() + 7000, {
    applied: () => void answers.push('applied'),
    failed: ({ code }) => void answers.push(code),
  });
  return { answers };
}

describe('a cluster of members', () => {
  it('elects a leader, and any member takes writes and reads', async () => {
    await three();
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
  });

  it('keeps acknowledged writes when every member loses power at once', async () => {
    await three();
    for (let i = 0; i < 20; i += 1) await cluster.run(cluster.member(1n).kv.put(put(`k${i}`, `v${i}`)));
    for (const id of cluster.ids) cluster.crash(id);
    await cluster.startAll();
    await cluster.untilLeader();
    for (let i = 0; i < 20; i += 1) {
      const { kvs } = await cluster.run(cluster.member(2n).kv.range(get(`k${i}`)));
      expect(kvs[0]?.value).toBe(`v${i}`);
    }
  });

  it('applies each entry once over any number of restarts, those that were refused too', async () => {
    cluster = new NodeCluster(1);
    await cluster.start(1n);
    let leader = await cluster.untilLeader();
    for (let life = 1; life <= 5; life += 1) {
      await cluster.run(leader.kv.put(put('k', `${life}`)));
      expect(await cluster.run(codeOf(leader.kv.put(put('', 'x'))))).toBe('EMPTY_KEY');
      expect(await cluster.run(codeOf(leader.kv.compact(compact(1000), false)))).toBe('FUTURE_REVISION');
      const { appliedIndex } = leader.node.status();
      if (life % 2 === 0) await cluster.stop(1n);
      else cluster.crash(1n);
      await cluster.start(1n);
      leader = await cluster.untilLeader();
      await cluster.quiet();
      // The entry that the new leader begins with, and nothing else.
      expect(leader.node.status().appliedIndex).toBe(appliedIndex + 1);
      expect(await versionOf(leader, 'k')).toBe(life);
      expect(leader.node.machine.revision).toBe(life + 1);
    }
  });

  it('comes back with more history than is read in one slice', async () => {
    cluster = new NodeCluster(1);
    await cluster.start(1n);
    const leader = await cluster.untilLeader();
    const requests = Math.ceil((2.5 * LIMITS.rebuildSliceRecords) / 128);
    for (let i = 0; i < requests; i += 1) {
      const success = Array.from({ length: 128 }, (_, op) => put(`k${op}`, `${i}`));
      await cluster.run(leader.kv.txn(txn({ success })));
    }
    const before = await cluster.run(leader.kv.hashKv(0));
    cluster.crash(1n);
    await cluster.start(1n);
    const again = await cluster.untilLeader();
    await cluster.quiet();
    expect(await cluster.run(again.kv.hashKv(0))).toMatchObject({ hash: before.hash, hashRevision: requests + 1 });
    expect(await versionOf(again, 'k0')).toBe(requests);
  });

  it('applies a burst that is larger than what may wait for the disk', async () => {
    cluster = new NodeCluster(1);
    await cluster.start(1n);
    const leader = await cluster.untilLeader();
    const held = createDeferred<void>();
    cluster.probe(1n).beforeWrite = () => held.promise;
    const ops = 128;
    const count = Math.ceil(LIMITS.pendingWritesMax / ops) + 50;
    const first = leader.kv.put(put('first', 'v'));
    await cluster.clock.settle();
    const writes = Array.from({ length: count }, (_, i) => {
      return leader.kv.txn(txn({ success: Array.from({ length: ops }, (_, op) => put(`k${op}`, `${i}`)) }));
    });
    await cluster.clock.settle();
    cluster.probe(1n).beforeWrite = () => undefined;
    held.resolve();
    await cluster.run(first);
    await cluster.run(Promise.all(writes));
    expect(leader.node.machine.revision).toBe(count + 2);
    cluster.crash(1n);
    await cluster.start(1n);
    const again = await cluster.untilLeader();
    expect(await versionOf(again, 'k7')).toBe(count);
  });
});

describe('requests under way when the leader changes', () => {
  it('in the log of a leader that is cut off are dropped as soon as it hears of the next one', async () => {
    const { leader, one } = await three();
    cluster.isolate(leader.node.id);
    const lost = Array.from({ length: 10 }, (_, i) => proposeCounted(leader, `lost${i}`));
    await cluster.until(() => cluster.leader() !== leader);
    await cluster.run(one.kv.put(put('next', 'v')));
    cluster.heal();
    const before = cluster.clock.now();
    await cluster.quiet();
    expect(cluster.clock.now() - before).toBeLessThan(1000);
    expect(lost.map(({ answers }) => answers)).toEqual(lost.map(() => ['PROPOSAL_DROPPED']));
    for (let i = 0; i < 10; i += 1) expect(await versionOf(one, `lost${i}`)).toBe(0);
  });

  it('in the log of a leader that others have are applied, and answered so by the one that proposed them', async () => {
    const { leader, one } = await three();
    // Its followers get everything and their answers are lost: nothing is committed.
    for (const { node } of cluster.followers()) cluster.cutOneWay(node.id, leader.node.id);
    const kept = Array.from({ length: 10 }, (_, i) => proposeCounted(leader, `kept${i}`));
    await cluster.until(() => cluster.leader() !== leader && cluster.leader() !== undefined);
    cluster.heal();
    await cluster.quiet();
    expect(kept.map(({ answers }) => answers)).toEqual(kept.map(() => ['applied']));
    for (let i = 0; i < 10; i += 1) expect(await versionOf(one, `kept${i}`)).toBe(1);
  });

  it('forwarded to a leader that dies are tried again with the next one, without the client noticing', async () => {
    const { leader, one, other } = await three();
    cluster.crash(leader.node.id);
    const forwarded = [one, other].flatMap((member) =>
      Array.from({ length: 10 }, (_, i) => ({
        key: `${member.node.id}/${i}`,
        ...proposeCounted(member, `${member.node.id}/${i}`),
      })),
    );
    await cluster.clock.advance(50);
    await cluster.until(() => forwarded.every(({ answers }) => answers.length > 0), 5000);
    expect(forwarded.map(({ answers }) => answers)).toEqual(forwarded.map(() => ['applied']));
    for (const { key } of forwarded) expect(await versionOf(one, key)).toBe(1);
  });

  it('forwarded to a leader that dies right after it appended them are applied once', async () => {
    const { leader, one } = await three();
    const forwarded = Array.from({ length: 10 }, (_, i) => proposeCounted(one, `f${i}`));
    // The forward has arrived and its entries are on their way; whatever the leader would say of it is lost.
    cluster.network = ({ from, message }) => (from === leader.node.id && message.kind === 'forwardResult' ? [] : [1]);
    await cluster.clock.advance(2);
    cluster.crash(leader.node.id);
    await cluster.until(() => forwarded.every(({ answers }) => answers.length > 0), 5000);
    expect(forwarded.map(({ answers }) => answers)).toEqual(forwarded.map(() => ['applied']));
    for (let i = 0; i < 10; i += 1) expect(await versionOf(one, `f${i}`)).toBe(1);
  });

  it('forwarded and lost on the way are sent again, once they get no answer', async () => {
    const { one } = await three();
    let lost = 0;
    cluster.network = ({ message }) => {
      if (message.kind !== 'forward' || lost === 3) return [1];
      lost += 1;
      return [];
    };
    const before = cluster.clock.now();
    const { answers } = proposeCounted(one, 'k');
    await cluster.until(() => answers.length > 0, 5000);
    expect([lost, answers]).toEqual([3, ['applied']]);
    expect(cluster.clock.now() - before).toBeLessThan(2000);
    expect(await versionOf(one, 'k')).toBe(1);
  });

  it('forwarded, doubled and delayed over several leaders are applied once', async () => {
    const { one } = await three();
    // Each forward comes three times: at once, a little later and long after its term is over.
    cluster.network = ({ message }) => (message.kind === 'forward' ? [1, 30, 4000] : [1]);
    const forwarded = Array.from({ length: 30 }, (_, i) => ({ key: `f${i}` }));
    for (const [i, { key }] of forwarded.entries()) {
      const follower = cluster.followers()[i % 2] ?? one;
      await cluster.run(follower.kv.put(put(key, 'v')));
      if (i % 10 === 9) await cluster.run(cluster.leader()?.node.handOver() ?? Promise.reject());
    }
    await cluster.clock.advance(5000);
    for (const { key } of forwarded) expect(await versionOf(one, key)).toBe(1);
  });

  it('that nobody can decide end at their deadline, each with what is known', async () => {
    const { leader, one, other } = await three();
    cluster.crash(one.node.id);
    cluster.crash(other.node.id);
    const placed = proposeCounted(leader, 'placed');
    await cluster.clock.advance(2000);
    const waiting = proposeCounted(leader, 'waiting');
    const read = codeOf(leader.kv.range(get('placed')));
    await cluster.clock.advance(7100);
    expect([placed.answers, waiting.answers]).toEqual([['OUTCOME_UNKNOWN'], ['DEADLINE_EXCEEDED']]);
    expect(await read).toBe('TIMEOUT');
    // What does not need the others is still there.
    expect(await cluster.run(codeOf(leader.kv.range(getAll({ serializable: true }))))).toBeUndefined();
    expect(leader.node.queues()).toEqual({ proposals: 0, reads: 0, leases: 0, writes: 0 });
  });
});

describe('a linearizable read', () => {
  it('that comes during the round of another one is asked as soon as that is answered, not with the next tick', async () => {
    cluster = new NodeCluster(3);
    await cluster.startAll();
    await cluster.untilLeader();
    await cluster.quiet();
    const [follower] = cluster.followers();
    if (follower === undefined) throw new Error('no follower');
    const startedAt = cluster.clock.now();
    const answeredAfter: number[] = [];
    const read = (): void =>
      follower.node.read({
        deadline: Infinity,
        ready: () => void answeredAfter.push(cluster.clock.now() - startedAt),
        failed: () => void answeredAfter.push(Infinity),
      });
    read();
    await cluster.clock.advance(1);
    read();
    await cluster.clock.advance(100);
    const [first = 0, second] = answeredAfter;
    // Messages take the same time on all links.
    expect(first).toBeGreaterThan(1);
    expect(second).toBe(2 * first);
  });

  it('is never answered by a leader that is cut off, though it does not know yet', async () => {
    const { leader, one } = await three();
    await cluster.run(leader.kv.put(put('k', 'old')));
    cluster.isolate(leader.node.id);
    const answers: (string | undefined)[] = [];
    const read = (): void => {
      leader.kv.range(get('k')).then(
        ({ kvs }) => void answers.push(kvs[0]?.value),
        () => undefined,
      );
    };
    for (let i = 0; i < 20; i += 1) {
      read();
      await cluster.clock.advance(40);
    }
    expect(leader.node.status().role).toBe('leader');
    await cluster.until(() => cluster.leader() !== leader && cluster.leader() !== undefined);
    await cluster.run(one.kv.put(put('k', 'new')));
    for (let i = 0; i < 20; i += 1) {
      read();
      await cluster.clock.advance(40);
    }
    expect(answers).toEqual([]);
    cluster.heal();
    await cluster.clock.advance(1500);
    // Those that had time left are answered by asking the new leader.
    expect(answers.length).toBeGreaterThan(20);
    expect(new Set(answers)).toEqual(new Set(['new']));
  });

  it('is never answered by a leader that was paused while another one took over', async () => {
    const { leader, one } = await three();
    await cluster.run(leader.kv.put(put('k', 'old')));
    // The question is asked and its answers wait at the door when the process stands still.
    const read = leader.kv.range(get('k'));
    cluster.pause(leader.node.id);
    await cluster.until(() => cluster.leader() !== leader && cluster.leader() !== undefined);
    await cluster.run(one.kv.put(put('k', 'new')));
    cluster.resume(leader.node.id);
    const late = leader.kv.range(get('k'));
    const [first, second] = await cluster.run(Promise.all([read, late]));
    // The first was asked before the new value was written: either answer is right. The second was not.
    expect(['old', 'new']).toContain(first?.kvs[0]?.value);
    expect(second?.kvs[0]?.value).toBe('new');
  });

  it('at a follower waits until that follower has applied what was acknowledged elsewhere', async () => {
    const { leader, one } = await three();
    const held = createDeferred<void>();
    cluster.probe(one.node.id).beforeWrite = () => held.promise;
    await cluster.run(leader.kv.put(put('k', 'v')));
    let isAnswered = false;
    const read = one.kv.range(get('k')).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await cluster.clock.advance(400);
    expect(isAnswered).toBe(false);
    const local = await one.kv.range(get('k', { serializable: true }));
    expect(local.kvs).toEqual([]);
    held.resolve();
    const { kvs } = await cluster.run(read);
    expect(kvs[0]?.value).toBe('v');
  });

  it('in great numbers costs few rounds', async () => {
    const { one } = await three();
    let questions = 0;
    cluster.network = ({ message }) => {
      if (message.kind === 'raft' && message.message.type === 'readIndexRequest') questions += 1;
      return [1];
    };
    const reads = Array.from({ length: 5000 }, () => one.kv.range(get('k')));
    await cluster.run(Promise.all(reads));
    expect(questions).toBe(1);
  });
});

describe('the log', () => {
  it('is kept for a follower that is slow but on its way: it never needs a snapshot', async () => {
    const { leader, one } = await three({ snapshotCount: 20, snapshotCatchUpEntries: 2 });
    let rebuilds = 0;
    cluster.onRebuild = () => {
      rebuilds += 1;
    };
    cluster.probe(one.node.id).beforeSync = () => new Promise((resolve) => cluster.clock.setTimer(resolve, 300));
    for (let i = 0; i < 300; i += 1) await cluster.run(leader.kv.put(put(`k${i % 5}`, `${i}`)));
    await cluster.quiet();
    expect(rebuilds).toBe(0);
    expect(leader.node.status().startIndex).toBeGreaterThan(100);
    expect(one.node.status().startIndex).toBeGreaterThan(100);
  });

  it('is left behind by a follower that is gone, which comes back by snapshot', async () => {
    const { leader, one } = await three({ snapshotCount: 20, snapshotCatchUpEntries: 5 });
    cluster.crash(one.node.id);
    await cluster.clock.advance(2500);
    for (let i = 0; i < 100; i += 1) await cluster.run(leader.kv.put(put(`k${i % 10}`, `v${i}`)));
    expect(leader.node.status().startIndex).toBeGreaterThan(50);
    const back = await cluster.start(one.node.id);
    await cluster.quiet();
    expect(back.node.status().startIndex).toBeGreaterThan(50);
    const hashes = [await cluster.run(back.kv.hashKv(0)), await cluster.run(leader.kv.hashKv(0))];
    expect(hashes[0]?.hash).toBe(hashes[1]?.hash);
  });
});

describe('a member that stood still', () => {
  it('makes up for a few ticks only, and hears what came meanwhile before it campaigns', async () => {
    const { leader, one } = await three();
    const { term } = leader.node;
    cluster.pause(one.node.id);
    await cluster.clock.advance(10_000);
    cluster.resume(one.node.id);
    await cluster.clock.advance(3000);
    expect(leader.node.status()).toMatchObject({ role: 'leader', term });
    await cluster.run(one.kv.put(put('k', 'v')));
  });

  it('as leader finds that another one leads, and follows it', async () => {
    const { leader, one } = await three();
    cluster.pause(leader.node.id);
    await cluster.clock.advance(4000);
    await cluster.run(one.kv.put(put('k', 'v')));
    cluster.resume(leader.node.id);
    await cluster.quiet();
    expect(leader.node.status().role).toBe('follower');
    expect(await versionOf(leader, 'k')).toBe(1);
  });
});
