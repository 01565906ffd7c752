/** Leases on whole members: the time they live, who counts it, and what leader changes and lost messages do to it. */
import { afterEach, describe, expect, it } from 'vitest';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { LIMITS } from '../../server/node/limits.js';
import { type ClusterOptions, NodeCluster, type RunningMember } from './node-cluster.js';
import { get, put } from './requests.js';

/** How late a lease may end when nothing is in the way. */
const LATE_MS = 100;

let cluster: NodeCluster;
afterEach(() => expect(cluster.fatals).toEqual([]));

async function start(members: number, options: ClusterOptions = {}): Promise<RunningMember> {
  cluster = new NodeCluster(members, options);
  await cluster.startAll();
  const leader = await cluster.untilLeader();
  await cluster.quiet();
  return leader;
}

function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => (error instanceof QuorateError ? error.code : `not a QuorateError: ${String(error)}`),
  );
}

function follower(): RunningMember {
  const [member] = cluster.followers();
  if (member === undefined) throw new Error('no follower');
  return member;
}

/** A lease with one key of the name 'k<id>'. */
async function granted(member: RunningMember, id: bigint, ttl: bigint): Promise<void> {
  await cluster.run(member.leases.grant({ id, ttl }));
  await cluster.run(member.kv.put(put(`k${id}`, '', { lease: id })));
}

function exists(member: RunningMember, id: bigint): boolean {
  return member.node.machine.leases.get(id) !== undefined;
}

/** The virtual time at which no running member has the lease any more. */
async function endOf(id: bigint, maxMs = 60_000): Promise<number> {
  await cluster.until(() => cluster.running.every((member) => !exists(member, id)), maxMs);
  return cluster.clock.now();
}

async function newLeader(old: RunningMember): Promise<RunningMember> {
  await cluster.until(() => {
    const leader = cluster.leader();
    return leader !== undefined && leader.node.id !== old.node.id && leader.node.leaseDeadline(1n) !== undefined;
  });
  return cluster.leader() ?? old;
}

describe('what is left of a lease', () => {
  it('is told together with its own keys, not with those of the next lease of its id', async () => {
    const leader = await start(1);
    await granted(leader, 1n, 60n);
    const ask = leader.node.askLease.bind(leader.node);
    let asked = 0;
    leader.node.askLease = (question, deadline, waiter) =>
      ask(question, deadline, {
        ...waiter,
        answered: (time) => {
          asked += 1;
          if (asked > 1) waiter.answered(time);
          else {
            void leader.leases
              .revoke(1n)
              .then(() => leader.leases.grant({ id: 1n, ttl: 30n }))
              .then(() => waiter.answered(time));
          }
        },
      });
    const answer = await cluster.run(leader.leases.timeToLive({ id: 1n, keys: true }));
    expect(answer).toMatchObject({ grantedTtl: 30n, keys: [] });
    expect(asked).toBe(2);
  });
});

describe('a grant', () => {
  it.each([
    ['as asked', { id: 7n, ttl: 60n }, { id: 7n, ttl: 60n }],
    ['with a negative id', { id: -7n, ttl: 60n }, { id: -7n, ttl: 60n }],
    ['for too short', { id: 7n, ttl: 1n }, { id: 7n, ttl: 2n }],
    ['for nothing', { id: 7n, ttl: 0n }, { id: 7n, ttl: 2n }],
    ['for less than nothing', { id: 7n, ttl: -(2n ** 63n) }, { id: 7n, ttl: 2n }],
    ['for as long as can be', { id: 7n, ttl: 9_000_000_000n }, { id: 7n, ttl: 9_000_000_000n }],
  ])('%s', async (_, request, answer) => {
    const leader = await start(1);
    expect(await cluster.run(leader.leases.grant(request))).toMatchObject({ ...answer, header: { revision: 1 } });
  });

  it('is refused for longer, and for an id in use', async () => {
    const leader = await start(1);
    expect(await codeOf(leader.leases.grant({ id: 0n, ttl: 9_000_000_001n }))).toBe('LEASE_TTL_TOO_LARGE');
    await granted(leader, 7n, 60n);
    expect(await cluster.run(codeOf(leader.leases.grant({ id: 7n, ttl: 60n })))).toBe('LEASE_EXISTS');
  });

  it('without an id gets a positive one, another each time', async () => {
    const leader = await start(3);
    const ids = new Set<bigint>();
    for (let i = 0; i < 20; i += 1) ids.add((await cluster.run(follower().leases.grant({ id: 0n, ttl: 60n }))).id);
    expect(ids.size).toBe(20);
    expect([...ids].every((id) => id > 0n && id < 2n ** 63n)).toBe(true);
    const { ids: listed } = await cluster.run(leader.leases.leases());
    expect(new Set(listed)).toEqual(ids);
  });
});

describe('a lease that nobody renews', () => {
  it('ends when its time is over, not before, with its keys, on every member', async () => {
    const leader = await start(3);
    const from = cluster.clock.now();
    await granted(leader, 1n, 3n);
    const end = await endOf(1n);
    expect(end - from).toBeGreaterThanOrEqual(3000);
    expect(end - from).toBeLessThan(3000 + LATE_MS);
    expect((await cluster.run(leader.kv.range(get('k1')))).kvs).toEqual([]);
    expect(await cluster.run(leader.leases.keepAlive(1n))).toMatchObject({ id: 1n, ttl: 0n });
    expect(await cluster.run(leader.leases.timeToLive({ id: 1n, keys: true }))).toMatchObject({
      ttl: -1n,
      grantedTtl: 0n,
      keys: [],
    });
    expect(await cluster.run(codeOf(leader.leases.revoke(1n)))).toBe('LEASE_NOT_FOUND');
  });

  it('tells on every member what is left of it', async () => {
    const leader = await start(3);
    await granted(leader, 1n, 100n);
    await cluster.run(leader.kv.put(put('another', '', { lease: 1n })));
    await cluster.clock.advance(10_500);
    for (const member of cluster.running) {
      const answer = await cluster.run(member.leases.timeToLive({ id: 1n, keys: true }));
      expect(answer).toMatchObject({ ttl: 89n, grantedTtl: 100n, keys: ['another', 'k1'] });
      expect((await cluster.run(member.leases.timeToLive({ id: 1n, keys: false }))).keys).toEqual([]);
    }
  });

  it('is listed after those that end sooner', async () => {
    const leader = await start(1);
    for (const [id, ttl] of [
      [1n, 50n],
      [2n, 30n],
      [3n, 40n],
    ] as const)
      await granted(leader, id, ttl);
    await cluster.clock.advance(20_000);
    await cluster.run(leader.leases.keepAlive(2n));
    expect((await cluster.run(leader.leases.leases())).ids).toEqual([3n, 1n, 2n]);
  });
});

describe('a renewal', () => {
  it('through any member keeps the lease, and writes nothing to the log', async () => {
    const leader = await start(3);
    await granted(leader, 1n, 3n);
    await cluster.quiet();
    const { lastIndex } = leader.node.status();
    let last = 0;
    for (let round = 0; round < 10; round += 1) {
      const member = cluster.running[round % 3] ?? leader;
      last = cluster.clock.now();
      expect(await cluster.run(member.leases.keepAlive(1n))).toMatchObject({ id: 1n, ttl: 3n });
      await cluster.clock.advance(2500);
    }
    expect(leader.node.status().lastIndex).toBe(lastIndex);
    const end = await endOf(1n);
    expect(end - last).toBeGreaterThanOrEqual(3000);
    expect(end - last).toBeLessThan(3000 + LATE_MS);
  });

  it('of a lease that is not there says so, on every member', async () => {
    await start(3);
    for (const member of cluster.running) {
      for (const id of [0n, 5n, -1n]) {
        expect(await cluster.run(member.leases.keepAlive(id))).toMatchObject({ id, ttl: 0n });
      }
    }
  });

  it('is asked again when it is lost, or its answer is', async () => {
    const leader = await start(3);
    await granted(leader, 1n, 30n);
    for (const kind of ['leaseQuestions', 'leaseAnswers']) {
      let lost = 0;
      cluster.network = ({ message }) => (message.kind === kind && (lost += 1) <= 2 ? [] : [1]);
      expect(await cluster.run(follower().leases.keepAlive(1n))).toMatchObject({ ttl: 30n });
      expect(lost).toBeGreaterThan(2);
    }
  });

  it('ends with NO_LEADER where there is none', async () => {
    const leader = await start(3);
    const alone = follower();
    await granted(leader, 1n, 30n);
    cluster.isolate(alone.node.id);
    await cluster.clock.advance(3000);
    const asked = cluster.clock.now();
    expect(await cluster.run(codeOf(alone.leases.keepAlive(1n)))).toBe('NO_LEADER');
    expect(cluster.clock.now() - asked).toBeGreaterThanOrEqual(7000);
    expect(cluster.clock.now() - asked).toBeLessThan(7200);
    expect(alone.node.queues().leases).toBe(0);
  });

  it('of a lease that is about to be ended waits, and is then told that it is gone', async () => {
    const leader = await start(3);
    await granted(leader, 1n, 3n);
    await cluster.clock.advance(2900);
    // The expiry cannot be committed, and leadership can still be confirmed.
    cluster.network = ({ message }) => {
      const holdsBack = message.kind === 'raft' && message.message.type === 'appendRequest';
      return holdsBack && message.message.entries.length > 0 ? [] : [1];
    };
    await cluster.clock.advance(200);
    const answers: bigint[] = [];
    const renewal = follower()
      .leases.keepAlive(1n)
      .then(({ ttl }) => answers.push(ttl));
    const left = await cluster.run(follower().leases.timeToLive({ id: 1n, keys: false }));
    expect(left).toMatchObject({ ttl: 0n, grantedTtl: 3n });
    await cluster.clock.advance(300);
    expect(answers).toEqual([]);
    cluster.network = () => [1];
    await cluster.run(renewal);
    expect(answers).toEqual([0n]);
  });
});

describe('a leader change', () => {
  it('shortens no lease, and makes it longer by no more than its own time', async () => {
    const leader = await start(3);
    await granted(leader, 1n, 5n);
    await cluster.clock.advance(3000);
    const renewedAt = cluster.clock.now();
    await cluster.run(leader.leases.keepAlive(1n));
    await cluster.clock.advance(1000);
    cluster.crash(leader.node.id);
    await newLeader(leader);
    const office = cluster.clock.now();
    const end = await endOf(1n);
    expect(end - renewedAt).toBeGreaterThanOrEqual(5000);
    expect(end - office).toBeGreaterThanOrEqual(4990);
    expect(end - office).toBeLessThan(5000 + LATE_MS);
  });

  it('begins to count when the new leader has applied an entry of its own term, not before', async () => {
    const leader = await start(3);
    await granted(leader, 1n, 3n);
    await cluster.quiet();
    cluster.crash(leader.node.id);
    // It is elected, and cannot commit anything.
    cluster.network = ({ message }) => {
      const holdsBack = message.kind === 'raft' && message.message.type === 'appendRequest';
      return holdsBack && message.message.entries.length > 0 ? [] : [1];
    };
    await cluster.until(() => cluster.leader() !== undefined);
    const next = cluster.leader() ?? leader;
    const renewal = next.leases.keepAlive(1n);
    await cluster.clock.advance(4000);
    expect(next.node.status().role).toBe('leader');
    expect(next.node.leaseDeadline(1n)).toBe(undefined);
    cluster.network = () => [1];
    expect(await cluster.run(renewal)).toMatchObject({ ttl: 3n });
  });

  it('does not keep a lease alive for ever: what is left of a long one is noted', async () => {
    let leader = await start(3, { leaseCheckpointMs: 1000 });
    const from = cluster.clock.now();
    await granted(leader, 1n, 20n);
    let changes = 0;
    while (exists(leader, 1n) && cluster.clock.now() - from < 60_000) {
      await cluster.clock.advance(2500);
      const [to] = cluster.followers();
      if (to === undefined || !leader.node.transferLeadership(to.node.id)) continue;
      changes += 1;
      const old = leader;
      await cluster.until(() => cluster.leader()?.node.id !== old.node.id && cluster.leader() !== undefined);
      leader = cluster.leader() ?? old;
    }
    const life = (await endOf(1n)) - from;
    expect(changes).toBeGreaterThan(5);
    expect(life).toBeGreaterThanOrEqual(20_000);
    expect(life).toBeLessThan(45_000);
  });

  it('right after a renewal leaves the full time, whatever was noted before', async () => {
    const leader = await start(3, { leaseCheckpointMs: 1000 });
    await granted(leader, 1n, 10n);
    await cluster.clock.advance(6000);
    expect(leader.node.machine.leases.get(1n)?.remainingMs).toBeGreaterThan(0);
    const renewedAt = cluster.clock.now();
    expect(await cluster.run(follower().leases.keepAlive(1n))).toMatchObject({ ttl: 10n });
    expect(leader.node.machine.leases.get(1n)?.remainingMs).toBe(0);
    cluster.crash(leader.node.id);
    expect((await endOf(1n)) - renewedAt).toBeGreaterThanOrEqual(10_000);
  });

  it('a leader that is cut off renews nothing and ends nothing', async () => {
    const old = await start(3);
    await granted(old, 1n, 4n);
    cluster.isolate(old.node.id);
    const late = codeOf(old.leases.keepAlive(1n));
    const leader = await newLeader(old);
    for (let round = 0; round < 6; round += 1) {
      expect(await cluster.run(leader.leases.keepAlive(1n))).toMatchObject({ ttl: 4n });
      await cluster.clock.advance(2000);
    }
    expect(await cluster.run(late)).toMatch('NO_LEADER');
    expect(exists(old, 1n)).toBe(true);
    cluster.heal();
    await cluster.quiet();
    expect(cluster.running.map((member) => exists(member, 1n))).toEqual([true, true, true]);
    expect(await cluster.run(old.leases.keepAlive(1n))).toMatchObject({ ttl: 4n });
  });

  it('a leader that was paused for longer than the lease ends nothing when it goes on', async () => {
    const old = await start(3);
    await granted(old, 1n, 3n);
    cluster.pause(old.node.id);
    const leader = await newLeader(old);
    for (let round = 0; round < 4; round += 1) {
      expect(await cluster.run(leader.leases.keepAlive(1n))).toMatchObject({ ttl: 3n });
      await cluster.clock.advance(2000);
    }
    cluster.resume(old.node.id);
    await cluster.clock.advance(500);
    await cluster.quiet();
    expect(cluster.running.every((member) => exists(member, 1n))).toBe(true);
  });

  it('a member that was paused between asking and hearing does not pass on what was true before', async () => {
    const leader = await start(3);
    await granted(leader, 1n, 3n);
    const paused = follower();
    const heard: (readonly [ttl: bigint, at: number])[] = [];
    void paused.leases.keepAlive(1n).then(({ ttl }) => heard.push([ttl, cluster.clock.now()]));
    await cluster.clock.settle();
    cluster.pause(paused.node.id);
    await cluster.clock.advance(5000);
    expect(exists(leader, 1n)).toBe(false);
    cluster.resume(paused.node.id);
    await cluster.until(() => heard.length > 0);
    expect(heard[0]?.[0]).toBe(0n);
  });

  it('nothing ends while there is no quorum, or while all are down', async () => {
    const leader = await start(3);
    await granted(leader, 1n, 3n);
    await cluster.quiet();
    await cluster.clock.advance(200);
    for (const id of cluster.ids) cluster.crash(id);
    await cluster.clock.advance(20_000);
    await cluster.startAll();
    const next = await cluster.untilLeader();
    await cluster.until(() => next.node.leaseDeadline(1n) !== undefined);
    const office = cluster.clock.now();
    const end = await endOf(1n);
    expect(end - office).toBeGreaterThanOrEqual(2990);
    expect(end - office).toBeLessThan(3000 + LATE_MS);
  });
});

describe('many leases that end at once', () => {
  it('end in commands of a bounded number, one at a time, under the same leader', async () => {
    const leader = await start(3);
    const count = 2.5 * LIMITS.leasesPerExpiry;
    const grants = Array.from({ length: count }, (_, i) => leader.leases.grant({ id: BigInt(i + 1), ttl: 5n }));
    await cluster.run(Promise.all(grants));
    const puts = Array.from({ length: count }, (_, i) => leader.kv.put(put(`k${i}`, '', { lease: BigInt(i + 1) })));
    await cluster.run(Promise.all(puts));
    const deletes = new Map<number, number>();
    const revisions: number[][] = [];
    leader.node.onEvents((events) => {
      const { appliedIndex } = leader.node.status();
      revisions.push(events.map(({ revision }) => revision.main));
      deletes.set(appliedIndex, (deletes.get(appliedIndex) ?? 0) + events.length);
    });
    const { term } = leader.node.status();
    const { lastIndex } = leader.node.status();
    await cluster.until(() => leader.node.machine.leases.size === 0, 10_000);
    expect(Math.max(...deletes.values())).toBeLessThanOrEqual(2 * LIMITS.leasesPerExpiry);
    // What is published together is one revision.
    expect(revisions).toHaveLength(count);
    expect(revisions.every((mains) => new Set(mains).size === 1)).toBe(true);
    expect(leader.node.status()).toMatchObject({ term, role: 'leader' });
    expect(leader.node.status().lastIndex - lastIndex).toBeLessThan(20);
  }, 60_000);
});
