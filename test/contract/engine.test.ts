/** The three engines under one suite. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { rocksdbRefusal, thisHost } from '../../server/storage/choose-engine.js';
import { ClassicLevelEngine } from '../../server/storage/classic-level-engine.js';
import type { Engine } from '../../server/storage/engine.js';
import { MemoryDisk } from '../../server/storage/memory-disk.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import { RocksdbEngine } from '../../server/storage/rocksdb-engine.js';
import { describeEngine, type EngineFixture } from './engine.contract.js';

describeEngine('memory', async () => {
  const disk = new MemoryDisk();
  return { create: () => new MemoryEngine(disk), dispose: async () => undefined };
});
// Where its binding would abort the process, it is not even imported.
describe.skipIf(rocksdbRefusal(thisHost()) !== undefined)('where RocksDB loads', () => {
  describeEngine('rocksdb', () => onDisk((location) => new RocksdbEngine(location)));
});
describeEngine('classic-level', () => onDisk((location) => new ClassicLevelEngine(location)));

async function onDisk(create: (location: string) => Engine): Promise<EngineFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-engine-'));
  // Two folders that do not exist yet: an engine makes what is missing.
  const location = join(folder, 'missing', 'database');
  return { create: () => create(location), dispose: () => rm(folder, { recursive: true }) };
}
