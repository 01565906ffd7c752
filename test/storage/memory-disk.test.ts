/** The disk of the simulator loses what a real one may lose, and nothing else. */
import { describe, expect, test } from 'vitest';
import { createDeferred } from '../../server/lib/deferred.js';
import { EngineError } from '../../server/storage/engine.js';
import { MemoryDisk } from '../../server/storage/memory-disk.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import { contents, del, expectCode, put } from '../contract/engine.contract.js';
import { NO_SYNC, SYNC } from './member-kit.js';

async function opened(engine: MemoryEngine): Promise<MemoryEngine> {
  await engine.open();
  return engine;
}

describe('a power cut', () => {
  test('keeps what was synced and loses what was not', async () => {
    const engine = await opened(new MemoryEngine());
    await engine.write([put('a', '1')], SYNC);
    await engine.write([put('b', '2'), del('a')], NO_SYNC);
    expect(await contents(engine)).toEqual(['b=2']);
    expect(await contents(await opened(engine.crash()))).toEqual(['a=1']);
  });

  test('may keep any prefix of the unsynced batches, each whole', async () => {
    const engine = await opened(new MemoryEngine());
    await Promise.all([
      engine.write([put('a', '1'), put('b', '1')], NO_SYNC),
      engine.write([put('a', '2'), put('c', '2')], NO_SYNC),
      engine.write([del('b')], NO_SYNC),
    ]);
    expect(engine.disk.unsyncedBatches).toBe(3);
    const kept = [0, 1, 2, 3, 9].map(async (keepUnsynced) => contents(await opened(engine.crash({ keepUnsynced }))));
    expect(await Promise.all(kept)).toEqual([
      [],
      ['a=1', 'b=1'],
      ['a=2', 'b=1', 'c=2'],
      ['a=2', 'c=2'],
      ['a=2', 'c=2'],
    ]);
  });

  test('a synced batch covers every earlier one', async () => {
    const engine = await opened(new MemoryEngine());
    await engine.write([put('a', '1')], NO_SYNC);
    await engine.write([], SYNC);
    await engine.write([put('b', '1')], NO_SYNC);
    await engine.write([put('c', '1')], SYNC);
    expect(await contents(await opened(engine.crash()))).toEqual(['a=1', 'b=1', 'c=1']);
  });

  test('during a sync the batch may be there or not; whoever waits for it never hears again', async () => {
    const syncing = createDeferred<void>();
    const release = createDeferred<void>();
    const hooks = {
      beforeSync: (): Promise<void> => {
        syncing.resolve();
        return release.promise;
      },
    };
    const engine = await opened(new MemoryEngine(new MemoryDisk(hooks)));
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    engine.write([put('a', '1')], SYNC).then(settle, settle);
    await syncing.promise;
    expect(await contents(await opened(engine.crash({ keepUnsynced: 0, hooks: {} })))).toEqual([]);
    expect(await contents(await opened(engine.crash({ keepUnsynced: 1, hooks: {} })))).toEqual(['a=1']);
    release.resolve();
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    expect(isSettled).toBe(false);
  });

  test('before a write takes effect loses it', async () => {
    const writing = createDeferred<void>();
    const hooks = {
      beforeWrite: (): Promise<void> => {
        writing.resolve();
        return new Promise(() => undefined);
      },
    };
    const engine = await opened(new MemoryEngine(new MemoryDisk(hooks)));
    void engine.write([put('a', '1')], SYNC);
    await writing.promise;
    expect(await contents(await opened(engine.crash({ keepUnsynced: 9, hooks: {} })))).toEqual([]);
  });

  test('the lock dies with its holder', async () => {
    const engine = await opened(new MemoryEngine());
    await expectCode(new MemoryEngine(engine.disk).open(), 'LOCKED');
    await opened(engine.crash());
  });
});

describe('faults', () => {
  test('a failed write changes nothing and fails the engine for good', async () => {
    const engine = await opened(new MemoryEngine());
    engine.disk.failNextWrite(new EngineError('NO_SPACE', 'full'));
    await expectCode(engine.write([put('a', '1')], SYNC), 'NO_SPACE');
    await expectCode(engine.write([put('b', '1')], SYNC), 'NO_SPACE');
    expect(await contents(engine)).toEqual([]);
    await engine.close();
  });

  test('after a failed sync the batch can be read, is not durable, and nothing more is written', async () => {
    const engine = await opened(new MemoryEngine());
    engine.disk.failNextSync(new EngineError('IO', 'EIO'));
    await engine.write([put('a', '1')], NO_SYNC);
    await expectCode(engine.write([put('b', '1')], SYNC), 'IO');
    await expectCode(engine.write([put('c', '1')], NO_SYNC), 'IO');
    expect(await contents(engine)).toEqual(['a=1', 'b=1']);
    expect(await contents(await opened(engine.crash()))).toEqual([]);
  });

  test('a hook that rejects fails the engine', async () => {
    const hooks = { beforeSync: () => Promise.reject(new Error('pulled the plug')) };
    const engine = await opened(new MemoryEngine(new MemoryDisk(hooks)));
    await expectCode(engine.write([put('a', '1')], SYNC), 'IO');
  });
});
