import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { createDeferred, type Deferred } from '../../server/lib/deferred.js';
import { LIMITS } from '../../server/node/limits.js';
import { type SavedBatch, SaveLane } from '../../server/node/save-lane.js';
import type { Ready } from '../../server/raft/ready.js';
import type { ConfState, Entry, HardState, Message, SnapshotMeta } from '../../server/raft/types.js';
import type { StateWrite } from '../../server/state/result.js';
import type { AppliedPoint, MemberStore, SaveBatch } from '../../server/storage/member-store.js';
import { microtasks } from './virtual-clock.js';

const CONF: ConfState = { voters: [1n], learners: [] };
const START = { hardState: { term: 1, vote: 0n, commit: 0 }, applied: appliedAt(0, 0) };

function appliedAt(index: number, term: number, revision = 1): AppliedPoint {
  return { index, term, conf: CONF, revision };
}
function entry(index: number, term: number): Entry {
  return { kind: 'normal', index, term, data: Buffer.from(`${term}.${index}`) };
}
function meta(index: number, term: number): SnapshotMeta {
  return { index, term, conf: CONF };
}
function hard(term: number, commit: number): HardState {
  return { term, vote: 1n, commit };
}
function ack(term: number, index: number): Message {
  return { type: 'appendResponse', from: 1n, to: 2n, term, accepted: true, index, hintIndex: 0, hintTerm: 0 };
}
function write(main: number): StateWrite {
  return { kind: 'deleteRevision', revision: { main, sub: 0 } };
}
function ready(saveId: number, parts: Partial<Ready>): Ready {
  return {
    saveId,
    hardState: undefined,
    entries: [],
    snapshot: undefined,
    mustSync: (parts.entries?.length ?? 0) > 0 || parts.snapshot !== undefined,
    messages: [],
    afterSave: [],
    committed: [],
    reads: [],
    droppedReads: [],
    ...parts,
  };
}

type Call =
  | { readonly kind: 'save'; readonly batch: SaveBatch; readonly sync: boolean }
  | { readonly kind: 'install'; readonly meta: SnapshotMeta; readonly hardState: HardState };

/** Writes nothing: each call waits until the test lets it succeed or fail. */
class HeldStore {
  readonly calls: Call[] = [];
  readonly #held: Deferred<void>[] = [];

  /** The two calls that a lane makes. */
  get port(): Pick<MemberStore, 'save' | 'installSnapshot'> {
    return {
      save: (batch, { sync }) => this.#hold({ kind: 'save', batch, sync }),
      installSnapshot: (installed, hardState) => this.#hold({ kind: 'install', meta: installed, hardState }),
    };
  }
  async succeed(): Promise<void> {
    this.#held.shift()?.resolve();
    await microtasks();
  }
  async fail(error: Error): Promise<void> {
    this.#held.shift()?.reject(error);
    await microtasks();
  }
  get last(): Call | undefined {
    return this.calls.at(-1);
  }
  get lastBatch(): SaveBatch | undefined {
    return this.last?.kind === 'save' ? this.last.batch : undefined;
  }

  #hold(call: Call): Promise<void> {
    this.calls.push(call);
    const held = createDeferred<void>();
    this.#held.push(held);
    return held.promise;
  }
}

function build() {
  const store = new HeldStore();
  const saved: SavedBatch[] = [];
  const failures: unknown[] = [];
  const lane = new SaveLane(store.port, START, {
    saved: (batch) => saved.push(batch),
    failed: (error) => failures.push(error),
  });
  return { store, saved, failures, lane };
}

describe('the save lane', () => {
  it('has nothing to write at first and flushing it changes nothing', () => {
    const { lane, store } = build();
    lane.flush(0);
    expect(store.calls).toEqual([]);
    expect(lane.isIdle).toBe(true);
    expect(lane.writingSince).toBeUndefined();
  });

  it('writes one batch at a time and collects everything that comes meanwhile into the next', async () => {
    const { lane, store, saved } = build();
    lane.addReady(ready(1, { entries: [entry(1, 1)], hardState: hard(1, 0), afterSave: [ack(1, 1)] }));
    lane.flush(5);
    expect(lane.writingSince).toBe(5);
    lane.addReady(ready(2, { entries: [entry(2, 1)], afterSave: [ack(1, 2)] }));
    lane.flush(6);
    lane.addReady(ready(3, { hardState: hard(1, 1) }));
    lane.addWrites([write(2)]);
    lane.addApplied(appliedAt(1, 1, 2));
    lane.addMaintenance([write(1)]);
    lane.flush(7);
    expect(store.calls).toHaveLength(1);
    expect(saved).toEqual([]);
    expect(lane.isIdle).toBe(false);
    await store.succeed();
    expect(saved).toEqual([
      { saveId: 1, afterSave: [ack(1, 1)], snapshot: undefined, synced: true, trimmedTo: undefined },
    ]);
    lane.flush(8);
    expect(store.last).toEqual({
      kind: 'save',
      sync: true,
      batch: {
        hardState: hard(1, 1),
        entries: [entry(2, 1)],
        state: { writes: [write(2)], applied: appliedAt(1, 1, 2) },
        maintenance: [write(1)],
      },
    });
    await store.succeed();
    expect(saved.map(({ saveId }) => saveId)).toEqual([1, 3]);
    expect(lane.isIdle).toBe(true);
    expect(lane.writingSince).toBeUndefined();
  });

  it('syncs a batch exactly when something in it has to survive a power cut', async () => {
    const { lane, store } = build();
    lane.addReady(ready(1, { hardState: hard(1, 1) }));
    lane.demand();
    lane.flush(0);
    expect(store.last).toMatchObject({ sync: false });
    await store.succeed();
    lane.addReady(ready(2, { hardState: hard(1, 2) }));
    lane.addReady(ready(3, { hardState: hard(2, 2), mustSync: true }));
    lane.addReady(ready(4, { hardState: hard(2, 3) }));
    lane.flush(0);
    expect(store.last).toMatchObject({ sync: true, batch: { hardState: hard(2, 3) } });
  });

  it('merges entries that were overwritten before they were saved: the last writer of an index stays', () => {
    const { lane, store } = build();
    lane.addReady(ready(1, { entries: [entry(1, 1), entry(2, 1), entry(3, 1), entry(4, 1)] }));
    lane.addReady(ready(2, { entries: [entry(3, 2)], hardState: hard(2, 0) }));
    lane.addReady(ready(3, { entries: [entry(4, 2), entry(5, 2)] }));
    lane.flush(0);
    expect(store.lastBatch?.entries).toEqual([entry(1, 1), entry(2, 1), entry(3, 2), entry(4, 2), entry(5, 2)]);
  });

  it('drops what a snapshot replaces and keeps what comes after it', async () => {
    const { lane, store, saved } = build();
    lane.addReady(ready(1, { entries: [entry(1, 1)], afterSave: [ack(1, 1)] }));
    lane.addWrites([write(1)]);
    lane.addApplied(appliedAt(1, 1));
    lane.addMaintenance([write(0)]);
    lane.addReady(ready(2, { snapshot: meta(10, 2), hardState: hard(2, 10), afterSave: [ack(2, 10)] }));
    lane.addReady(ready(3, { entries: [entry(11, 2)], hardState: hard(2, 10) }));
    lane.flush(0);
    expect(store.last).toMatchObject({ kind: 'install', meta: meta(10, 2) });
    await store.succeed();
    expect(saved).toEqual([]);
    expect(store.last).toEqual({
      kind: 'save',
      sync: true,
      batch: { hardState: hard(2, 10), entries: [entry(11, 2)] },
    });
    await store.succeed();
    expect(saved).toMatchObject([{ saveId: 3, snapshot: meta(10, 2), afterSave: [ack(1, 1), ack(2, 10)] }]);
    expect(lane.durablePoint.index).toBe(10);
    expect(lane.writtenPoint.index).toBe(10);
  });

  it('installs a snapshot with no commit index beyond it: the entries behind it are not on the disk yet', async () => {
    const { lane, store } = build();
    lane.addReady(ready(1, { snapshot: meta(10, 2), hardState: hard(2, 10) }));
    lane.addReady(ready(2, { entries: [entry(11, 2), entry(12, 2)], hardState: hard(2, 12) }));
    lane.flush(0);
    expect(store.last).toEqual({ kind: 'install', meta: meta(10, 2), hardState: hard(2, 10) });
    await store.succeed();
    expect(store.lastBatch?.hardState).toEqual(hard(2, 12));
  });

  it('hands on answers that wait behind an earlier batch, without a write of their own', async () => {
    const { lane, store, saved } = build();
    lane.addReady(ready(1, { entries: [entry(1, 1)] }));
    lane.flush(0);
    lane.addReady(ready(2, { afterSave: [ack(1, 1)] }));
    await store.succeed();
    lane.flush(0);
    await microtasks();
    expect(store.calls).toHaveLength(1);
    expect(saved.map(({ afterSave }) => afterSave)).toEqual([[], [ack(1, 1)]]);
  });

  it('counts state as durable only when a synced batch has covered it', async () => {
    const { lane, store } = build();
    lane.addWrites([write(1)]);
    lane.addApplied(appliedAt(3, 1));
    lane.demand();
    lane.flush(0);
    expect(lane.writtenPoint.index).toBe(0);
    await store.succeed();
    expect([lane.writtenPoint.index, lane.durablePoint.index]).toEqual([3, 0]);
    lane.addReady(ready(1, { entries: [entry(4, 1)] }));
    lane.flush(0);
    lane.addApplied(appliedAt(4, 1));
    await store.succeed();
    expect([lane.writtenPoint.index, lane.durablePoint.index]).toEqual([3, 3]);
  });

  it('refuses a trim beyond the durable state', async () => {
    const { lane, store } = build();
    lane.addWrites([write(1)]);
    lane.addApplied(appliedAt(3, 1));
    lane.demand();
    lane.flush(0);
    await store.succeed();
    expect(() => lane.addTrim(meta(3, 1))).toThrow(InvariantError);
    lane.addReady(ready(1, { entries: [entry(4, 1)] }));
    lane.flush(0);
    await store.succeed();
    lane.addTrim(meta(3, 1));
    lane.flush(0);
    expect(store.lastBatch).toEqual({ trimTo: meta(3, 1) });
  });

  it('counts the state writes that wait, and forgets them once they are on their way', async () => {
    const { lane } = build();
    lane.addWrites([write(1), write(2)]);
    lane.addApplied(appliedAt(1, 1));
    lane.addMaintenance([write(3)]);
    expect(lane.pendingWrites).toBe(3);
    lane.demand();
    lane.flush(0);
    expect(lane.pendingWrites).toBe(0);
  });

  it('lets state and commit index wait for a batch that must be written anyway, but not for ever', async () => {
    const { lane, store } = build();
    lane.addReady(ready(1, { hardState: hard(1, 0) }));
    lane.addApplied(appliedAt(1, 1));
    lane.flush(10);
    lane.flush(10 + LIMITS.lazyWriteMs - 1);
    expect(store.calls).toEqual([]);
    expect(lane.isSyncing).toBe(false);
    lane.flush(10 + LIMITS.lazyWriteMs);
    expect(store.last).toMatchObject({ sync: false });
    await store.succeed();
    lane.addApplied(appliedAt(2, 1));
    lane.flush(100);
    lane.addReady(ready(2, { entries: [entry(3, 1)] }));
    expect(lane.isSyncing).toBe(true);
    lane.flush(101);
    expect(store.last).toMatchObject({ sync: true, batch: { state: { applied: appliedAt(2, 1) } } });
    expect(lane.isSyncing).toBe(true);
    await store.succeed();
    expect(lane.isSyncing).toBe(false);
  });

  it('numbers its batches, so that somebody can wait for what was added up to now', async () => {
    const { lane, store } = build();
    expect([lane.lastBatch, lane.writtenBatch]).toEqual([0, 0]);
    lane.addMaintenance([write(1)]);
    expect([lane.lastBatch, lane.writtenBatch]).toEqual([1, 0]);
    lane.demand();
    lane.flush(0);
    expect([lane.lastBatch, lane.writtenBatch]).toEqual([1, 0]);
    lane.addMaintenance([write(2)]);
    expect([lane.lastBatch, lane.writtenBatch]).toEqual([2, 0]);
    await store.succeed();
    expect([lane.lastBatch, lane.writtenBatch]).toEqual([2, 1]);
  });

  it('is full at a number of writes or of bytes, and then writes them without delay', () => {
    const put = (bytes: number): StateWrite => {
      const kv = { key: 'k', value: 'v'.repeat(bytes), createRevision: 1, modRevision: 1, version: 1, lease: 0n };
      return { kind: 'putRevision', revision: { main: 1, sub: 0 }, tombstone: false, kv };
    };
    for (const [one, max] of [
      [write(1), LIMITS.pendingWritesMax],
      [put(1024 * 1024 - 1), LIMITS.pendingWriteBytesMax / (1024 * 1024)],
    ] as const) {
      const { lane, store } = build();
      lane.addWrites(Array.from({ length: max - 1 }, () => one));
      lane.addApplied(appliedAt(1, 1));
      lane.flush(0);
      expect([lane.isFull, store.calls.length]).toEqual([false, 0]);
      lane.addWrites([one]);
      lane.addApplied(appliedAt(2, 1));
      expect(lane.isFull).toBe(true);
      lane.flush(0);
      expect([lane.isFull, store.calls.length]).toEqual([false, 1]);
    }
  });

  it('is final when a write fails: it says so once, writes nothing more and can still be drained', async () => {
    const { lane, store, saved, failures } = build();
    lane.addReady(ready(1, { entries: [entry(1, 1)], afterSave: [ack(1, 1)] }));
    lane.flush(0);
    lane.addReady(ready(2, { entries: [entry(2, 1)] }));
    const error = new Error('EIO');
    await store.fail(error);
    expect(failures).toEqual([error]);
    lane.flush(1);
    lane.addReady(ready(3, { entries: [entry(3, 1)] }));
    lane.flush(2);
    await microtasks();
    expect(store.calls).toHaveLength(1);
    expect(saved).toEqual([]);
    let isDrained = false;
    void lane.drained().then(() => {
      isDrained = true;
    });
    // Bounded by hand: a lane that waits for itself would never let a timer of the test run.
    for (let i = 0; i < 100 && !isDrained; i += 1) await Promise.resolve();
    expect(isDrained).toBe(true);
  });

  it('is final when a snapshot cannot be installed: nothing behind it is saved', async () => {
    const { lane, store, saved, failures } = build();
    lane.addReady(ready(1, { snapshot: meta(10, 2), hardState: hard(2, 10) }));
    lane.addReady(ready(2, { entries: [entry(11, 2)] }));
    lane.flush(0);
    await store.fail(new Error('EIO'));
    expect(failures).toHaveLength(1);
    expect(store.calls).toHaveLength(1);
    expect(saved).toEqual([]);
  });

  it('is drained at once when idle, and after the batch in flight otherwise', async () => {
    const { lane, store } = build();
    await lane.drained();
    lane.addReady(ready(1, { entries: [entry(1, 1)] }));
    lane.flush(0);
    let isDrained = false;
    const drained = lane.drained().then(() => {
      isDrained = true;
    });
    await microtasks();
    expect(isDrained).toBe(false);
    await store.succeed();
    await drained;
    expect(isDrained).toBe(true);
  });
});
