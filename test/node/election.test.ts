/** Elections made of keys and leases, on whole members. */
import { afterEach, describe, expect, it } from 'vitest';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { Election, type Leadership } from '../../server/node/election.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';

let cluster: NodeCluster;
afterEach(() => expect(cluster.fatals).toEqual([]));

async function start(members: number): Promise<RunningMember> {
  cluster = new NodeCluster(members);
  await cluster.startAll();
  const leader = await cluster.untilLeader();
  await cluster.quiet();
  for (const id of [1n, 2n]) await cluster.run(leader.leases.grant({ id, ttl: 60n }));
  return leader;
}

const electionOn = ({ kv }: RunningMember): Election => new Election({ kv, watches: kv });

const codeOf = (work: Promise<unknown>): Promise<string> =>
  cluster.run(
    work.then(
      () => 'done',
      (error: unknown) => (error instanceof QuorateError ? error.code : String(error)),
    ),
  );

const leads = (member: RunningMember, lease: bigint, value: string): Promise<Leadership> =>
  cluster.run(electionOn(member).campaign('e', lease, value, undefined));

/** Writes down what an observer is told: the value, and the revision at which that was so. */
function observing(member: RunningMember): { readonly seen: string[]; readonly aborter: AbortController } {
  const aborter = new AbortController();
  const seen: string[] = [];
  const observe = async (): Promise<void> => {
    for await (const { revision, kv } of electionOn(member).observe('e', aborter.signal)) {
      seen.push(`${kv.value}@${revision}`);
    }
  };
  observe().catch((error: unknown) => seen.push(error instanceof QuorateError ? error.code : String(error)));
  return { seen, aborter };
}

describe('an election', () => {
  it('is won by one, who tells a value until it resigns', async () => {
    const member = await start(1);
    const election = electionOn(member);
    expect(await codeOf(election.leader('e', {}))).toBe('NO_ELECTED');
    const first = await leads(member, 1n, 'a');
    expect(first).toMatchObject({ key: 'e/1', createRevision: 2 });
    expect((await cluster.run(election.leader('e', {}))).kv.value).toBe('a');
    await cluster.run(election.proclaim(first, 'b', {}));
    expect((await cluster.run(election.leader('e', {}))).kv).toMatchObject({
      value: 'b',
      createRevision: 2,
      lease: 1n,
    });

    const second = leads(member, 2n, 'c');
    await cluster.clock.advance(100);
    await cluster.run(election.resign(first, {}));
    expect(await second).toMatchObject({ key: 'e/2' });
    // The first leadership is over: it neither speaks nor resigns for the second.
    expect(await codeOf(election.proclaim(first, 'd', {}))).toBe('NOT_ELECTED');
    await cluster.run(election.resign({ ...first, key: 'e/2' }, {}));
    expect((await cluster.run(election.leader('e', {}))).kv.value).toBe('c');
  });

  it('takes the newest value of who campaigns again under the same lease', async () => {
    const member = await start(1);
    const first = await leads(member, 1n, 'a');
    const again = await leads(member, 1n, 'b');
    expect(again.createRevision).toBe(first.createRevision);
    expect((await cluster.run(electionOn(member).leader('e', {}))).kv.value).toBe('b');
  });
});

describe('an observer', () => {
  it('is told the leader, every value, and the next leader, from any member, until it goes', async () => {
    const member = await start(3);
    const [follower] = cluster.followers();
    if (follower === undefined) throw new Error('no follower');
    const { seen, aborter } = observing(follower);
    await cluster.clock.advance(100);
    expect(seen).toEqual([]);
    const first = await leads(member, 1n, 'a');
    await cluster.clock.advance(100);
    await cluster.run(electionOn(member).proclaim(first, 'b', {}));
    await cluster.run(electionOn(member).proclaim(first, 'c', {}));
    await cluster.clock.advance(100);
    const second = leads(member, 2n, 'next');
    await cluster.clock.advance(100);
    await cluster.run(member.leases.revoke(1n));
    await second;
    await cluster.clock.advance(100);
    expect(seen).toEqual(['a@2', 'b@3', 'c@4', 'next@6']);
    aborter.abort();
    await cluster.clock.advance(100);
    expect(seen.at(-1)).toBe('CANCELED');
    expect(follower.kv.watchers).toBe(0);
  });
});
