/** Grants on whole members in virtual time: who is told what, on which member, and when. */
import { afterEach, describe, expect, it } from 'vitest';
import type { QuorateError } from '../../server/lib/quorate-error.js';
import { acquire, release } from '../state/grant-wishes.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';

let cluster: NodeCluster;
afterEach(async () => {
  expect(cluster.fatals).toEqual([]);
  await cluster.stopAll();
});

async function started(size = 3, options: ConstructorParameters<typeof NodeCluster>[1] = {}): Promise<RunningMember> {
  cluster = new NodeCluster(size, options);
  await cluster.startAll();
  return cluster.untilLeader();
}

async function lease(member: RunningMember, id: bigint, seconds = 60): Promise<bigint> {
  await cluster.run(member.leases.grant({ id, ttl: BigInt(seconds) }));
  return id;
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: QuorateError) => error.code,
  );

describe('a grant', () => {
  it('goes to whoever waits next, and every member tells the same token', async () => {
    await started();
    const [one, two, three] = [1n, 2n, 3n].map((id) => cluster.member(id)) as [
      RunningMember,
      RunningMember,
      RunningMember,
    ];
    for (const id of [1n, 2n]) await lease(one, id);
    const first = await cluster.run(one.grants.acquire(acquire('a', 1n)));
    expect(first).toMatchObject({ place: 1, token: 1 });
    const second = await cluster.run(two.grants.acquire(acquire('b', 2n)));
    expect(second).toMatchObject({ place: 2, token: 0 });
    const place = { attempt: 'b', name: 'n', change: second.change, untilLost: false };
    const waits = [one, two, three].map((member) => member.grants.granted(place));
    expect(await cluster.run(three.grants.release(release('a')))).toMatchObject({ released: true });
    const told = await cluster.run(Promise.all(waits));
    expect(told.map(({ token }) => token)).toEqual([2, 2, 2]);
    expect(await cluster.run(one.grants.release(release('a')))).toMatchObject({ released: false });
  });

  it('is told as waited for in vain when the time of the request is over, and can be waited for again', async () => {
    const leader = await started(1);
    for (const id of [1n, 2n]) await lease(leader, id);
    await cluster.run(leader.grants.acquire(acquire('a', 1n)));
    const { change } = await cluster.run(leader.grants.acquire(acquire('b', 2n)));
    const place = { attempt: 'b', name: 'n', change, untilLost: false };
    const startedAt = leader.process.now();
    const deadline = startedAt + 500;
    expect(await cluster.run(leader.grants.granted(place, { deadline }))).toMatchObject({ token: 0 });
    expect(leader.process.now() - startedAt).toBeGreaterThanOrEqual(500);
    const again = leader.grants.granted(place);
    await cluster.run(leader.grants.release(release('a')));
    expect(await cluster.run(again)).toMatchObject({ token: 2 });
  });

  it('is lost to a waiter at once when its lease ends, and nobody is granted anything on it', async () => {
    const leader = await started(1);
    for (const id of [1n, 2n, 3n]) await lease(leader, id);
    await cluster.run(leader.grants.acquire(acquire('a', 1n)));
    const { change } = await cluster.run(leader.grants.acquire(acquire('b', 2n)));
    const last = await cluster.run(leader.grants.acquire(acquire('c', 3n)));
    const lost = codeOf(leader.grants.granted({ attempt: 'b', name: 'n', change, untilLost: false }));
    const next = leader.grants.granted({ attempt: 'c', name: 'n', change: last.change, untilLost: false });
    await cluster.run(leader.leases.revoke(2n));
    expect(await cluster.run(lost)).toBe('GRANT_NOT_FOUND');
    await cluster.run(leader.grants.release(release('a')));
    expect(await cluster.run(next)).toMatchObject({ token: 2 });
  });

  it('passes on when the lease of its holder runs out, also while the leader changes', async () => {
    const leader = await started();
    const other = cluster.followers()[0] as RunningMember;
    await lease(leader, 1n, 2);
    await lease(leader, 2n, 600);
    await cluster.run(leader.grants.acquire(acquire('a', 1n)));
    const { change } = await cluster.run(other.grants.acquire(acquire('b', 2n)));
    const next = other.grants.granted({ attempt: 'b', name: 'n', change, untilLost: false }, { deadline: Infinity });
    cluster.crash(leader.node.id);
    await cluster.untilLeader();
    const granted = await cluster.run(
      next.then(async (told) =>
        told.token > 0 ? told : other.grants.granted({ attempt: 'b', name: 'n', change, untilLost: false }),
      ),
    );
    expect(granted.token).toBe(2);
  });

  it('outlives restarts of all members, and tokens go on rising', async () => {
    const leader = await started();
    for (const id of [1n, 2n]) await lease(leader, id, 600);
    await cluster.run(leader.grants.acquire(acquire('a', 1n)));
    await cluster.run(leader.grants.acquire(acquire('b', 2n)));
    await cluster.run(leader.grants.release(release('a')));
    for (const id of cluster.ids) cluster.crash(id);
    await cluster.startAll();
    const next = await cluster.untilLeader();
    const described = await cluster.run(next.grants.describe({ key: 'n', rangeEnd: '' }, 10));
    expect(described.queues).toMatchObject([{ granted: [{ attempt: 'b', token: 2 }], waitingCount: 0 }]);
    await cluster.run(next.grants.release(release('b')));
    expect(await cluster.run(next.grants.acquire(acquire('c', 1n)))).toMatchObject({ place: 3, token: 3 });
  });

  it('comes with a snapshot to a member that was cut off, and who waits there is told', async () => {
    const leader = await started(3, { snapshotCount: 20, snapshotCatchUpEntries: 5 });
    const cutOff = cluster.followers()[0] as RunningMember;
    for (const id of [1n, 2n]) await lease(leader, id, 600);
    await cluster.run(leader.grants.acquire(acquire('a', 1n)));
    const { change } = await cluster.run(leader.grants.acquire(acquire('b', 2n)));
    await cluster.quiet();
    const told = cutOff.grants.granted({ attempt: 'b', name: 'n', change, untilLost: false }, { deadline: Infinity });
    cluster.isolate(cutOff.node.id);
    await cluster.run(leader.grants.release(release('a')));
    for (let round = 0; round < 60; round += 1) {
      await cluster.run(
        leader.kv.put({
          kind: 'put',
          key: 'k',
          value: '',
          lease: 0n,
          prevKv: false,
          ignoreValue: false,
          ignoreLease: false,
        }),
      );
    }
    cluster.heal();
    expect(await cluster.run(told)).toMatchObject({ token: 2 });
  });
});

describe('a lock-delay', () => {
  /** Long after the cluster's time was told, just before it would be told again. */
  it.each([100, 9_900])('keeps others out for as long as it says, %i ms after the time was told', async (idleMs) => {
    const leader = await started(1);
    await lease(leader, 1n, 600);
    await lease(leader, 2n, 600);
    await cluster.run(leader.grants.acquire(acquire('a', 1n, { lockDelayMs: 3_000 })));
    const { change } = await cluster.run(leader.grants.acquire(acquire('b', 2n)));
    await cluster.clock.advance(idleMs);
    await cluster.run(leader.grants.force({ kind: 'grantForce', name: 'n', token: 1 }));
    const lostAt = leader.process.now();
    const next = leader.grants.granted({ attempt: 'b', name: 'n', change, untilLost: false }, { deadline: Infinity });
    expect(await cluster.run(next)).toMatchObject({ token: 2 });
    const passed = leader.process.now() - lostAt;
    expect(passed).toBeGreaterThanOrEqual(3_000);
    expect(passed).toBeLessThan(3_500);
  });

  it('is none for who releases', async () => {
    const leader = await started(1);
    await lease(leader, 1n, 600);
    await cluster.run(leader.grants.acquire(acquire('a', 1n, { lockDelayMs: 3_000 })));
    await cluster.run(leader.grants.release(release('a')));
    expect(await cluster.run(leader.grants.acquire(acquire('b', 1n)))).toMatchObject({ token: 2 });
  });
});

describe('names that are told', () => {
  it('come in pages, ascending, and the last page says that it is the last', async () => {
    const leader = await started(1);
    await lease(leader, 1n, 600);
    const names = ['b', 'a', 'c/2', 'c/1', 'd', 'c'];
    for (const name of names) await cluster.run(leader.grants.acquire(acquire(`of ${name}`, 1n, { names: [name] })));
    const page = async (key: string, rangeEnd: string, limit: number): Promise<readonly [string, boolean]> => {
      const { queues, more } = await cluster.run(leader.grants.describe({ key, rangeEnd }, limit));
      return [queues.map(({ name }) => name).join(' '), more];
    };
    expect(await page('\0', '\0', 4)).toEqual(['a b c c/1', true]);
    expect(await page('c/1\0', '\0', 4)).toEqual(['c/2 d', false]);
    expect(await page('b', 'd', 4)).toEqual(['b c c/1 c/2', false]);
    expect(await page('b', 'd', 3)).toEqual(['b c c/1', true]);
    expect(await page('d', 'b', 3)).toEqual(['', false]);
    expect(await page('c', '', 1)).toEqual(['c', false]);
    const all = await cluster.run(leader.grants.describe(undefined, 6));
    expect([all.queues.length, all.more]).toEqual([6, false]);
    await cluster.run(leader.grants.release(release('of c')));
    expect(await page('b', 'd', 4)).toEqual(['b c/1 c/2', false]);
  });
});

describe('who observes a name', () => {
  it('is told its state, and the newest one after each change, on every member', async () => {
    const leader = await started();
    const follower = cluster.followers()[0] as RunningMember;
    for (const id of [1n, 2n]) await lease(leader, id);
    const aborter = new AbortController();
    const seen: (number | undefined)[] = [];
    const changes: number[] = [];
    const observe = async (): Promise<void> => {
      for (;;) {
        const queue = await follower.grants.next('n', changes.at(-1) ?? 0, aborter.signal);
        changes.push(queue.change);
        seen.push(queue.granted[0]?.token);
      }
    };
    const observing = observe().catch(() => undefined);
    await cluster.run(leader.grants.acquire(acquire('a', 1n)));
    await cluster.run(leader.grants.acquire(acquire('b', 2n)));
    await cluster.run(leader.grants.release(release('a')));
    await cluster.run(leader.grants.release(release('b')));
    await cluster.quiet();
    aborter.abort();
    await cluster.run(observing);
    expect(changes).toEqual([...new Set(changes)].sort((a, b) => a - b));
    expect(seen.filter((token, place) => token !== seen[place - 1])).toEqual([1, 2, undefined]);
  });
});
