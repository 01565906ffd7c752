/** One write in flight, whatever waits merged into the next, and no batch on disk without the ones before it. */
import { describe, expect, test } from 'vitest';
import { createDeferred, type Deferred } from '../../server/lib/deferred.js';
import { EngineError, engineLimits, type EngineOp } from '../../server/storage/engine.js';
import { WriteLane } from '../../server/storage/write-lane.js';
import { failureOf } from './member-kit.js';

interface Write {
  /** The names of the keys, batch by batch. */
  readonly batches: readonly string[];
  readonly sync: boolean;
  readonly done: Deferred<void>;
}

/** A lane whose writes end when the test says so. */
function stagedLane(): { lane: WriteLane; writes: Write[]; started: (count: number) => Promise<Write> } {
  const writes: Write[] = [];
  const lane = new WriteLane((batches, sync) => {
    const done = createDeferred<void>();
    writes.push({ batches: batches.map(namesOf), sync, done });
    return done.promise;
  });
  const started = async (count: number): Promise<Write> => {
    for (let turn = 0; turn < 100 && writes.length < count; turn += 1) await Promise.resolve();
    const write = writes[count - 1];
    if (write === undefined) throw new Error(`write ${count} has not begun`);
    return write;
  };
  return { lane, writes, started };
}

/** A lane whose writes end at once. */
function quickLane(): { lane: WriteLane; written: string[] } {
  const written: string[] = [];
  const lane = new WriteLane(async (batches, sync) => {
    written.push(`${batches.map(namesOf).join(' ')}${sync ? ' synced' : ''}`);
  });
  return { lane, written };
}

function namesOf(ops: readonly EngineOp[]): string {
  return ops.map(({ key }) => key.toString()).join('+');
}

function batch(...names: readonly string[]): readonly EngineOp[] {
  return names.map((name) => ({ type: 'put', key: Buffer.from(name), value: Buffer.alloc(0) }));
}

describe('group commit', () => {
  test('batches of one synchronous run share a write, in order', async () => {
    const { lane, written } = quickLane();
    await Promise.all([lane.enqueue(batch('a', 'b'), 2, false), lane.enqueue(batch('c'), 1, true)]);
    expect(written).toEqual(['a+b c synced']);
  });

  test('what comes while a write is in flight waits and goes as one', async () => {
    const { lane, writes, started } = stagedLane();
    const first = lane.enqueue(batch('a'), 1, true);
    (await started(1)).done.promise.catch(() => undefined);
    const later = ['b', 'c', 'd'].map((name) => lane.enqueue(batch(name), 1, name === 'c'));
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(writes.length).toBe(1);
    writes[0]?.done.resolve();
    await first;
    const second = await started(2);
    expect(second.batches).toEqual(['b', 'c', 'd']);
    expect(second.sync).toBe(true);
    second.done.resolve();
    await Promise.all(later);
  });

  test('a group ends before it grows beyond 1 MiB; a larger batch goes alone', async () => {
    const { lane, written } = quickLane();
    const sizes = [600_000, 400_000, 100_000, 2_000_000, 1];
    await Promise.all(sizes.map((bytes, i) => lane.enqueue(batch(`${i}`), bytes, true)));
    expect(written).toEqual(['0 1 synced', '2 synced', '3 synced', '4 synced']);
  });

  test('idle resolves when everything is written', async () => {
    const { lane, writes, started } = stagedLane();
    await lane.idle();
    const work = lane.enqueue(batch('a'), 1, false);
    let isIdle = false;
    const idle = lane.idle().then(() => {
      isIdle = true;
    });
    await started(1);
    expect(isIdle).toBe(false);
    writes[0]?.done.resolve();
    await Promise.all([work, idle]);
  });
});

describe('an unsynced batch is carried', () => {
  test('into the next write, which is synced whatever it asked for', async () => {
    const { lane, written } = quickLane();
    for (const name of ['a', 'b', 'c', 'd']) await lane.enqueue(batch(name), 1, false);
    expect(written).toEqual(['a', 'a b synced', 'c', 'c d synced']);
  });

  test('until a synced write, and not beyond', async () => {
    const { lane, written } = quickLane();
    await lane.enqueue(batch('a'), 1, false);
    await lane.enqueue(batch('b'), 1, true);
    await lane.enqueue(batch('c'), 1, true);
    expect(written).toEqual(['a', 'a b synced', 'c synced']);
  });

  test('by an empty synced batch too; without anything carried that one writes nothing', async () => {
    const { lane, written } = quickLane();
    await lane.enqueue([], 0, true);
    await lane.enqueue(batch('a'), 1, false);
    await lane.enqueue([], 0, false);
    expect(written).toEqual(['a']);
    await lane.enqueue([], 0, true);
    await lane.enqueue([], 0, true);
    expect(written).toEqual(['a', 'a synced']);
  });

  test('up to 64 KiB; a larger one is synced at once', async () => {
    const { lane, written } = quickLane();
    await lane.enqueue(batch('a'), 64 * 1024, false);
    await lane.enqueue(batch('b'), 64 * 1024 + 1, false);
    await lane.enqueue(batch('c'), 64 * 1024 + 1, false);
    expect(written).toEqual(['a', 'a b synced', 'c synced']);
  });

  test('whatever is lost of the unsynced writes, no batch survives without all before it', async () => {
    // Each run: random sync flags. A crash may drop any unsynced record, and keeps all records up to a synced one.
    for (let seed = 0; seed < 64; seed += 1) {
      const records: { readonly names: readonly string[]; readonly sync: boolean }[] = [];
      const lane = new WriteLane(async (batches, sync) => {
        records.push({ names: batches.map(namesOf), sync });
      });
      for (let bit = 0; bit < 6; bit += 1) await lane.enqueue(batch(`${bit}`), 1, (seed & (1 << bit)) !== 0);
      expectPrefixes(records);
    }
  });
});

function expectPrefixes(records: readonly { readonly names: readonly string[]; readonly sync: boolean }[]): void {
  for (let end = 0; end <= records.length; end += 1) {
    // The crash comes while record `end` is being written; unsynced ones after the last synced one may be lost.
    const lastSynced = records.slice(0, end).findLastIndex(({ sync }) => sync);
    const durable = records.slice(0, lastSynced + 1);
    const loose = records.slice(lastSynced + 1, end + 1);
    for (let kept = 0; kept < 1 << loose.length; kept += 1) {
      const found = new Set(
        [...durable, ...loose.filter((_, i) => (kept & (1 << i)) !== 0)].flatMap(({ names }) => names),
      );
      const newest = Math.max(-1, ...[...found].map(Number));
      expect(found.size, `records ${JSON.stringify(records)}, end ${end}, kept ${kept}`).toBe(newest + 1);
    }
  }
}

describe('a failed write', () => {
  test('ends the lane: what waited and what comes later is refused with its code', async () => {
    const { lane, writes, started } = stagedLane();
    const first = failureOf(lane.enqueue(batch('a'), 1, true));
    await started(1);
    const waiting = failureOf(lane.enqueue(batch('b'), 1, true));
    writes[0]?.done.reject(new EngineError('NO_SPACE', 'No space left on device'));
    expect(await first).toMatchObject({ code: 'NO_SPACE', message: 'No space left on device' });
    expect(await waiting).toMatchObject({ code: 'NO_SPACE', cause: await first });
    await lane.idle();
    const later = await failureOf(lane.enqueue(batch('c'), 1, false));
    expect(later).toMatchObject({ code: 'NO_SPACE' });
    expect(later.message).toContain('an earlier write failed');
    expect(writes.length).toBe(1);
  });

  test('that threw anything else counts as IO', async () => {
    const lane = new WriteLane(() => Promise.reject(new Error('EIO')));
    const failure = await failureOf(lane.enqueue(batch('a'), 1, true));
    expect(failure).toMatchObject({ name: 'EngineError', code: 'IO' });
  });
});

test('a batch beyond the limit of waiting ones is refused and the others are written', async () => {
  const { lane, written } = quickLane();
  const count = engineLimits.waitingBatchesMax;
  const accepted = Array.from({ length: count }, (_, i) => lane.enqueue(batch(`${i}`), 1, false));
  const failure = await failureOf(lane.enqueue(batch('one too many'), 1, false));
  expect(failure).toMatchObject({ code: 'INVALID_ARGUMENT' });
  expect(failure.message).toContain(`${count}`);
  await Promise.all(accepted);
  expect(written.length).toBe(1);
  await lane.enqueue(batch('after'), 1, true);
});
