import { describe, expect, it } from 'vitest';
import type { Event } from '../../server/state/result.js';
import { createDeferred } from '../../server/lib/deferred.js';
import { seededRandom } from '../../server/lib/random.js';
import { checkWatches } from '../checkers/watch-checker.js';
import { spec } from '../watch/hub-kit.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';
import { compact, del, put, txn } from './requests.js';
import { Watching } from './watching.js';

const everything = (startRevision = 0) => spec('\0', { rangeEnd: '\0', startRevision, prevKv: true });

async function single(): Promise<{ cluster: NodeCluster; member: RunningMember; history: Event[] }> {
  const cluster = new NodeCluster(1);
  const member = await cluster.start(1n);
  const history: Event[] = [];
  member.node.onEvents((events) => history.push(...events));
  await cluster.untilLeader();
  return { cluster, member, history };
}

/** Each in an entry of its own, as logs are trimmed by entries: bare puts that come together would share one. */
async function putMany(cluster: NodeCluster, member: RunningMember, count: number, size = 10): Promise<void> {
  const value = 'x'.repeat(size);
  const putOne = (at: number) => member.kv.txn(txn({ success: [put(`k${at % 7}`, value)] }));
  await cluster.run(Promise.all(Array.from({ length: count }, (_, at) => putOne(at))));
}

/** A restart forgets the newest events, so that history comes from the disk; nothing is left to be applied again. */
async function restart(cluster: NodeCluster): Promise<RunningMember> {
  await cluster.run(cluster.member(1n).node.written());
  await cluster.stop(1n);
  const member = await cluster.start(1n);
  await cluster.untilLeader();
  return member;
}

/** Whatever reads history from here on waits until the returned function is called. */
function holdScans({ store }: RunningMember): () => void {
  const gate = createDeferred<void>();
  const scan = store.scanRevisions.bind(store);
  store.scanRevisions = async (upTo, from) => {
    await gate.promise;
    return scan(upTo, from);
  };
  return () => gate.resolve();
}

/** Whatever reads what was before waits until the returned function is called. `held` tells how many do. */
function holdReads({ store }: RunningMember): { readonly release: () => void; readonly held: () => number } {
  const gate = createDeferred<void>();
  let held = 0;
  const read = store.readRevisions.bind(store);
  store.readRevisions = async (revisions) => {
    held += 1;
    await gate.promise;
    return read(revisions);
  };
  return { release: () => gate.resolve(), held: () => held };
}

function violations(history: readonly Event[], watching: Watching, member: RunningMember): unknown {
  const { compactedRevision, revision } = member.node.machine;
  return checkWatches({ events: history, compactedRevision }, watching.records(revision));
}

describe('a watcher on a member', () => {
  it('is told what happens as it happens', async () => {
    const { cluster, member, history } = await single();
    const watching = new Watching(member.kv);
    watching.create(everything());
    await putMany(cluster, member, 50);
    await cluster.run(member.kv.deleteRange(del('k1', 'k4')));
    await cluster.clock.settle();
    expect(watching.revisions().length).toBe(53);
    expect(violations(history, watching, member)).toEqual([]);
  });

  it('gets all of history from the disk, with what was before, while more is written', async () => {
    const { cluster, member, history } = await single();
    await putMany(cluster, member, 3_000);
    await cluster.run(member.kv.deleteRange(del('\0', '\0')));
    const again = await restart(cluster);
    again.node.onEvents((events) => history.push(...events));
    const watching = new Watching(again.kv);
    watching.create(everything(1));
    watching.create(spec('k3', { startRevision: 1_500 }));
    await putMany(cluster, again, 100);
    await cluster.until(() => watching.revisions().length === 3_107);
    expect(violations(history, watching, again)).toEqual([]);
    const batches = watching.outputs.flatMap((output) => (output.kind === 'events' ? [output] : []));
    expect(Math.max(...batches.map(({ events }) => new Set(events.map(({ revision }) => revision.main)).size))).toBe(
      1_000,
    );
    expect(batches.filter(({ watchId }) => watchId === 0n).length).toBeLessThan(120);
  });

  it('that stopped reading holds little, and then gets every event', async () => {
    const { cluster, member, history } = await single();
    const [slow, quick] = [new Watching(member.kv), new Watching(member.kv)];
    slow.create(everything());
    quick.create(everything());
    slow.isReading = false;
    // More than is kept in memory of the newest events.
    for (let round = 0; round < 25; round += 1) {
      await putMany(cluster, member, 10, 100_000);
      expect(slow.stream.queued.bytes).toBeLessThan(3.2 * 1024 * 1024);
    }
    await cluster.clock.settle();
    expect(quick.revisions().length).toBe(250);
    expect(slow.stream.behind.size).toBe(1);
    slow.isReading = true;
    slow.read();
    await cluster.until(() => slow.revisions().length === 250);
    expect(violations(history, slow, member)).toEqual([]);
    slow.stream.close();
    quick.stream.close();
  }, 60_000);
});

describe('a disk that cannot be read', () => {
  it('ends the streams that need it, and no others', async () => {
    const { cluster, member } = await single();
    await putMany(cluster, member, 20);
    const again = await restart(cluster);
    const [past, present] = [new Watching(again.kv), new Watching(again.kv)];
    again.store.scanRevisions = () => Promise.reject(new Error('unreadable'));
    present.create(everything());
    past.create(everything(2));
    await cluster.until(() => past.isEnded);
    expect([past.isEnded, past.stream.isOpen, present.isEnded]).toEqual([true, false, false]);
    await cluster.run(again.kv.put(put('a', '1')));
    await cluster.clock.settle();
    expect([present.revisions().length, again.kv.watchers]).toEqual([1, 1]);
  });
});

describe('a compaction', () => {
  it('ends a watcher whose next revision it takes, and tells until where', async () => {
    const { cluster, member } = await single();
    await putMany(cluster, member, 20);
    await cluster.run(member.kv.compact(compact(15), true));
    const watching = new Watching(member.kv);
    watching.create(everything(14));
    watching.create(everything(15));
    await cluster.clock.settle();
    const end = watching.outputs.find(({ kind }) => kind === 'canceled');
    expect(end).toEqual({ kind: 'canceled', watchId: 0n, revision: 0, compactRevision: 15 });
    expect(watching.revisions(1n)).toEqual([15, 16, 17, 18, 19, 20, 21]);
  });

  it('leaves the delete at its own revision to a watcher that starts there, after a restart too', async () => {
    const { cluster, member } = await single();
    await cluster.run(member.kv.put(put('a', '1')));
    await cluster.run(member.kv.put(put('a', '2')));
    await cluster.run(member.kv.deleteRange(del('a')));
    await cluster.run(member.kv.put(put('b', '1')));
    await cluster.run(member.kv.compact(compact(4), true));
    for (const value of ['2', '3']) {
      const again = await restart(cluster);
      await cluster.run(again.kv.put(put('b', value)));
      const watching = new Watching(again.kv);
      watching.create(spec('a', { startRevision: 4, prevKv: true }));
      await cluster.until(() => watching.revisions().length === 1);
      expect(watching.events()).toMatchObject([{ type: 'delete', prevKv: undefined }]);
    }
  });

  it('that is carried out while a read of history waits for the disk leaves what is about to be read', async () => {
    const { cluster, member, history } = await single();
    await putMany(cluster, member, 40);
    const again = await restart(cluster);
    again.node.onEvents((events) => history.push(...events));
    const release = holdScans(again);
    const watching = new Watching(again.kv);
    watching.create(everything(5));
    await cluster.clock.advance(100);
    await cluster.run(again.kv.compact(compact(35), false));
    await cluster.clock.advance(1_000);
    expect(again.node.machine.removedRevision).toBeLessThan(5);
    release();
    await cluster.until(() => watching.stream.behind.size === 0);
    expect(watching.revisions()[0]).toBe(5);
    expect(violations(history, watching, again)).toEqual([]);
    await cluster.until(() => again.node.machine.removedRevision === 35);
  });

  it('in the middle of reading history takes nothing from what is being read', async () => {
    const { cluster, member, history } = await single();
    await putMany(cluster, member, 40);
    await cluster.run(member.kv.deleteRange(del('\0', '\0')));
    const again = await restart(cluster);
    again.node.onEvents((events) => history.push(...events));
    for (let delay = 0; delay < 12; delay += 1) {
      const { machine } = again.node;
      const from = Math.max(2, machine.compactedRevision);
      const watching = new Watching(again.kv);
      watching.create(everything(from));
      const compacted = cluster.run(again.kv.compact(compact(from + 2), true));
      for (let turn = 0; turn < delay; turn += 1) await Promise.resolve();
      await compacted;
      await cluster.run(again.kv.put(put('z', String(delay))));
      await cluster.until(
        () => watching.outputs.some(({ kind }) => kind === 'canceled') || watching.stream.behind.size === 0,
      );
      expect(violations(history, watching, again), `delay ${delay}`).toEqual([]);
      watching.stream.close();
    }
  });
});

describe('a snapshot that becomes the state', () => {
  /** A follower with watchers, and a leader that it can catch up with by a snapshot only. `installs` tells how often. */
  async function laggard(): Promise<{
    cluster: NodeCluster;
    leader: RunningMember;
    behind: RunningMember;
    history: readonly Event[];
    installs: () => number;
  }> {
    const cluster = new NodeCluster(3, { snapshotCount: 20, snapshotCatchUpEntries: 5 });
    await cluster.startAll();
    const leader = await cluster.untilLeader();
    const history: Event[] = [];
    leader.node.onEvents((events) => history.push(...events));
    await cluster.quiet();
    const behind = cluster.followers()[0];
    if (behind === undefined) throw new Error('no follower');
    let installs = 0;
    cluster.onRebuild = () => {
      installs += 1;
    };
    return { cluster, leader, behind, history, installs: () => installs };
  }

  async function fallBehind(cluster: NodeCluster, leader: RunningMember, behind: RunningMember): Promise<void> {
    cluster.isolate(behind.node.id);
    // Until the leader has noticed: for a follower that is on its way it keeps the log.
    await cluster.clock.advance(2_500);
    for (let round = 0; round < 10; round += 1) await putMany(cluster, leader, 10);
  }

  it('lets every watcher go on from where it was, on the history of the new state', async () => {
    const { cluster, leader, behind, history, installs } = await laggard();
    const watching = new Watching(behind.kv);
    watching.create(everything());
    watching.create(spec('k1', { startRevision: 60, prevKv: true }));
    watching.create(spec('k2', { startRevision: 1_000 }));
    await putMany(cluster, leader, 10);
    await cluster.quiet();
    expect(watching.revisions().length).toBe(10);
    await fallBehind(cluster, leader, behind);
    await cluster.run(leader.kv.txn(txn({ success: [put('k1', 'a'), put('k2', 'b')] })));
    cluster.heal();
    await cluster.quiet();
    await cluster.until(() => watching.stream.behind.size === 0);
    expect(installs()).toBe(1);
    expect(watching.revisions().length).toBe(112);
    expect(violations(history, watching, behind)).toEqual([]);
    await putMany(cluster, leader, 10);
    await cluster.quiet();
    expect(watching.revisions().length).toBe(122);
  });

  it('ends those whose next revision is compacted in it', async () => {
    const { cluster, leader, behind, installs } = await laggard();
    const watching = new Watching(behind.kv);
    watching.create(everything());
    await fallBehind(cluster, leader, behind);
    await cluster.run(leader.kv.compact(compact(50), true));
    cluster.heal();
    await cluster.quiet();
    await cluster.clock.settle();
    expect(installs()).toBe(1);
    expect(watching.outputs.at(-1)).toEqual({ kind: 'canceled', watchId: 0n, revision: 0, compactRevision: 50 });
    expect(watching.revisions()).toEqual([]);
  });

  it('makes what was read of history around it worthless, where it is compacted further', async () => {
    const { cluster, leader, behind, history, installs } = await laggard();
    await putMany(cluster, leader, 30);
    // Outlives the compaction, unlike what happened before it.
    await cluster.run(leader.kv.put(put('lasting', '1')));
    await cluster.quiet();
    const id = behind.node.id;
    await cluster.run(behind.node.written());
    await cluster.stop(id);
    const again = await cluster.start(id);
    await cluster.quiet();
    await fallBehind(cluster, leader, again);
    await cluster.run(leader.kv.compact(compact(100), true));
    const release = holdScans(again);
    const watching = new Watching(again.kv);
    watching.create(everything(2));
    await cluster.clock.advance(100);
    cluster.heal();
    await cluster.quiet();
    expect(installs()).toBe(1);
    release();
    await cluster.until(() => watching.outputs.length > 1);
    expect(watching.outputs.at(-1)).toEqual({ kind: 'canceled', watchId: 0n, revision: 0, compactRevision: 100 });
    expect(violations(history, watching, again)).toEqual([]);
    expect(watching.revisions()).toEqual([]);
  });

  it('takes away what a reading of history still looks for', async () => {
    const { cluster, leader, behind, history, installs } = await laggard();
    await putMany(cluster, leader, 30);
    await cluster.quiet();
    const id = behind.node.id;
    await cluster.run(behind.node.written());
    await cluster.stop(id);
    const again = await cluster.start(id);
    await cluster.quiet();
    await fallBehind(cluster, leader, again);
    await cluster.run(leader.kv.compact(compact(100), true));
    const { release, held } = holdReads(again);
    const watching = new Watching(again.kv);
    watching.create(everything(2));
    await cluster.until(() => held() > 0);
    cluster.heal();
    await cluster.quiet();
    expect(installs()).toBe(1);
    release();
    await cluster.until(() => watching.outputs.length > 1);
    expect(watching.outputs.at(-1)).toEqual({ kind: 'canceled', watchId: 0n, revision: 0, compactRevision: 100 });
    expect(violations(history, watching, again)).toEqual([]);
  });

  it('is what those go on with who came while it was being loaded, though nothing else happens', async () => {
    const { cluster, leader, behind, history } = await laggard();
    await putMany(cluster, leader, 30);
    await cluster.quiet();
    const id = behind.node.id;
    await cluster.run(behind.node.written());
    await cluster.stop(id);
    const again = await cluster.start(id);
    await cluster.quiet();
    await fallBehind(cluster, leader, again);
    const gate = createDeferred<void>();
    cluster.onRebuild = () => gate.promise;
    cluster.heal();
    await cluster.until(() => !again.node.isServing);
    const watching = new Watching(again.kv);
    watching.create(everything(2));
    await cluster.clock.settle();
    gate.resolve();
    await cluster.until(() => again.node.isServing);
    await cluster.clock.advance(100);
    expect(watching.revisions().length).toBe(130);
    expect(violations(history, watching, again)).toEqual([]);
  });

  it('does not disturb a reading of history that it overtakes', async () => {
    const { cluster, leader, behind, history, installs } = await laggard();
    await putMany(cluster, leader, 30);
    await cluster.quiet();
    const id = behind.node.id;
    await cluster.stop(id);
    const again = await cluster.start(id);
    await cluster.quiet();
    await fallBehind(cluster, leader, again);
    const watching = new Watching(again.kv);
    cluster.heal();
    cluster.onChunk = () => {
      if (watching.outputs.length === 0) watching.create(everything(2));
    };
    await cluster.quiet();
    await cluster.until(() => watching.stream.behind.size === 0);
    expect(installs()).toBe(1);
    expect(watching.revisions().length).toBe(130);
    expect(violations(history, watching, again)).toEqual([]);
  });
});

describe('random work on a member', () => {
  it('is told right to readers of every speed, over restarts of the reading', async () => {
    const random = seededRandom(11);
    const { cluster, member, history } = await single();
    const readers: Watching[] = [];
    for (let round = 0; round < 60; round += 1) {
      const { machine } = member.node;
      const watching = new Watching(member.kv);
      watching.isReading = random.below(3) > 0;
      watching.create(everything(random.below(2) === 0 ? 0 : Math.max(1, machine.revision - random.below(40))));
      watching.create(
        spec('k1', { startRevision: Math.max(1, machine.revision + 5 - random.below(20)), prevKv: true }),
      );
      readers.push(watching);
      await putMany(cluster, member, random.below(30), random.below(4) === 0 ? 60_000 : 10);
      if (random.below(3) === 0) await cluster.run(member.kv.deleteRange(del('k1', 'k3')));
      if (random.below(9) === 0) {
        await cluster
          .run(member.kv.compact(compact(member.node.machine.revision - random.below(5)), false))
          .catch(() => undefined);
      }
      readers[random.below(readers.length)]?.stream.requestProgress();
    }
    for (let isBusy = true; isBusy; ) {
      for (const reader of readers) {
        reader.isReading = true;
        reader.read();
      }
      await cluster.clock.settle();
      isBusy = readers.some(({ stream }) => stream.behind.size > 0 || stream.queued.outputs > 0);
    }
    for (const reader of readers) expect(violations(history, reader, member)).toEqual([]);
  }, 60_000);
});
