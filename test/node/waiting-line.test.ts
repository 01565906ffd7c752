/** Locks made of keys and leases, on whole members: one holder at a time, first come first served, no dead waiters. */
import { afterEach, describe, expect, it } from 'vitest';
import { QuorateError } from '../../server/lib/quorate-error.js';
import type { Member } from '../../server/node/member.js';
import { type Turn, WaitingLine } from '../../server/node/waiting-line.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';
import { get, put } from './requests.js';

let cluster: NodeCluster;
afterEach(() => expect(cluster.fatals).toEqual([]));

async function start(members: number): Promise<RunningMember> {
  cluster = new NodeCluster(members);
  await cluster.startAll();
  const leader = await cluster.untilLeader();
  await cluster.quiet();
  for (const id of [1n, 2n, 3n]) await cluster.run(leader.leases.grant({ id, ttl: 60n }));
  return leader;
}

const lineOf = ({ kv }: RunningMember): WaitingLine => new WaitingLine({ kv, watches: kv }, 'lock');

/** What became of a call so far. */
interface Watched {
  outcome: Turn | string | undefined;
}

function watched(call: Promise<Turn>): Watched {
  const result: Watched = { outcome: undefined };
  call.then(
    (turn) => (result.outcome = turn),
    (error: unknown) => (result.outcome = error instanceof QuorateError ? error.code : String(error)),
  );
  return result;
}

async function enter(member: RunningMember, lease: bigint, signal?: AbortSignal): Promise<Watched> {
  const result = watched(lineOf(member).enter(lease, undefined, signal));
  await cluster.clock.advance(100);
  return result;
}

const turnOf = ({ outcome }: Watched): Turn => {
  if (typeof outcome !== 'object') throw new Error(`no turn: ${outcome}`);
  return outcome;
};

async function keysOf(member: RunningMember): Promise<readonly string[]> {
  const { kvs } = await cluster.run(member.kv.range({ ...get('lock/'), rangeEnd: 'lock0' }));
  return kvs.map(({ key }) => key);
}

function follower(): RunningMember {
  const [member] = cluster.followers();
  if (member === undefined) throw new Error('no follower');
  return member;
}

describe('a waiting line', () => {
  it('gives the turn to the oldest place, and then to the next, on every member', async () => {
    const leader = await start(3);
    const first = await enter(leader, 2n);
    const second = await enter(follower(), 1n);
    const third = await enter(leader, 3n);
    expect(turnOf(first)).toMatchObject({ key: 'lock/2', lease: 2n, createRevision: 2, turnHeader: { revision: 2 } });
    expect([second.outcome, third.outcome]).toEqual([undefined, undefined]);

    await cluster.run(leader.kv.deleteRange({ kind: 'deleteRange', key: 'lock/2', rangeEnd: '', prevKv: false }));
    await cluster.clock.advance(100);
    expect(turnOf(second)).toMatchObject({ key: 'lock/1', createRevision: 3, turnHeader: { revision: 5 } });
    expect(third.outcome).toBeUndefined();

    // The end of its lease ends a turn as well.
    await cluster.run(leader.leases.revoke(1n));
    await cluster.clock.advance(100);
    expect(turnOf(third)).toMatchObject({ createRevision: 4 });
  });

  it('tells who has a place already of that one', async () => {
    const leader = await start(1);
    const first = turnOf(await enter(leader, 1n));
    const again = turnOf(await enter(leader, 1n));
    expect(again).toMatchObject({ key: first.key, createRevision: first.createRevision });
    const { kvs } = await cluster.run(leader.kv.range(get(first.key)));
    expect(kvs).toMatchObject([{ value: '', lease: 1n, version: 2 }]);
    const waiting = await enter(leader, 2n);
    const waitingAgain = await enter(leader, 2n);
    await cluster.run(leader.leases.revoke(1n));
    await cluster.clock.advance(100);
    expect(turnOf(waitingAgain).createRevision).toBe(turnOf(waiting).createRevision);
  });

  it('names the place by the lease, as etcd does', async () => {
    const leader = await start(1);
    for (const [id, key] of [
      [171n, 'lock/ab'],
      [-7n, 'lock/-7'],
    ] as const) {
      await cluster.run(leader.leases.grant({ id, ttl: 60n }));
      const place = await enter(leader, id);
      expect(await keysOf(leader)).toEqual([key]);
      expect(turnOf(place).key).toBe(key);
      await cluster.run(leader.leases.revoke(id));
    }
  });

  it('refuses a lease that is not there', async () => {
    const leader = await start(1);
    expect((await enter(leader, 99n)).outcome).toBe('LEASE_NOT_FOUND');
  });

  // etcd#19597: there it waits on, and then holds a lock with a dead key.
  it('tells a waiter at once that its own lease has ended', async () => {
    const leader = await start(3);
    await enter(leader, 1n);
    const waiter = await enter(follower(), 2n);
    await cluster.run(leader.leases.revoke(2n));
    await cluster.clock.advance(100);
    expect(waiter.outcome).toBe('TURN_LOST');
    expect(await keysOf(leader)).toEqual(['lock/1']);
  });

  it('takes a place that came anew under the same name for another one', async () => {
    const leader = await start(1);
    await enter(leader, 1n);
    const waiter = await enter(leader, 2n);
    await cluster.run(leader.kv.deleteRange({ kind: 'deleteRange', key: 'lock/2', rangeEnd: '', prevKv: false }));
    await cluster.run(leader.kv.put({ ...put('lock/2', ''), lease: 2n }));
    await cluster.clock.advance(100);
    expect(waiter.outcome).toBe('TURN_LOST');
  });

  it('gives back the place of whoever stops waiting, and of nobody else', async () => {
    const leader = await start(3);
    await enter(leader, 1n);
    const [patient, impatient] = [new AbortController(), new AbortController()];
    const second = await enter(follower(), 2n, impatient.signal);
    const third = await enter(leader, 3n, patient.signal);
    impatient.abort();
    await cluster.clock.advance(100);
    expect(second.outcome).toBe('CANCELED');
    expect(await keysOf(leader)).toEqual(['lock/1', 'lock/3']);
    // A second call under the same lease that is given up does not take the place of the first one with it.
    const double = new AbortController();
    await enter(leader, 3n, double.signal);
    double.abort();
    await cluster.clock.advance(100);
    await cluster.run(leader.leases.revoke(1n));
    await cluster.clock.advance(100);
    expect(turnOf(third).key).toBe('lock/3');
  });

  // A client that gives up at one member and goes on at another is answered for the place that it had: what the first
  // member does to give that back comes late, and must not take the turn away from whoever has been told of it.
  it('gives no place back that another call under the same lease was answered for', async () => {
    const leader = await start(3);
    await enter(leader, 1n);
    const away = follower();
    const impatient = new AbortController();
    const given = await enter(away, 2n, impatient.signal);
    cluster.isolate(away.node.id);
    impatient.abort();
    await cluster.clock.advance(10);
    expect(given.outcome).toBe('CANCELED');
    await cluster.run(leader.leases.revoke(1n));
    const second = await enter(leader, 2n);
    const { key, createRevision } = turnOf(second);
    cluster.heal();
    await cluster.clock.advance(5_000);
    const { kvs } = await cluster.run(leader.kv.range(get(key)));
    expect(kvs).toMatchObject([{ key: 'lock/2', createRevision }]);
  });

  it('gives no turn to whoever is gone when it comes', async () => {
    const leader = await start(1);
    const gone = new AbortController();
    gone.abort();
    expect((await enter(leader, 1n, gone.signal)).outcome).toBe('CANCELED');
    expect(await keysOf(leader)).toEqual([]);
  });

  it('goes on over a compaction of what its waiters wait for', async () => {
    const leader = await start(3);
    await enter(leader, 1n);
    const waiter = await enter(follower(), 2n);
    for (let count = 0; count < 20; count += 1) await cluster.run(leader.kv.put(put('other', `${count}`)));
    await cluster.run(leader.kv.compact({ kind: 'compact', revision: leader.node.machine.revision }, false));
    await cluster.run(leader.leases.revoke(1n));
    await cluster.clock.advance(100);
    expect(turnOf(waiter).key).toBe('lock/2');
  });

  it('waits on while nobody leads', async () => {
    const leader = await start(1);
    await enter(leader, 1n);
    let unconfirmed = 0;
    const kv: Pick<Member, 'txn'> = {
      txn: (command) => {
        if (command.compares.length > 0 || unconfirmed >= 3) return leader.kv.txn(command);
        unconfirmed += 1;
        return Promise.reject(new QuorateError('TIMEOUT'));
      },
    };
    const waiter = watched(new WaitingLine({ kv, watches: leader.kv }, 'lock').enter(2n, undefined, undefined));
    await cluster.clock.advance(100);
    expect([unconfirmed, waiter.outcome]).toEqual([3, undefined]);
    await cluster.run(leader.leases.revoke(1n));
    await cluster.clock.advance(100);
    expect(turnOf(waiter).key).toBe('lock/2');
  });

  it('goes on under the next leader', async () => {
    const leader = await start(3);
    await enter(leader, 1n);
    const [one, other] = cluster.followers();
    if (one === undefined || other === undefined) throw new Error('no followers');
    const waiter = await enter(one, 2n);
    cluster.isolate(leader.node.id);
    await cluster.until(() => cluster.leader() !== undefined && cluster.leader()?.node.id !== leader.node.id, 20_000);
    await cluster.run(one.kv.deleteRange({ kind: 'deleteRange', key: 'lock/1', rangeEnd: '', prevKv: false }));
    await cluster.clock.advance(1000);
    expect(turnOf(waiter).key).toBe('lock/2');
  });
});
