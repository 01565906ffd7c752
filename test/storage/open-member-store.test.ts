/** A start opens its own data directory or refuses it, and a refused one stays as it was. */
import { beforeEach, describe, expect, test } from 'vitest';
import { byteStringFrom } from '../../server/lib/bytes.js';
import type { Engine } from '../../server/storage/engine.js';
import { GuardedEngine } from '../../server/storage/guarded-engine.js';
import { MemoryIdentityFile } from '../../server/storage/identity.js';
import { everyKey, metaKey } from '../../server/storage/keys.js';
import { MemoryDisk } from '../../server/storage/memory-disk.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import { metaPut } from '../../server/storage/record-ops.js';
import { CLUSTER, failureOf, MEMBER, openStore, SYNC, type OpenOptions } from './member-kit.js';

let disk: MemoryDisk;
let identityFile: MemoryIdentityFile;

beforeEach(async () => {
  disk = new MemoryDisk();
  identityFile = new MemoryIdentityFile();
  const store = await openStore(new MemoryEngine(disk), { identityFile });
  await store.load();
  await store.close();
});

async function refusal(options: OpenOptions = {}, engine: Engine = new MemoryEngine(disk)): Promise<Error> {
  const before = [...disk.table.entries('\0', '\xff')].join();
  const failure = await failureOf(openStore(engine, { identityFile, ...options }));
  expect([...disk.table.entries('\0', '\xff')].join()).toBe(before);
  // The lock is free again.
  const next = new MemoryEngine(disk);
  await next.open();
  await next.close();
  return failure;
}

async function change(work: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = new MemoryEngine(disk);
  await engine.open();
  await work(engine);
  await engine.close();
}

test('the directory of another cluster or another member is refused, with both names', async () => {
  const cluster = await refusal({ clusterId: 0xbadn });
  expect(cluster).toMatchObject({ name: 'DataDirectoryError', code: 'WRONG_CLUSTER' });
  expect(cluster.message).toContain(CLUSTER.toString(16));
  expect(cluster.message).toContain('bad');
  const member = await refusal({ memberId: 0xbadn });
  expect(member).toMatchObject({ name: 'DataDirectoryError', code: 'WRONG_MEMBER' });
  expect(member.message).toContain(MEMBER.toString(16));
});

test('a directory that another engine made is refused before this one is opened', async () => {
  const text = (await identityFile.read())?.replace('memory', 'classic-level');
  const engine = new MemoryEngine(disk);
  const failure = await failureOf(openStore(engine, { identityFile: new MemoryIdentityFile(text) }));
  expect(failure).toMatchObject({ code: 'WRONG_ENGINE' });
  expect(failure.message).toContain('--storage-engine classic-level');
  await engine.open();
  await engine.close();
});

test('an emptied engine beside its identity is refused: it is no new member', async () => {
  await change(async (engine) => {
    const iterator = engine.iterate(everyKey);
    const pairs = await iterator.next(100);
    await iterator.close();
    await engine.write(
      pairs.map(([key]) => ({ type: 'del', key })),
      SYNC,
    );
  });
  expect(await refusal()).toMatchObject({ code: 'ENGINE_EMPTIED' });
});

test('an engine with data and no identity beside it is refused', async () => {
  expect(await refusal({ identityFile: new MemoryIdentityFile() })).toMatchObject({ code: 'IDENTITY_MISSING' });
});

test('an identity file that disagrees with the engine is refused', async () => {
  const text = (await identityFile.read())?.replace(CLUSTER.toString(16), 'bad');
  const failure = await refusal({ identityFile: new MemoryIdentityFile(text), clusterId: 0xbadn });
  expect(failure).toMatchObject({ code: 'WRONG_CLUSTER' });
});

test('a database of another format version is refused', async () => {
  const payload = Buffer.alloc(20);
  payload.writeUInt32BE(2);
  await change((engine) => engine.write([metaPut(metaKey.identity, payload)], SYNC));
  expect(await refusal()).toMatchObject({ code: 'FORMAT_UNKNOWN' });
});

describe("each record of the member's own", () => {
  const records = Object.entries(metaKey);

  test.each(records)('%s is refused when it is missing', async (_, key) => {
    await change((engine) => engine.write([{ type: 'del', key }], SYNC));
    const failure = await refusal();
    expect(failure.name).toBe('StorageCorruptionError');
    expect(failure.message).toContain('is missing');
  });

  test.each(records)('%s is refused when any of its bytes is flipped or it is cut anywhere', async (_, key) => {
    const good = disk.table.get(byteStringFrom(key)) ?? Buffer.alloc(0);
    for (let offset = 0; offset < good.length; offset += 1) {
      const flipped = Buffer.from(good);
      flipped.writeUInt8(good.readUInt8(offset) ^ 0x10, offset);
      for (const value of [flipped, good.subarray(0, offset)]) {
        await change((engine) => engine.write([{ type: 'put', key, value }], SYNC));
        expect((await refusal()).name).toBe('StorageCorruptionError');
      }
    }
  });

  test.each(records)('%s is refused under the key of another one', async (name, key) => {
    const other = name === 'boot' ? metaKey.identity : metaKey.boot;
    const value = disk.table.get(byteStringFrom(other)) ?? Buffer.alloc(0);
    await change((engine) => engine.write([{ type: 'put', key, value }], SYNC));
    expect((await refusal()).name).toBe('StorageCorruptionError');
  });
});

test('a start meets the lock of a running one', async () => {
  const running = await openStore(new MemoryEngine(disk), { identityFile });
  const failure = await failureOf(openStore(new MemoryEngine(disk), { identityFile }));
  expect(failure).toMatchObject({ name: 'EngineError', code: 'LOCKED' });
  await running.close();
});

test('an engine that cannot write ends the start and is closed', async () => {
  const failing = new GuardedEngine({
    name: 'memory',
    open: async () => undefined,
    close: async () => undefined,
    write: () => Promise.reject(new Error('the disk is gone')),
    getMany: async (keys) => keys.map(() => undefined),
    iterate: () => ({ next: async () => [], close: async () => undefined }),
    compactRange: async () => undefined,
    allocatedBytes: async () => 0,
  });
  const failure = await failureOf(openStore(failing));
  expect(failure).toMatchObject({ name: 'EngineError', code: 'IO' });
  expect(await failureOf(failing.get(Buffer.from('k')))).toMatchObject({ code: 'CLOSED' });
});
