/** Sessions on whole members: once over leader changes, restarts and snapshots; fresh enough on any member; expiry. */
import { afterEach, describe, expect, it } from 'vitest';
import { QuorateError } from '../../server/lib/quorate-error.js';
import type { SessionWrite, WriteAnswer } from '../../server/node/session-member.js';
import type { Stamp } from '../../server/state/command.js';
import { CLUSTER_TIME_PERIOD_MS } from '../../server/state/session/session-limits.js';
import { type ClusterOptions, NodeCluster, type RunningMember } from './node-cluster.js';
import { compact, get, put, txn } from './requests.js';

const VOID = { kind: 'void' } as const;
const SESSION_TTL_MS = 5 * 60_000;

let cluster: NodeCluster;
afterEach(() => expect(cluster.fatals).toEqual([]));

async function start(members: number, options: ClusterOptions = {}): Promise<RunningMember> {
  cluster = new NodeCluster(members, options);
  await cluster.startAll();
  const leader = await cluster.untilLeader();
  await cluster.quiet();
  return leader;
}

async function register(member: RunningMember): Promise<number> {
  return (await cluster.run(member.sessions.register('it'))).id;
}

function send(member: RunningMember, command: SessionWrite, stamp: Partial<Stamp>): Promise<WriteAnswer> {
  return member.sessions.write({ command, stamp: { session: 1, sequence: 1, settled: 0, ...stamp } }).answer;
}

function write(member: RunningMember, command: SessionWrite, sequence: number): Promise<WriteAnswer> {
  return cluster.run(send(member, command, { sequence }));
}

function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => (error instanceof QuorateError ? error.code : `not a QuorateError: ${String(error)}`),
  );
}

/** Without what tells of the member that answers. */
function content(answer: WriteAnswer): string {
  return JSON.stringify(answer, (key, value: unknown) => {
    if (key === 'memberId' || key === 'raftTerm') return undefined;
    return typeof value === 'bigint' ? String(value) : value;
  });
}

async function value(member: RunningMember, key: string): Promise<string | undefined> {
  return (await cluster.run(member.kv.range(get(key)))).kvs[0]?.value;
}

const everyKind: readonly SessionWrite[] = [
  put('a', '1'),
  put('a', '2', { prevKv: true }),
  txn({
    compares: [{ key: 'a', rangeEnd: '', result: 'equal', target: 'version', operand: 2 }],
    success: [get('a'), put('b', '3', { prevKv: true }), get('b'), txn({ success: [get('a', { revision: 2 })] })],
  }),
  { kind: 'deleteRange', key: 'a', rangeEnd: 'c', prevKv: true },
  { kind: 'leaseGrant', id: 7n, ttlMs: 60_000 },
  { kind: 'leaseRevoke', id: 7n },
  VOID,
];

describe('a write of a session', () => {
  it('of any kind is told again word for word, on every member, after a leader change and a restart', async () => {
    const leader = await start(3);
    await register(leader);
    const told: string[] = [];
    for (const [place, command] of everyKind.entries()) {
      told.push(content(await write(cluster.running[place % 3] ?? leader, command, place + 1)));
    }
    const { revision } = leader.node.machine;
    cluster.crash(leader.node.id);
    await cluster.untilLeader();
    await cluster.start(leader.node.id);
    await cluster.quiet();
    for (const member of cluster.running) {
      for (const [place, command] of everyKind.entries()) {
        expect(content(await write(member, command, place + 1))).toBe(told[place]);
      }
    }
    expect(cluster.running.map(({ node }) => node.machine.revision)).toEqual([revision, revision, revision]);
  });

  it('is told again by a member that got it in a snapshot', async () => {
    const leader = await start(3, { snapshotCount: 20, snapshotCatchUpEntries: 5 });
    await register(leader);
    const [laggard] = cluster.followers();
    if (laggard === undefined) throw new Error('no follower');
    cluster.isolate(laggard.node.id);
    const told: string[] = [];
    for (const [place, command] of everyKind.entries()) told.push(content(await write(leader, command, place + 1)));
    for (let i = 0; i < 60; i += 1) await cluster.run(leader.kv.put(put('k', String(i))));
    cluster.heal();
    await cluster.quiet();
    expect(laggard.node.machine.sessions.get(1)).toMatchObject({ applied: everyKind.length });
    for (const [place, command] of everyKind.entries()) {
      expect(content(await write(laggard, command, place + 1))).toBe(told[place]);
    }
  });

  it('is refused before its turn, when it is settled, and of no session', async () => {
    const leader = await start(1);
    await register(leader);
    expect(await cluster.run(codeOf(send(leader, put('a', '1'), { sequence: 2 })))).toBe('SEQUENCE_GAP');
    await write(leader, put('a', '1'), 1);
    const settled = send(leader, put('b', '1'), { sequence: 2, settled: 1 });
    expect(await cluster.run(codeOf(settled))).toBeUndefined();
    expect(await cluster.run(codeOf(send(leader, put('a', '1'), { sequence: 1 })))).toBe('SEQUENCE_SETTLED');
    expect(await cluster.run(codeOf(send(leader, put('a', '1'), { session: 9 })))).toBe('SESSION_EXPIRED');
  });

  it('that is refused is refused again, though it could be done by then', async () => {
    const leader = await start(1);
    await register(leader);
    const keeping = put('a', '', { ignoreValue: true });
    expect(await cluster.run(codeOf(send(leader, keeping, { sequence: 1 })))).toBe('KEY_NOT_FOUND');
    await cluster.run(leader.kv.put(put('a', '1')));
    expect(await cluster.run(codeOf(send(leader, keeping, { sequence: 1 })))).toBe('KEY_NOT_FOUND');
    expect(await cluster.run(codeOf(send(leader, keeping, { sequence: 2 })))).toBeUndefined();
  });

  it('under a number that another kind has used gets the answer of that one, and nobody stops', async () => {
    const leader = await start(1);
    await register(leader);
    await write(leader, put('a', '1'), 1);
    for (const command of everyKind) expect((await write(leader, command, 1)).kind).toBe('put');
  });

  it('is void once a void one has come before it, and told as it was if that came after', async () => {
    const leader = await start(3);
    await register(leader);
    expect(await write(leader, VOID, 1)).toEqual({ kind: 'void' });
    expect(await write(leader, put('a', '1'), 1)).toEqual({ kind: 'void' });
    expect(await value(leader, 'a')).toBeUndefined();
    const told = await write(leader, put('a', '2'), 2);
    expect(content(await write(leader, VOID, 2))).toBe(content(told));
  });

  it('is not proposed any more when it is given up while nobody leads', async () => {
    const leader = await start(3);
    await register(leader);
    await cluster.quiet();
    const [follower] = cluster.followers();
    if (follower === undefined) throw new Error('no follower');
    cluster.isolate(follower.node.id);
    await cluster.until(() => follower.node.leader === 0n);
    const asked = follower.sessions.write({ command: put('a', '1'), stamp: { session: 1, sequence: 1, settled: 0 } });
    const code = codeOf(asked.answer);
    asked.abandon();
    expect(await cluster.run(code)).toBe('CANCELED');
    cluster.heal();
    await cluster.quiet();
    expect(await value(leader, 'a')).toBeUndefined();
  });

  it('takes effect in the order of its number, whatever members they are sent through while the leader dies', async () => {
    const leader = await start(3);
    await register(leader);
    const writes = 60;
    const send60 = (to: (sequence: number) => RunningMember): Promise<(string | undefined)[]> => {
      const sent = Array.from({ length: writes }, (_, place) => {
        const sequence = place + 1;
        return codeOf(send(to(sequence), put('a', String(sequence)), { sequence }));
      });
      return cluster.run(Promise.all(sent));
    };
    const followers = cluster.followers();
    const first = send60((sequence) => followers[sequence % 2] ?? leader);
    cluster.crash(leader.node.id);
    await first;
    const next = await cluster.untilLeader();
    const codes = await send60(() => next);
    const { kvs } = await cluster.run(next.kv.range(get('a')));
    expect(codes.every((code) => code === undefined || code === 'SEQUENCE_GAP')).toBe(true);
    expect(kvs[0]).toMatchObject({ version: writes, value: String(writes) });
  });

  it('of a compaction can wait until the old revisions are gone', async () => {
    const leader = await start(1);
    await register(leader);
    for (let i = 1; i <= 5; i += 1) await write(leader, put('a', String(i)), i);
    const stamp = { session: 1, sequence: 6, settled: 0 };
    const asked = leader.sessions.write({ command: compact(5), stamp, physical: true });
    expect(await cluster.run(asked.answer)).toMatchObject({ kind: 'compact', header: { revision: 6 } });
    expect((await leader.store.readRevisions([{ main: 3, sub: 0 }]))[0]).toBeUndefined();
  });

  it('that granted a lease does not start its time anew when it is sent again', async () => {
    const leader = await start(3);
    await register(leader);
    const granted = cluster.clock.now();
    const grant = { kind: 'leaseGrant', id: 7n, ttlMs: 5000 } as const;
    await write(leader, grant, 1);
    await cluster.clock.advance(4000);
    expect(await write(leader, { ...grant, id: 8n }, 1)).toMatchObject({ answer: { id: 7n, ttl: 5n } });
    await cluster.until(() => leader.node.machine.leases.size === 0);
    expect(cluster.clock.now() - granted).toBeLessThan(5200);
    // Nothing is counted for the lease that was never granted.
    await cluster.clock.advance(10_000);
  });
});

describe('a session', () => {
  it('has a name of so many bytes at most', async () => {
    const leader = await start(1);
    expect(await cluster.run(codeOf(leader.sessions.register('é'.repeat(64))))).toBeUndefined();
    expect(await codeOf(leader.sessions.register('é'.repeat(65)))).toBe('INVALID_SESSION');
  });

  it('is found on every member once it is registered, and what it has written', async () => {
    const leader = await start(3);
    const id = await register(leader);
    for (const member of cluster.running) {
      expect(await cluster.run(member.sessions.find(id))).toMatchObject({ id, clientName: 'it', applied: 0 });
    }
    await write(leader, put('a', '1'), 1);
    for (const member of cluster.running) {
      expect(await cluster.run(member.sessions.find(id))).toMatchObject({ applied: 1 });
      expect(await cluster.run(member.sessions.find(id + 1))).toBeUndefined();
    }
  });

  it('expires when nobody has written for its time, on every member at the same entry, and not before', async () => {
    const leader = await start(3);
    const id = await register(leader);
    await cluster.clock.advance(60_000);
    await write(leader, put('a', '1'), 1);
    const last = cluster.clock.now();
    const exists = (): boolean => cluster.running.some(({ node }) => node.machine.sessions.get(id) !== undefined);
    await cluster.until(() => !exists(), SESSION_TTL_MS + 5 * CLUSTER_TIME_PERIOD_MS);
    const lived = cluster.clock.now() - last;
    expect(lived).toBeGreaterThan(SESSION_TTL_MS);
    expect(lived).toBeLessThan(SESSION_TTL_MS + 3 * CLUSTER_TIME_PERIOD_MS);
    expect(await cluster.run(codeOf(send(leader, put('a', '1'), { sequence: 2 })))).toBe('SESSION_EXPIRED');
  });

  it('lives on as long as it writes, and costs no entry once it is gone', async () => {
    const leader = await start(1);
    const id = await register(leader);
    for (let sequence = 1; sequence <= 4; sequence += 1) {
      await cluster.clock.advance(SESSION_TTL_MS - 1000);
      await write(leader, VOID, sequence);
    }
    expect(leader.node.machine.sessions.get(id)).toMatchObject({ applied: 4 });
    await cluster.clock.advance(SESSION_TTL_MS + 3 * CLUSTER_TIME_PERIOD_MS);
    expect(leader.node.machine.sessions.size).toBe(0);
    const { lastIndex } = leader.node.status();
    await cluster.clock.advance(10 * CLUSTER_TIME_PERIOD_MS);
    expect(leader.node.status().lastIndex).toBe(lastIndex);
  });

  it('does not grow older while nobody leads', async () => {
    const leader = await start(3);
    const id = await register(leader);
    const [one, two] = cluster.followers();
    for (const member of [one, two]) if (member !== undefined) cluster.isolate(member.node.id);
    await cluster.clock.advance(2 * SESSION_TTL_MS);
    cluster.heal();
    const next = await cluster.untilLeader();
    await cluster.quiet();
    expect(await cluster.run(codeOf(send(next, put('a', '1'), { session: id })))).toBeUndefined();
  });
});

describe('a read', () => {
  /** A follower that hears nothing, after it has read linearizably. */
  async function cutOff(): Promise<{ leader: RunningMember; follower: RunningMember }> {
    const leader = await start(3);
    await cluster.run(leader.kv.put(put('a', '1')));
    await cluster.quiet();
    const [follower] = cluster.followers();
    if (follower === undefined) throw new Error('no follower');
    await cluster.run(follower.kv.range(get('a')));
    cluster.isolate(follower.node.id);
    return { leader, follower };
  }

  it('for a revision that a client has seen waits for it, on any member', async () => {
    const { leader, follower } = await cutOff();
    const { header } = await cluster.run(leader.kv.put(put('a', '2')));
    const read = follower.sessions.read(get('a'), { kind: 'session', seenRevision: header.revision });
    const seen = await cluster.run(follower.sessions.read(get('a'), { kind: 'session', seenRevision: 2 }));
    expect(seen.kvs[0]?.value).toBe('1');
    await cluster.clock.advance(500);
    cluster.heal();
    expect((await cluster.run(read)).kvs[0]?.value).toBe('2');
  });

  it('for a revision that does not come is given up at its deadline', async () => {
    const { leader, follower } = await cutOff();
    const { header } = await cluster.run(leader.kv.put(put('a', '2')));
    const deadline = cluster.clock.now() + 700;
    const consistency = { kind: 'session', seenRevision: header.revision } as const;
    expect(await cluster.run(codeOf(follower.sessions.read(get('a'), consistency, { deadline })))).toBe('TIMEOUT');
    expect(cluster.clock.now()).toBeLessThan(deadline + 20);
  });

  it('that may be so old is served from here as long as it surely is no older, and then asks the cluster', async () => {
    const { leader, follower } = await cutOff();
    const confirmed = cluster.clock.now();
    await cluster.run(leader.kv.put(put('a', '2')));
    await cluster.clock.advance(400);
    const read = (ms: number) => follower.sessions.read(get('a'), { kind: 'maxStaleness', ms });
    expect((await cluster.run(read(1000))).kvs[0]?.value).toBe('1');
    expect(cluster.clock.now() - confirmed).toBeLessThan(1000);
    const strict = read(300);
    await cluster.clock.advance(200);
    cluster.heal();
    expect((await cluster.run(strict)).kvs[0]?.value).toBe('2');
    // That has refreshed it: the next one asks nobody.
    cluster.isolate(follower.node.id);
    expect((await cluster.run(read(300))).kvs[0]?.value).toBe('2');
  });

  it('of an age that nobody here knows asks the cluster first', async () => {
    const leader = await start(3);
    await cluster.run(leader.kv.put(put('a', '1')));
    await cluster.quiet();
    const [follower] = cluster.followers();
    if (follower === undefined) throw new Error('no follower');
    cluster.isolate(follower.node.id);
    const read = follower.sessions.read(get('a'), { kind: 'maxStaleness', ms: 60_000 }, { deadline: 500 });
    expect(await cluster.run(codeOf(read))).toBe('TIMEOUT');
  });

  it('that may be of any age is served while nobody leads, whatever the query itself says', async () => {
    const { follower } = await cutOff();
    await cluster.until(() => follower.node.leader === 0n);
    const local = await cluster.run(follower.sessions.read(get('a'), { kind: 'serializable' }));
    expect(local.kvs[0]?.value).toBe('1');
    const serializable = get('a', { serializable: true });
    const deadline = cluster.clock.now() + 300;
    const newest = follower.sessions.read(serializable, { kind: 'linearizable' }, { deadline });
    expect(await cluster.run(codeOf(newest))).toBe('TIMEOUT');
  });
});

describe('who leads', () => {
  it('is told when it changes, with what the members say of themselves', async () => {
    const leader = await start(3);
    const [follower] = cluster.followers();
    if (follower === undefined) throw new Error('no follower');
    const told: string[] = [];
    const forget = follower.sessions.onLeadershipChange(({ leader: id, term, members }) => {
      told.push(`${id}/${term} ${members.map(({ clientUrls }) => clientUrls.join()).join(' ')}`);
    });
    await cluster.run(leader.kv.publish('leader', ['http://leader']));
    await cluster.quiet();
    expect(told.at(-1)).toContain('http://leader');
    cluster.crash(leader.node.id);
    const next = await cluster.untilLeader();
    await cluster.quiet();
    expect(told.some((line) => line.startsWith('0/'))).toBe(true);
    expect(told.at(-1)).toMatch(new RegExp(`^${next.node.id}/${next.node.term} `));
    expect(follower.sessions.leadership).toMatchObject({ leader: next.node.id, term: next.node.term });
    forget();
    const before = told.length;
    await cluster.run(next.kv.publish('next', ['http://next']));
    await cluster.quiet();
    expect(told).toHaveLength(before);
  });
});
