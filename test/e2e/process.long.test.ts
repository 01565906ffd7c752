/** What an operator meets: start, stop, restart, refusals, exit codes, and what survives. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withCluster } from '../harness/cluster.js';
import { type MemberSpec, planMembers, requirePeer, startMember, untilServing } from '../harness/etcd.js';
import type { ProcessExit, RunningProcess } from '../harness/process.js';
import { measureLeaderDeparture } from './leader-loss.js';
import { hasSubject, subject } from './subject.js';

const quorateMain = join(import.meta.dirname, '../../server/dist/main.js');
const electionTimeoutMs = 1_000;
const stopLimitMs = 5_000;
const testTimeoutMs = 60_000;
const run = promisify(execFile);

/** etcd ends by the signal that it was sent, Quorate with a number. */
const stopped: Readonly<Record<typeof subject, ProcessExit>> = {
  etcd: { code: null, signal: 'SIGTERM' },
  quorate: { code: 0, signal: null },
};

let root = '';
let started: RunningProcess[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'quorate-process-'));
  started = [];
});

afterEach(async () => {
  await Promise.all(started.map((process) => process.stop()));
  await rm(root, { recursive: true });
});

async function planOne(folder = 'single'): Promise<MemberSpec> {
  const [spec] = await planMembers(1, join(root, folder));
  if (spec === undefined) throw new Error('one member was planned');
  return { ...spec, logFile: join(root, `${folder}.log`) };
}

async function start(spec: MemberSpec, extraArgs: readonly string[] = []): Promise<RunningProcess> {
  const process = await startMember(subject, spec, extraArgs);
  started.push(process);
  return process;
}

async function serve(spec: MemberSpec): Promise<RunningProcess> {
  const process = await start(spec);
  await untilServing(process, spec.endpoint);
  return process;
}

async function etcdctl(endpoint: string, ...args: readonly string[]): Promise<string> {
  return (await run('etcdctl', ['--endpoints', endpoint, ...args])).stdout;
}

describe.runIf(hasSubject() && requirePeer('etcdctl'))(`${subject}: one member`, () => {
  it('serves etcdctl and keeps its data over a restart', { timeout: testTimeoutMs }, async () => {
    const spec = await planOne();
    const first = await serve(spec);
    expect(await etcdctl(spec.endpoint, 'put', 'greeting', 'hello')).toBe('OK\n');
    expect(await etcdctl(spec.endpoint, 'get', 'greeting')).toBe('greeting\nhello\n');
    const signalMs = performance.now();
    expect(await first.stop()).toEqual(stopped[subject]);
    expect(performance.now() - signalMs).toBeLessThan(stopLimitMs);

    await serve(spec);
    expect(await etcdctl(spec.endpoint, 'get', 'greeting')).toBe('greeting\nhello\n');
  });

  it('keeps what it acknowledged when it is killed', { timeout: testTimeoutMs }, async () => {
    const spec = await planOne();
    const first = await serve(spec);
    await etcdctl(spec.endpoint, 'put', 'greeting', 'hello');
    first.signal('SIGKILL');
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });

    await serve(spec);
    expect(await etcdctl(spec.endpoint, 'get', 'greeting')).toBe('greeting\nhello\n');
  });
});

describe.runIf(hasSubject())(`${subject}: three members`, () => {
  it('come back when all were killed at once', { timeout: testTimeoutMs }, async () => {
    await withCluster({ program: subject }, async (cluster) => {
      const { leader } = await cluster.untilSettled();
      await leader.client.put('greeting', 'hello');
      for (const member of cluster.members) member.kill();
      await Promise.all(cluster.members.map((member) => member.exited()));
      await Promise.all(cluster.members.map((member) => member.start()));
      await cluster.untilSettled();
      for (const { client } of cluster.members) {
        expect((await client.range({ key: 'greeting' })).kvs).toMatchObject([{ value: 'hello', version: 1 }]);
      }
    });
  });

  it('take writes on while their leader leaves', { timeout: testTimeoutMs }, async () => {
    await withCluster({ program: subject }, async (cluster) => {
      const { exit, exitMs, longestGapMs } = await measureLeaderDeparture(cluster);
      console.log(
        `${subject}: the leader left in ${exitMs.toFixed(0)} ms; no writes for ${longestGapMs.toFixed(0)} ms`,
      );
      expect(exit).toEqual(stopped[subject]);
      expect(exitMs).toBeLessThan(stopLimitMs);
      expect(longestGapMs).toBeLessThan(electionTimeoutMs);
    });
  });
});

/** As server/exit-reason.ts promises. */
const exitCodes = { badConfig: 2, dataDirLocked: 3, badDataDir: 4, cannotListen: 6 };

describe.runIf(subject === 'quorate' && hasSubject())('quorate: what it refuses', () => {
  async function refusal(spec: MemberSpec, extraArgs: readonly string[] = []): Promise<{ code: unknown; log: string }> {
    const process = await start(spec, extraArgs);
    const { code } = await process.exited;
    return { code, log: await readFile(spec.logFile, 'utf8') };
  }

  it('a data directory that another process holds', { timeout: testTimeoutMs }, async () => {
    const holder = await planOne();
    const process = await serve(holder);
    const { code, log } = await refusal({ ...holder, logFile: join(root, 'second.log') });
    expect(code).toBe(exitCodes.dataDirLocked);
    expect(log).toContain(holder.dataDir);
    expect(log).toMatch(/another process|in use|locked/);
    await untilServing(process, holder.endpoint);
  });

  it('a data directory of another cluster', { timeout: testTimeoutMs }, async () => {
    const spec = await planOne();
    await (await serve(spec)).stop();
    const { code, log } = await refusal(spec, ['--initial-cluster-token', 'another']);
    expect(code).toBe(exitCodes.badDataDir);
    expect(log).toContain(spec.dataDir);
  });

  it('a port that is taken', { timeout: testTimeoutMs }, async () => {
    const holder = await planOne();
    await serve(holder);
    const second = await planOne('second');
    const { code, log } = await refusal({ ...second, endpoint: holder.endpoint });
    expect(code).toBe(exitCodes.cannotListen);
    expect(log).toContain(holder.endpoint.split(':')[1]);
  });

  it.each([
    ['an unknown flag', ['--snapshot-cuont', '5'], '--snapshot-cuont'],
    ['a value out of range', ['--heartbeat-interval', '0'], '--heartbeat-interval'],
    ['timers that do not fit together', ['--heartbeat-interval', '900'], 'election-timeout: 1000'],
  ])('%s, before anything is made', { timeout: testTimeoutMs }, async (_name, extraArgs, named) => {
    const spec = await planOne();
    const { code, log } = await refusal(spec, extraArgs);
    expect(code).toBe(exitCodes.badConfig);
    expect(log).toContain(named);
    expect(existsSync(spec.dataDir)).toBe(false);
  });
});

describe.runIf(subject === 'quorate' && hasSubject())('quorate: what it says of itself', () => {
  it.each([
    ['--version', /^quorate \d+\.\d+\.\d+\n$/],
    ['--help', /--data-dir[^]*--initial-cluster/],
  ])('%s', { timeout: testTimeoutMs }, async (flag, text) => {
    const { stdout, stderr } = await run(process.execPath, [quorateMain, flag]);
    expect(stdout).toMatch(text);
    expect(stderr).toBe('');
  });
});
