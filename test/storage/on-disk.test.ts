/** The two production engines on a real disk: locks, lost files, and log blocks that were damaged or never written. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createEngine, rocksdbRefusal, thisHost } from '../../server/storage/choose-engine.js';
import { openDataDirectory } from '../../server/storage/data-directory.js';
import type { Engine } from '../../server/storage/engine.js';
import type { MemberStore } from '../../server/storage/member-store.js';
import { openMemberStore } from '../../server/storage/open-member-store.js';
import { StorageCorruptionError } from '../../server/storage/storage-errors.js';
import { drain, expectCode } from '../contract/engine.contract.js';
import {
  applied,
  CLUSTER,
  CONF,
  dumpMember,
  entry,
  failureOf,
  hard,
  MEMBER,
  MEMBERS,
  putRevision,
  SYNC,
} from './member-kit.js';

const ENGINES = ['rocksdb', 'classic-level'] as const;
type Name = (typeof ENGINES)[number];
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
/** Both engines write their log in blocks of this size; a damaged one is skipped as a whole. */
const LOG_BLOCK_BYTES = 32 * 1024;

let folder: string;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-on-disk-'));
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await rm(folder, { recursive: true });
});

async function openStoreIn(path: string, name: Name): Promise<MemberStore> {
  const store = await newStoreIn(path, name);
  closers.push(() => store.close());
  return store;
}

async function newStoreIn(path: string, name: Name): Promise<MemberStore> {
  const directory = await openDataDirectory(path);
  return openMemberStore({
    engine: createEngine(name, directory.engineLocation(name)),
    identityFile: directory.identityFile,
    identity: { clusterId: CLUSTER, memberId: MEMBER },
    bootstrap: { conf: CONF, members: MEMBERS },
  });
}

async function openEngineIn(path: string, name: Name): Promise<Engine> {
  const engine = createEngine(name, path);
  await engine.open();
  closers.push(() => engine.close());
  return engine;
}

/** The disk as a killed process leaves it. */
async function copyOf(path: string): Promise<string> {
  const copy = await mkdtemp(join(folder, 'copy-'));
  await cp(path, copy, { recursive: true });
  return copy;
}

/** The engine's own log: the newest file of that kind that holds anything. */
async function logFileIn(path: string): Promise<string> {
  const names = (await readdir(path)).filter((name) => /^\d+\.log$/.test(name)).sort();
  const newest = names.at(-1);
  if (newest === undefined) throw new Error(`no log file in ${path}`);
  return join(path, newest);
}

const canLoad = (name: Name): boolean => name !== 'rocksdb' || rocksdbRefusal(thisHost()) === undefined;

describe.each(ENGINES.filter(canLoad))('%s', (name) => {
  const INDEXES = 300;
  const DATA = 'd'.repeat(1000);
  let killed: string;

  /** Saves each entry and each state in a synced batch of its own, and is killed. */
  beforeAll(async () => {
    killed = await mkdtemp(join(tmpdir(), 'quorate-killed-'));
    const path = join(killed, 'running');
    const store = await newStoreIn(path, name);
    await store.load();
    for (let index = 1; index <= INDEXES; index += 1) {
      const state = { writes: [putRevision(index + 1)], applied: applied(index, 1) };
      await store.save({ hardState: hard(1, index), entries: [entry(index, 1, DATA)], state }, SYNC);
    }
    // What a kill leaves is what the files hold while the member runs.
    await cp(path, join(killed, 'left'), { recursive: true });
    await store.close();
  });

  afterAll(async () => {
    await rm(killed, { recursive: true });
  });

  const killedMember = (): Promise<string> => copyOf(join(killed, 'left'));

  async function startOf(path: string): Promise<Awaited<ReturnType<typeof dumpMember>>> {
    const store = await openStoreIn(path, name);
    return dumpMember(await store.load(), store);
  }

  test("a killed member's directory holds everything it promised", async () => {
    const found = await startOf(await killedMember());
    expect(found.entries.length).toBe(INDEXES);
    expect(found.state.revisions.length).toBe(INDEXES);
    expect(found.hardState).toEqual(hard(1, INDEXES));
  });

  test('its files are closed to others by the mode of the directory', async () => {
    const path = await killedMember();
    await startOf(path);
    expect(((await stat(path)).mode & 0o777).toString(8)).toBe('700');
    expect(((await stat(join(path, name))).mode & 0o777).toString(8)).toBe('700');
  });

  test("a damaged block in the engine's log is found, and the first lost index is named", async () => {
    const size = (await stat(await logFileIn(join(killed, 'left', name)))).size;
    const blocks = Math.floor(size / LOG_BLOCK_BYTES);
    expect(blocks).toBeGreaterThan(8);
    // The last block is left out: nothing stands behind it, so its loss looks like a crash before it was written.
    for (let block = 1; block < blocks - 1; block += 2) {
      const path = await killedMember();
      const file = await logFileIn(join(path, name));
      const bytes = await readFile(file);
      const at = block * LOG_BLOCK_BYTES + 12_345;
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x01, at);
      await writeFile(file, bytes);
      const failure = await failureOf(startOf(path));
      expect(failure, `block ${block}`).toBeInstanceOf(StorageCorruptionError);
      expect(failure.message).toMatch(/log entry \d+ is missing: the next one stored is \d+/);
    }
  });

  test('a deleted log file is found: the member is no new one', async () => {
    const path = await killedMember();
    await rm(await logFileIn(join(path, name)));
    const failure = await failureOf(startOf(path));
    expect(['ENGINE_EMPTIED', undefined]).toContain('code' in failure ? failure.code : undefined);
    expect(['DataDirectoryError', 'StorageCorruptionError']).toContain(failure.name);
  });

  test("all of the engine's files deleted is found: the member is no new one", async () => {
    const path = await killedMember();
    await rm(join(path, name), { recursive: true });
    expect(await failureOf(startOf(path))).toMatchObject({ code: 'ENGINE_EMPTIED' });
  });

  test('the identity file deleted is found', async () => {
    const path = await killedMember();
    await rm(join(path, 'identity.json'));
    expect(await failureOf(startOf(path))).toMatchObject({ code: 'IDENTITY_MISSING' });
  });

  test('a start with the other engine is refused and makes no files', async () => {
    const path = await killedMember();
    const other = name === 'rocksdb' ? 'classic-level' : 'rocksdb';
    const failure = await failureOf(openStoreIn(path, other));
    expect(failure).toMatchObject({ code: 'WRONG_ENGINE' });
    expect(failure.message).toContain(`--storage-engine ${name}`);
    expect((await readdir(path)).sort()).toEqual(['identity.json', name].sort());
  });

  test('a directory that another process has open is refused, and free when that one is killed', async () => {
    const path = join(folder, 'locked');
    const holder = await holdLock(name, path);
    await expectCode(createEngine(name, path).open(), 'LOCKED');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const engine = await openEngineIn(path, name);
    expect((await engine.get(Buffer.from('held')))?.toString()).toBe('yes');
  });

  test('a file where the folder should be is an IO error', async () => {
    const path = join(folder, 'file');
    await writeFile(path, '');
    await expectCode(createEngine(name, join(path, 'database')).open(), 'IO');
  });

  test('a database that does not read back is CORRUPTION', async () => {
    const path = join(folder, 'broken');
    await (await openEngineIn(path, name)).close();
    await writeFile(join(path, 'CURRENT'), 'not a manifest');
    await expectCode(createEngine(name, path).open(), 'CORRUPTION');
  });

  test('a log block that never reached the disk takes no batch away from under a later one', async () => {
    const path = join(folder, 'torn');
    const engine = await openEngineIn(path, name);
    // Longer than a block, so that the unsynced batch begins in the first one and its repetition does not.
    const early = Buffer.alloc(40_000, 'e');
    await engine.write([{ type: 'put', key: Buffer.from('early'), value: early }], { sync: false });
    await engine.write([{ type: 'put', key: Buffer.from('later'), value: Buffer.alloc(40_000, 'l') }], SYNC);
    const copy = await copyOf(path);
    const file = await logFileIn(copy);
    const bytes = await readFile(file);
    expect(bytes.length).toBeGreaterThan(3 * LOG_BLOCK_BYTES);
    bytes.fill(0, 0, LOG_BLOCK_BYTES);
    await writeFile(file, bytes);
    const recovered = await openEngineIn(copy, name);
    const pairs = await drain(recovered.iterate({ gte: Buffer.from('a'), lt: Buffer.from('z') }), 10);
    expect(pairs.map(([key, value]) => `${key.toString()} ${value.length}`)).toEqual(['early 40000', 'later 40000']);
  });

  test('why unsynced batches are carried: the bare engine keeps the later batch without the earlier one', async () => {
    const path = join(folder, 'bare');
    await runScript(name, path, BARE_WRITES);
    const file = await logFileIn(path);
    const bytes = await readFile(file);
    bytes.fill(0, 0, LOG_BLOCK_BYTES);
    await writeFile(file, bytes);
    const recovered = await openEngineIn(path, name);
    const pairs = await drain(recovered.iterate({ gte: Buffer.from('a'), lt: Buffer.from('z') }), 10);
    expect(pairs.map(([key]) => key.toString())).toEqual(['later']);
  });
});

test.runIf(canLoad('rocksdb'))('rocksdb: no empty value reaches the binding, which leaks memory for each', async () => {
  const path = join(folder, 'empty');
  const engine = createEngine('rocksdb', path);
  await engine.open();
  await engine.write([{ type: 'put', key: Buffer.from('k'), value: Buffer.alloc(0) }], SYNC);
  await engine.close();
  const child = script('rocksdb', path, BARE_READ);
  const [output] = await once(child.stdout, 'data');
  expect(String(output).trim()).toBe('value of 1 bytes');
});

/** Runs on the bare packages, in a process of its own. `open(location)` answers { batch(ops, sync) }. */
const BARE_OPEN = `
  import { mkdirSync } from 'node:fs';
  const [name, location] = process.argv.slice(1);
  mkdirSync(location, { recursive: true });
  const calling = (start) => new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
  const open = async () => {
    if (name === 'rocksdb') {
      const db = (await import('rocksdb')).default(location);
      await calling((done) => db.open(done));
      return { batch: (ops, sync) => calling((done) => db.batch(ops, { sync }, done)) };
    }
    const { ClassicLevel } = await import('classic-level');
    const db = new ClassicLevel(location, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
    await db.open();
    return { batch: (ops, sync) => db.batch(ops, { sync }) };
  };
  const put = (key, value) => [{ type: 'put', key: Buffer.from(key), value: Buffer.from(value) }];
`;

const BARE_WRITES = `${BARE_OPEN}
  const db = await open();
  await db.batch(put('early', 'e'.repeat(40000)), false);
  await db.batch(put('later', 'l'.repeat(40000)), true);
  process.kill(process.pid, 'SIGKILL');
`;

const BARE_READ = `
  const db = (await import('rocksdb')).default(process.argv[2]);
  await new Promise((resolve) => db.open(resolve));
  db.get(Buffer.from('k'), (error, value) => console.log(error ?? \`value of \${value.length} bytes\`));
`;

const BARE_HOLD = `${BARE_OPEN}
  const db = await open();
  await db.batch(put('held', 'yes'), true);
  console.log('holding');
  setInterval(() => undefined, 1000);
`;

function script(name: Name, location: string, source: string): ChildProcessByStdio<null, Readable, null> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source, name, location], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closers.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

async function runScript(name: Name, location: string, source: string): Promise<void> {
  await once(script(name, location, source), 'exit');
}

async function holdLock(name: Name, location: string): Promise<ChildProcessByStdio<null, Readable, null>> {
  const child = script(name, location, BARE_HOLD);
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  expect(child.exitCode).toBeNull();
  return child;
}
