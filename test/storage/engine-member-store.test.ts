/** What a member saves is what its next start finds. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { StateWrite } from '../../server/state/result.js';
import { EngineError, type EngineOp } from '../../server/storage/engine.js';
import { MemoryIdentityFile } from '../../server/storage/identity.js';
import { MemoryDisk } from '../../server/storage/memory-disk.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import type { LoadedMember, MemberStore } from '../../server/storage/member-store.js';
import { hardStateOp } from '../../server/storage/record-ops.js';
import {
  applied,
  CLUSTER,
  CONF,
  dumpState,
  entries,
  entry,
  failureOf,
  hard,
  MEMBER,
  MEMBERS,
  meta,
  NO_SYNC,
  openStore,
  putRevision,
  session,
  sessionReply,
  stateUpTo,
  SYNC,
  tombstone,
} from './member-kit.js';

let engine: MemoryEngine;
let identityFile: MemoryIdentityFile;
let store: MemberStore;
let loaded: LoadedMember;

beforeEach(async () => {
  engine = new MemoryEngine();
  identityFile = new MemoryIdentityFile();
  await start();
});

async function start(): Promise<void> {
  store = await openStore(engine, { identityFile });
  loaded = await store.load();
}

/** A power cut that keeps the first `keepUnsynced` unsynced batches, and the next start. */
async function crash(keepUnsynced = 0): Promise<void> {
  engine = engine.crash({ keepUnsynced });
  await start();
}

describe('the first boot', () => {
  test('begins with the bootstrap configuration at revision 1 and an empty log', async () => {
    expect(loaded).toEqual({
      clusterId: CLUSTER,
      memberId: MEMBER,
      boot: 1,
      hardState: { term: 0, vote: 0n, commit: 0 },
      logStart: { index: 0, term: 0, conf: CONF },
      entries: [],
      applied: { index: 0, term: 0, conf: CONF, revision: 1 },
    });
    const state = await dumpState(await store.openState());
    expect(state).toEqual({
      applied: loaded.applied,
      compactedRevision: -1,
      members: MEMBERS,
      revisions: [],
      leases: [],
      sessions: [],
    });
  });

  test('every start counts as a boot of its own, after a crash too', async () => {
    await crash();
    expect(loaded.boot).toBe(2);
    await store.close();
    engine = new MemoryEngine(engine.disk);
    await start();
    expect(loaded.boot).toBe(3);
  });
});

describe('the log and the hard state', () => {
  test('entries of every kind read back as they were', async () => {
    const log = [
      entry(1, 1),
      { kind: 'noop', index: 2, term: 2, data: Buffer.alloc(0) } as const,
      {
        kind: 'conf',
        index: 3,
        term: 2,
        data: Buffer.from([0, 255]),
        conf: { voters: [1n, 2n], learners: [] },
      } as const,
    ];
    await store.save({ hardState: { term: 2, vote: MEMBER, commit: 1 }, entries: log }, SYNC);
    await crash();
    expect(loaded.entries).toEqual(log);
    expect(loaded.hardState).toEqual({ term: 2, vote: MEMBER, commit: 1 });
  });

  test('new entries replace everything at and after their first index', async () => {
    await store.save({ hardState: hard(1), entries: entries(1, 9, 1) }, SYNC);
    await store.save({ hardState: hard(2), entries: entries(4, 5, 2) }, SYNC);
    await crash();
    expect(loaded.entries).toEqual([...entries(1, 3, 1), ...entries(4, 5, 2)]);
    await store.save({ entries: entries(6, 7, 2) }, SYNC);
    await crash();
    expect(loaded.entries.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('an unsynced save is lost with the power, or kept whole', async () => {
    await store.save({ hardState: hard(1), entries: entries(1, 2, 1) }, SYNC);
    await store.save({ hardState: hard(1, 2), entries: entries(3, 4, 1) }, NO_SYNC);
    expect(engine.disk.unsyncedBatches).toBe(1);
    const kept = engine.crash({ keepUnsynced: 1 });
    await crash(0);
    expect(loaded.entries.length).toBe(2);
    expect(loaded.hardState.commit).toBe(0);
    engine = kept;
    await start();
    expect(loaded.entries.length).toBe(4);
    expect(loaded.hardState.commit).toBe(2);
  });

  test('saves made without waiting take effect in their order', async () => {
    await Promise.all([
      store.save({ hardState: hard(1), entries: entries(1, 5, 1) }, NO_SYNC),
      store.save({ hardState: hard(2), entries: entries(2, 2, 2) }, NO_SYNC),
      store.save({ entries: entries(3, 4, 2) }, SYNC),
    ]);
    await crash();
    expect(loaded.entries.map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 2],
    ]);
  });

  test('every batch carries the hard state, so that a lost block cannot bring an older vote back', async () => {
    const batches: (readonly EngineOp[])[] = [];
    const disk = new MemoryDisk({ beforeWrite: (written) => void batches.push(...written) });
    const watched = await openStore(new MemoryEngine(disk));
    await watched.load();
    batches.length = 0;
    const hardState = { term: 1, vote: MEMBER, commit: 0 };
    await watched.save({ hardState }, SYNC);
    await watched.save({ entries: entries(1, 3, 1) }, SYNC);
    await watched.save({ state: stateUpTo(0, 2, 1) }, SYNC);
    await watched.save({ trimTo: meta(2, 1) }, SYNC);
    await watched.save({ maintenance: [{ kind: 'compacted', revision: 2 }] }, SYNC);
    expect(batches.length).toBe(5);
    for (const batch of batches) expect(batch).toContainEqual(hardStateOp(hardState));
  });

  test('what is applied was committed: the commit index a start finds is not below it', async () => {
    await store.save({ hardState: hard(1, 1), entries: entries(1, 3, 1), state: stateUpTo(0, 3, 1) }, SYNC);
    await crash();
    expect(loaded.hardState).toEqual(hard(1, 3));
  });
});

describe('the replicated state', () => {
  beforeEach(async () => {
    const writes = [putRevision(2), putRevision(3, 0), tombstone(3, 1, 'k2'), putRevision(4, 0, '\0\xff', '\xfe\0')];
    await store.save({ hardState: hard(1, 5), entries: entries(1, 5, 1) }, SYNC);
    await store.save({ state: { writes, applied: applied(5, 1, 4) } }, SYNC);
  });

  test('keeps leases beside the revisions, each as it was written last', async () => {
    const lease = (id: bigint, remainingMs = 0): StateWrite => ({
      kind: 'putLease',
      lease: { id, ttlMs: 5000, remainingMs, grantedIndex: 4 },
    });
    const writes = [lease(7n), lease(-1n), lease(1n), lease(7n, 300), { kind: 'deleteLease', id: 1n } as const];
    await store.save({ entries: entries(6, 6, 1), state: { writes, applied: applied(6, 1, 4) } }, SYNC);
    await crash();
    const { leases, revisions } = await dumpState(await store.openState());
    expect(revisions).toHaveLength(4);
    expect(leases).toEqual([
      { id: 7n, ttlMs: 5000, remainingMs: 300, grantedIndex: 4 },
      { id: -1n, ttlMs: 5000, remainingMs: 0, grantedIndex: 4 },
    ]);
    // History is read without them.
    const scan = await store.scanRevisions(4);
    expect(await scan.nextRevisions(10)).toHaveLength(4);
    await scan.close();
  });

  test('keeps sessions behind the leases, the clock first, then each session, then the replies in their slots', async () => {
    const lease = { id: 7n, ttlMs: 5000, remainingMs: 0, grantedIndex: 0 };
    const writes: readonly StateWrite[] = [
      sessionReply(2, 1025),
      sessionReply(1, 3),
      { kind: 'putLease', lease },
      session(2),
      session(300),
      session(1),
      { kind: 'sessionClock', clock: { timeMs: 9, lastId: 300 } },
      sessionReply(2, 1),
      sessionReply(2, 7),
      { kind: 'deleteSession', id: 300 },
      { kind: 'deleteReply', session: 2, sequence: 1031 },
    ];
    await store.save({ entries: entries(6, 6, 1), state: { writes, applied: applied(6, 1, 4) } }, SYNC);
    await crash();
    const { leases, sessions } = await dumpState(await store.openState());
    expect(leases).toEqual([lease]);
    const clock = { kind: 'sessionClock', clock: { timeMs: 9, lastId: 300 } };
    expect(sessions).toEqual([clock, session(1), session(2), sessionReply(1, 3), sessionReply(2, 1)]);
  });

  test('reads back with the applied point it belongs to', async () => {
    await crash();
    expect(loaded.applied).toEqual(applied(5, 1, 4));
    const { revisions } = await dumpState(await store.openState());
    expect(revisions.map(({ revision }) => [revision.main, revision.sub])).toEqual([
      [2, 0],
      [3, 0],
      [3, 1],
      [4, 0],
    ]);
    expect(revisions.map((stored) => stored.tombstone)).toEqual([false, false, true, false]);
    expect(revisions[3]?.kv).toEqual({
      key: '\0\xff',
      value: '\xfe\0',
      createRevision: 4,
      modRevision: 4,
      version: 1,
      lease: 0n,
    });
    expect(revisions[2]?.kv).toMatchObject({ key: 'k2', value: '', modRevision: 3 });
  });

  test('an unsynced state is replayed from the log: applied point and writes go back together', async () => {
    await store.save({ hardState: hard(1, 6), entries: entries(6, 6, 1) }, SYNC);
    await store.save({ state: { writes: [putRevision(5)], applied: applied(6, 1, 5) } }, NO_SYNC);
    await crash();
    expect(loaded.applied).toEqual(applied(5, 1, 4));
    expect(loaded.entries.length).toBe(6);
    expect((await dumpState(await store.openState())).revisions.length).toBe(4);
  });

  test('readRevisions answers by position, undefined for what is not there', async () => {
    const found = await store.readRevisions([
      { main: 4, sub: 0 },
      { main: 3, sub: 2 },
      { main: 3, sub: 1 },
    ]);
    expect(found.map((stored) => stored?.kv.key)).toEqual(['\0\xff', undefined, 'k2']);
  });

  test('reads see every save made before them, awaited or not', async () => {
    const log = store.save({ hardState: hard(1, 7), entries: entries(6, 7, 1) }, SYNC);
    const save = store.save({ state: { writes: [putRevision(5)], applied: applied(7, 1, 5) } }, NO_SYNC);
    const [found] = await store.readRevisions([{ main: 5, sub: 0 }]);
    expect(found?.kv.value).toBe('v5.0');
    expect((await dumpState(await store.scanRevisions(5))).revisions.length).toBe(5);
    await Promise.all([log, save]);
  });

  test('scanRevisions ends after its revision and shows the state at its call', async () => {
    const scan = await store.scanRevisions(3);
    await store.save(
      {
        maintenance: [
          { kind: 'compacted', revision: 3 },
          { kind: 'deleteRevision', revision: { main: 2, sub: 0 } },
        ],
      },
      SYNC,
    );
    const before = await dumpState(scan, 1);
    expect(before.revisions.map(({ revision }) => revision.main)).toEqual([2, 3, 3]);
    const after = await dumpState(await store.scanRevisions(3));
    expect(after.revisions.map(({ revision }) => revision.main)).toEqual([3, 3]);
    expect(after.compactedRevision).toBe(3);
    expect((await dumpState(await store.scanRevisions(0))).revisions).toEqual([]);
    expect((await dumpState(await store.scanRevisions(Number.MAX_SAFE_INTEGER))).revisions.length).toBe(3);
  });

  test('scanRevisions from a revision reads nothing before it, and knows a gap after it', async () => {
    const places = async (upTo: number, from: number): Promise<string[]> => {
      const { revisions } = await dumpState(await store.scanRevisions(upTo, from), 1);
      return revisions.map(({ revision }) => `${revision.main}.${revision.sub}`);
    };
    expect(await places(4, 1)).toEqual(['2.0', '3.0', '3.1', '4.0']);
    expect(await places(4, 3)).toEqual(['3.0', '3.1', '4.0']);
    expect(await places(3, 3)).toEqual(['3.0', '3.1']);
    expect(await places(3, 4)).toEqual([]);
    await store.save({ maintenance: [{ kind: 'deleteRevision', revision: { main: 3, sub: 0 } }] }, SYNC);
    await expect(places(4, 3)).rejects.toThrow('revision 3 is missing');
    await store.save({ maintenance: [{ kind: 'compacted', revision: 3 }] }, SYNC);
    expect(await places(4, 3)).toEqual(['3.1', '4.0']);
  });

  test('members are replaced one by one', async () => {
    const member = { id: 1n, name: 'one', peerUrls: ['http://a', 'http://b'], clientUrls: ['http://c'] };
    const writes = [{ kind: 'member', member } as const];
    await store.save({ entries: entries(6, 6, 1), state: { writes, applied: applied(6, 1, 4) } }, SYNC);
    await crash();
    expect((await dumpState(await store.openState())).members).toEqual([member, MEMBERS[1]]);
  });

  test('size counts the live records, and forgets those that a compaction deletes', async () => {
    await dumpState(await store.openState());
    const full = await store.size();
    expect(full.liveBytes).toBeGreaterThan(4 * 20);
    expect(full.allocatedBytes).toBeGreaterThan(full.liveBytes);
    const gone = [2, 3].map((main) => ({ kind: 'deleteRevision', revision: { main, sub: 0 } }) as const);
    await store.save({ maintenance: [{ kind: 'compacted', revision: 3 }, ...gone] }, SYNC);
    expect((await store.size()).liveBytes).toBe(Math.round(full.liveBytes / 2));
    await crash();
    await dumpState(await store.openState());
    const exact = (await store.size()).liveBytes;
    expect(exact).toBeGreaterThan(0);
    expect(exact).toBeLessThan(full.liveBytes);
  });
});

describe('the trim', () => {
  beforeEach(async () => {
    await store.save({ hardState: hard(1, 5), entries: entries(1, 8, 1), state: stateUpTo(0, 5, 1) }, SYNC);
  });

  test('drops the log up to its point, which becomes the log start', async () => {
    await store.save({ trimTo: meta(5, 1) }, SYNC);
    await crash();
    expect(loaded.logStart).toEqual(meta(5, 1));
    expect(loaded.entries).toEqual(entries(6, 8, 1));
    expect(loaded.applied.index).toBe(5);
  });

  test('is refused beyond the applied point, and beyond one that is not durable yet', async () => {
    expect((await failureOf(store.save({ trimTo: meta(6, 1) }, SYNC))).name).toBe('InvariantError');
    await crash();
    await store.save({ state: stateUpTo(5, 8, 1) }, NO_SYNC);
    const failure = await failureOf(store.save({ trimTo: meta(8, 1) }, SYNC));
    expect(failure.message).toContain('a trim beyond the durable state');
  });

  test('may follow the applied point as soon as a synced batch has covered it', async () => {
    await store.save({ state: stateUpTo(5, 8, 1) }, NO_SYNC);
    await store.save({ hardState: hard(1, 8) }, SYNC);
    await store.save({ trimTo: meta(8, 1) }, SYNC);
    await crash();
    expect(loaded).toMatchObject({ logStart: meta(8, 1), entries: [], applied: { index: 8 } });
    await store.save({ entries: entries(9, 9, 1) }, SYNC);
    await crash();
    expect(loaded.entries).toEqual(entries(9, 9, 1));
  });

  test('of many entries is deleted over several saves, and holds from the first one on', async () => {
    await store.save({ hardState: hard(1, 5000), entries: entries(9, 5000, 1) }, SYNC);
    await store.save({ state: stateUpTo(5, 4990, 1) }, SYNC);
    const full = await engine.allocatedBytes();
    await store.save({ trimTo: meta(4990, 1) }, SYNC);
    const before = engine;
    await crash();
    expect(loaded.logStart.index).toBe(4990);
    expect(loaded.entries.length).toBe(10);
    expect(await engine.allocatedBytes()).toBeLessThan(full - 4980 * 20);
    expect(await before.allocatedBytes()).toBeGreaterThan(await engine.allocatedBytes());
  });
});

describe('broken promises of the caller are InvariantErrors, and nothing reaches the disk', () => {
  beforeEach(async () => {
    await store.save({ hardState: { term: 3, vote: 1n, commit: 3 }, entries: entries(1, 5, 3) }, SYNC);
    await store.save({ state: stateUpTo(0, 3, 3) }, SYNC);
  });

  const cases: readonly (readonly [string, Parameters<MemberStore['save']>[0]])[] = [
    ['a gap after the log', { entries: entries(7, 7, 3) }],
    ['entries that are not contiguous', { entries: [entry(6, 3), entry(8, 3)] }],
    ['terms that fall', { hardState: hard(5, 3), entries: [entry(6, 5), entry(7, 4)] }],
    ['an entry newer than the term', { entries: [entry(6, 4)] }],
    ['entries over what is applied', { hardState: hard(4, 3), entries: [entry(3, 4)] }],
    ['a term that goes back', { hardState: hard(2, 3) }],
    ['a second vote in one term', { hardState: { term: 3, vote: 2n, commit: 3 } }],
    ['a vote taken back', { hardState: { term: 3, vote: 0n, commit: 3 } }],
    ['a commit index that goes back', { hardState: { term: 3, vote: 1n, commit: 2 } }],
    ['a commit index beyond the log', { hardState: { term: 3, vote: 1n, commit: 6 } }],
    ['an applied point beyond the log', { state: stateUpTo(3, 6, 3) }],
    ['an applied point that goes back', { state: { writes: [], applied: applied(2, 3) } }],
    ['a log start that goes back', { trimTo: meta(-1, 0) }],
  ];

  test.each(cases)('%s', async (_, batch) => {
    expect((await failureOf(store.save(batch, SYNC))).name).toBe('InvariantError');
    await crash();
    expect(loaded.entries).toEqual(entries(1, 5, 3));
    expect(loaded.hardState).toEqual({ term: 3, vote: 1n, commit: 3 });
    expect(loaded.applied.index).toBe(3);
  });
});

describe('a failed write', () => {
  test('rejects the save and every later one; reads go on', async () => {
    await store.save({ hardState: hard(1, 1), entries: entries(1, 1, 1), state: stateUpTo(0, 1, 1) }, SYNC);
    engine.disk.failNextSync(new EngineError('IO', 'fdatasync: EIO'));
    const first = await failureOf(store.save({ entries: entries(2, 2, 1) }, SYNC));
    expect(first).toMatchObject({ name: 'EngineError', code: 'IO' });
    const second = await failureOf(store.save({ entries: entries(3, 3, 1) }, SYNC));
    expect(second).toMatchObject({ name: 'EngineError', code: 'IO' });
    expect((await store.readRevisions([{ main: 2, sub: 0 }]))[0]?.kv.key).toBe('k2');
    await crash();
    expect(loaded.entries).toEqual(entries(1, 1, 1));
  });

  test('for want of space says so', async () => {
    engine.disk.failNextWrite(new EngineError('NO_SPACE', 'No space left on device'));
    const failure = await failureOf(store.save({ hardState: hard(1) }, SYNC));
    expect(failure).toMatchObject({ code: 'NO_SPACE' });
  });
});

test('close waits for the saves in flight; later calls are refused', async () => {
  const save = store.save({ hardState: hard(1), entries: entries(1, 3, 1) }, SYNC);
  await store.close();
  await save;
  expect(await failureOf(store.save({ hardState: hard(2) }, SYNC))).toMatchObject({ code: 'CLOSED' });
  expect(await failureOf(store.openState())).toMatchObject({ code: 'CLOSED' });
  engine = new MemoryEngine(engine.disk);
  await start();
  expect(loaded.entries.length).toBe(3);
});
