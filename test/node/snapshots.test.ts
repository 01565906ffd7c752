import { afterEach, describe, expect, it } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { createDeferred } from '../../server/lib/deferred.js';
import { silentLogger } from '../../server/lib/logger.js';
import type { OutgoingSnapshot } from '../../server/node/ports.js';
import { EngineError } from '../../server/storage/engine.js';
import { StorageCorruptionError } from '../../server/storage/storage-errors.js';
import { Snapshots } from '../../server/node/snapshots.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';
import { getAll, put } from './requests.js';

let cluster: NodeCluster;
afterEach(() => expect(cluster.fatals).toEqual([]));

/** Three members, one of them cut off and so far behind that only a snapshot helps. */
async function withLaggard(valueBytes = 4): Promise<{ leader: RunningMember; laggard: RunningMember }> {
  cluster = new NodeCluster(3, { snapshotCount: 20, snapshotCatchUpEntries: 5 });
  await cluster.startAll();
  const leader = await cluster.untilLeader();
  const [laggard] = cluster.followers();
  if (laggard === undefined) throw new Error('no follower');
  cluster.isolate(laggard.node.id);
  // Until the leader has noticed: for a follower that is on its way it keeps the log.
  await cluster.clock.advance(2500);
  await writeSome(leader, 60, valueBytes);
  expect(leader.node.status().startIndex).toBeGreaterThan(laggard.node.status().lastIndex);
  // Nothing unsynced is left: from here on every sync of its disk belongs to the snapshot.
  await laggard.store.save({}, { sync: true });
  return { leader, laggard };
}

async function writeSome(member: RunningMember, count: number, valueBytes = 4): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await cluster.run(member.kv.put(put(`k${i % 10}`, `v${i}`.padEnd(valueBytes, '.'))));
  }
}

async function chunksOf(member: RunningMember): Promise<readonly Buffer[]> {
  const reader = await member.store.openSnapshot();
  const chunks: Buffer[] = [];
  for (let chunk = await reader.nextChunk(); chunk !== undefined; chunk = await reader.nextChunk()) chunks.push(chunk);
  await reader.close();
  return chunks;
}

async function* stream(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

/** Hands a snapshot of `from` to `to` as a transport would. */
async function handOver(from: RunningMember, to: RunningMember): Promise<number> {
  const chunks = stream(await chunksOf(from));
  return to.node.receiveSnapshot({ from: from.node.id, term: from.node.term, chunks });
}

function outcomeOf(work: Promise<number>): Promise<string> {
  return work.then(
    () => 'installed',
    (error: unknown) => String(error),
  );
}

async function expectEqualStates(): Promise<void> {
  await cluster.quiet();
  const hashes = await Promise.all(cluster.running.map(({ kv }) => cluster.run(kv.hashKv(0))));
  expect(new Set(hashes.map(({ hash, hashRevision }) => `${hashRevision} ${hash}`)).size).toBe(1);
}

describe('receiving a snapshot', () => {
  it('brings a member that is far behind back, while writes go on', async () => {
    const { leader, laggard } = await withLaggard();
    cluster.heal();
    await writeSome(leader, 30);
    await expectEqualStates();
    expect(laggard.node.status().startIndex).toBeGreaterThan(40);
    await cluster.run(laggard.kv.put(put('after', 'x')));
  });

  it('outlives a second one that begins at any point of the first', async () => {
    const seen = new Set<string>();
    for (let at = 0; ; at += 1) {
      const { leader, laggard } = await withLaggard();
      const held = createDeferred<void>();
      const reached = createDeferred<boolean>();
      let moment = 0;
      const hold = (): Promise<void> | void => {
        if (moment++ !== at) return;
        reached.resolve(true);
        return held.promise;
      };
      cluster.probe(laggard.node.id).beforeWrite = hold;
      cluster.probe(laggard.node.id).beforeSync = hold;
      const first = outcomeOf(handOver(leader, laggard));
      void first.then(() => reached.resolve(false));
      if (!(await cluster.run(reached.promise))) break;
      const second = outcomeOf(handOver(leader, laggard));
      await cluster.clock.settle();
      held.resolve();
      const outcomes = [await cluster.run(first), await cluster.run(second)];
      expect(outcomes.filter((text) => text === 'installed').length).toBeGreaterThanOrEqual(1);
      expect(cluster.fatals).toEqual([]);
      for (const text of outcomes) seen.add(text);
      cluster.heal();
      await expectEqualStates();
    }
    // The first one gives way, or the second one is told to come again.
    expect([...seen].some((text) => text.includes('ABORTED') || text.includes('thrown away'))).toBe(true);
    expect([...seen].some((text) => text.includes('TOO_MANY_REQUESTS'))).toBe(true);
  });

  it('refuses another one until the state is rebuilt, and takes the next one then', async () => {
    const { leader, laggard } = await withLaggard();
    const held = createDeferred<void>();
    const first = outcomeOf(handOver(leader, laggard));
    // The batch that installs it is the one that hangs.
    cluster.probe(laggard.node.id).beforeWrite = (sync) => (sync ? held.promise : undefined);
    await cluster.clock.advance(5);
    await cluster.clock.advance(5);
    cluster.probe(laggard.node.id).beforeWrite = () => undefined;
    held.resolve();
    expect(await cluster.run(first)).toBe('installed');
    await writeSome(leader, 30);
    expect(await cluster.run(outcomeOf(handOver(leader, laggard)))).toBe('installed');
    cluster.heal();
    await expectEqualStates();
  });

  it('answers a doubled one at once: what it holds is there already', async () => {
    const { leader, laggard } = await withLaggard();
    const index = await cluster.run(handOver(leader, laggard));
    expect(laggard.node.status().startIndex).toBe(index);
    expect(await cluster.run(handOver(leader, laggard), 1000)).toBe(index);
    expect(laggard.node.isServing).toBe(true);
    cluster.heal();
    await expectEqualStates();
  });

  it('answers an old one at once and stays what it is', async () => {
    const { leader, laggard } = await withLaggard();
    const old = await chunksOf(leader);
    const { term } = leader.node;
    await writeSome(leader, 10);
    const index = await cluster.run(handOver(leader, laggard));
    const again = laggard.node.receiveSnapshot({ from: leader.node.id, term, chunks: stream(old) });
    expect(await cluster.run(again, 1000)).toBe(index);
    cluster.heal();
    await expectEqualStates();
  });

  it('of a leader whose term is over is thrown away', async () => {
    const { leader, laggard } = await withLaggard();
    const chunks = stream(await chunksOf(leader));
    const term = laggard.node.term - 1;
    const before = laggard.node.status();
    const outcome = laggard.node.receiveSnapshot({ from: leader.node.id, term, chunks });
    // An index would be an answer: its sender, which does not know yet, would send the next one at once, and so on.
    expect(await cluster.run(outcome.catch(String), 1000)).toContain('LEADER_CHANGED');
    expect(laggard.node.status().startIndex).toBe(before.startIndex);
    cluster.heal();
    await expectEqualStates();
  });

  it('refuses a damaged one and asks again', async () => {
    const { laggard } = await withLaggard();
    let damaged = 0;
    cluster.onChunk = (_from, to, sequence) => {
      if (to !== laggard.node.id || sequence !== 1 || damaged === 2) return;
      damaged += 1;
      throw new Error('the stream broke');
    };
    cluster.heal();
    await expectEqualStates();
    expect(damaged).toBe(2);
  });

  it('ends when the member stops, with a refusal and not with a lie', async () => {
    const { leader, laggard } = await withLaggard();
    const held = createDeferred<void>();
    cluster.probe(laggard.node.id).beforeWrite = (sync) => (sync ? held.promise : undefined);
    const work = outcomeOf(handOver(leader, laggard));
    await cluster.clock.settle();
    const stopped = laggard.node.stop();
    await cluster.clock.advance(1500);
    held.resolve();
    await cluster.run(stopped);
    expect(await cluster.run(work)).not.toBe('installed');
  });
});

describe('a member whose disk fails while it receives a snapshot', () => {
  const failures: readonly (readonly [string, (member: RunningMember) => void])[] = [
    ['in a write', ({ node }) => cluster.disk(node.id).failNextWrite(new EngineError('NO_SPACE', 'ENOSPC'))],
    ['in a sync', ({ node }) => cluster.disk(node.id).failNextSync(new EngineError('IO', 'EIO'))],
  ];
  for (const [where, breakDisk] of failures) {
    // It has nothing else to write: it would refuse snapshots for ever.
    it(`${where}: stops, and takes one after its next start`, async () => {
      const { leader, laggard } = await withLaggard();
      breakDisk(laggard);
      expect(await cluster.run(outcomeOf(handOver(leader, laggard)))).not.toBe('installed');
      expect(cluster.fatals.splice(0)).toMatchObject([{ id: laggard.node.id, cause: 'storage' }]);
      await cluster.stop(laggard.node.id);
      cluster.crash(laggard.node.id);
      await cluster.start(laggard.node.id);
      cluster.heal();
      await expectEqualStates();
    });
  }
});

describe('what fails while a snapshot is sent', () => {
  const send = async (error: Error, isRead: boolean): Promise<readonly unknown[]> => {
    const failed: unknown[] = [];
    const unused = () => Promise.reject(new Error('not asked for'));
    const meta = { index: 5, term: 1, conf: { voters: [1n], learners: [] } };
    const reader = { meta, nextChunk: () => Promise.reject(error), close: () => Promise.resolve() };
    const store = { receiveSnapshot: unused, openSnapshot: () => Promise.resolve(reader) };
    const transport = {
      sendSnapshot: (_: bigint, outgoing: OutgoingSnapshot) =>
        isRead ? outgoing.nextChunk().then(() => 5) : Promise.reject(error),
    };
    const snapshots = new Snapshots(store, transport, silentLogger, (failure) => failed.push(failure));
    expect(await snapshots.send(2n, 1, 5)).toBeUndefined();
    expect(snapshots.neededIndex).toBe(Infinity);
    return failed;
  };

  it.each([
    ['an unreadable disk', new EngineError('IO', 'EIO')],
    ['damage', new StorageCorruptionError('a record')],
  ])('%s of the sender ends the sender, which could help nobody', async (_, error) => {
    cluster = new NodeCluster(1);
    expect(await send(error, true)).toEqual([error]);
  });

  it('a disk of the receiver, or a sender that stops, ends nobody here', async () => {
    cluster = new NodeCluster(1);
    expect(await send(new EngineError('IO', 'EIO'), false)).toEqual([]);
    expect(await send(new EngineError('CLOSED', 'closed'), true)).toEqual([]);
  });
});

describe('what fails while a snapshot is received', () => {
  const failed: unknown[] = [];
  async function* chunksThatEndWith(error: Error): AsyncIterable<Buffer> {
    yield Buffer.from('a chunk');
    throw error;
  }
  const receive = async (error: Error, write: () => Promise<void>): Promise<unknown> => {
    const writer = { writeChunk: write, finish: () => Promise.reject(error), abort: () => Promise.resolve() };
    const store = { receiveSnapshot: () => Promise.resolve(writer), openSnapshot: () => Promise.reject(error) };
    const transport = { sendSnapshot: () => Promise.reject(error) };
    const snapshots = new Snapshots(store, transport, silentLogger, (failure) => failed.push(failure));
    const chunks = chunksThatEndWith(error);
    return snapshots.receive({ from: 2n, term: 1, chunks }).catch((reason: unknown) => reason);
  };
  afterEach(() => failed.splice(0));

  it('at the sender is its own affair', async () => {
    cluster = new NodeCluster(1);
    const error = new EngineError('IO', 'EIO');
    expect(await receive(error, () => Promise.resolve())).toBe(error);
    expect(failed).toEqual([]);
  });

  it('here ends this member: a write as well as a broken rule', async () => {
    cluster = new NodeCluster(1);
    for (const error of [new EngineError('IO', 'EIO'), new InvariantError('broken')]) {
      expect(await receive(new Error('not reached'), () => Promise.reject(error))).toBe(error);
    }
    expect(failed).toMatchObject([{ code: 'IO' }, { message: 'broken' }]);
  });
});

describe('a member that cannot rebuild its state from a snapshot', () => {
  const failures: readonly (readonly [string, Error, string])[] = [
    ['for its disk', new EngineError('IO', 'EIO'), 'storage'],
    ['for a bug of ours', new InvariantError('records out of order'), 'invariant'],
  ];
  for (const [why, error, cause] of failures) {
    it(`${why}: stops, and tells the sender that it has not got it`, async () => {
      const { leader, laggard } = await withLaggard();
      cluster.onRebuild = () => Promise.reject(error);
      const work = outcomeOf(handOver(leader, laggard));
      expect(await cluster.run(work)).toContain('STOPPED');
      expect(cluster.fatals.splice(0)).toMatchObject([{ id: laggard.node.id, cause }]);
      await cluster.stop(laggard.node.id);
      // On its disk it has it.
      cluster.onRebuild = () => undefined;
      await cluster.start(laggard.node.id);
      cluster.heal();
      await expectEqualStates();
    });
  }
});

describe('a member that loses power while it receives a snapshot', () => {
  it('has the old state or the new one, at every point', async () => {
    // Counted by the receiver's disk: every write and every sync from the first chunk to the end of the rebuild.
    let points = 0;
    for (let at = 0; ; at += 1) {
      // Several chunks, each larger than what the engine leaves unsynced.
      const { laggard } = await withLaggard(30_000);
      const { id } = laggard.node;
      let moment = 0;
      let isCut = false;
      const cutAt = (): Promise<void> | void => {
        if (isCut || moment++ < at) return;
        isCut = true;
        cluster.crash(id);
        return new Promise<never>(() => undefined);
      };
      cluster.probe(id).beforeWrite = cutAt;
      cluster.probe(id).beforeSync = cutAt;
      cluster.heal();
      await cluster.clock.advance(3000);
      cluster.probe(id).beforeWrite = () => undefined;
      cluster.probe(id).beforeSync = () => undefined;
      if (isCut) await cluster.start(id);
      await expectEqualStates();
      const { kvs } = await cluster.run(cluster.member(id).kv.range(getAll({ serializable: true })));
      expect(kvs).toHaveLength(10);
      expect(cluster.fatals).toEqual([]);
      if (!isCut) break;
      points += 1;
      if (points > 60) break;
    }
    console.info(`receiving a snapshot: ${points} points`);
    expect(points).toBeGreaterThan(10);
  });
});
