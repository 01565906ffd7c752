/**
 * Five processes share one lock, and with it a register outside the cluster, while the leader is killed again and again:
 * no two of them have the lock at once, and no update is lost. Without the lock the same run loses updates.
 * QUORATE_TARGET=etcd runs the same against etcd.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Cluster, until, withCluster } from '../../harness/cluster.js';
import { hasSubject, seed, subject } from '../subject.js';
import { type Cycle, judge } from './cycle.js';
import type { LockKind } from './locks.js';
import { OutsideRegister } from './register.js';
import { Workers } from './workers.js';

const workerCount = 5;
const cyclesMin = 200;
const killsMin = 3;
/** Between a leader's death and the next: each of them finds the lock in use. */
const cyclesBetween = 20;
/** A run takes less than a minute; on a machine that others use, several. */
const patienceMs = 120_000;
const timeoutMs = 400_000;

interface Run {
  readonly cycles: readonly Cycle[];
  readonly count: number;
  readonly kills: number;
  /** Cycles that began while a member was down. */
  readonly duringOutages: number;
}

async function run(kind: LockKind, cluster: Cluster): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-mutex-'));
  const registerFile = join(folder, 'register');
  const register = OutsideRegister.create(registerFile);
  const endpoints = cluster.members.map(({ spec }) => spec.endpoint);
  const workers = new Workers(workerCount, { kind, endpoints, registerFile, seed });
  try {
    await workers.start();
    const more = (count: number): Promise<unknown> => {
      const goal = workers.cycles.length + count;
      return until(`${count} more cycles`, patienceMs, async () => workers.cycles.length >= goal || undefined);
    };
    let [kills, duringOutages] = [0, 0];
    for (; kills < killsMin || workers.cycles.length < cyclesMin; kills += 1) {
      await more(cyclesBetween);
      const { leader } = await cluster.untilLeadership(patienceMs);
      const before = workers.cycles.length;
      leader.kill();
      await leader.exited();
      await more(cyclesBetween);
      duringOutages += workers.cycles.length - before;
      await leader.start();
      await cluster.untilSettled(patienceMs);
    }
    await workers.finish();
    return { cycles: workers.cycles, count: register.read(), kills, duringOutages };
  } finally {
    workers.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

function report(kind: LockKind, { cycles, count, kills, duringOutages }: Run): void {
  const each = Array.from(
    { length: workerCount },
    (_, worker) => cycles.filter((cycle) => cycle.worker === worker).length,
  );
  const { lost, overlaps } = judge(cycles, count);
  const longest = Math.max(...cycles.map(({ fromUs, toUs }) => toUs - fromUs)) / 1e6;
  console.log(
    `${subject}, ${kind}: seed ${seed}, ${cycles.length} cycles (${each.join(', ')}), ${kills} leaders killed, ` +
      `${duringOutages} cycles with a member down, longest ${longest.toFixed(2)} s; ` +
      `register ${count}, ${lost} updates lost, ${overlaps.length} overlaps`,
  );
}

describe.runIf(hasSubject())(`${subject}: five processes and one lock`, () => {
  it.each(['npm', 'service'] as const)(
    '%s: one at a time, and nothing is lost',
    { timeout: timeoutMs },
    async (kind) => {
      await withCluster({ program: subject }, async (cluster) => {
        const result = await run(kind, cluster);
        report(kind, result);
        const { cycles, count } = result;
        expect(judge(cycles, count)).toEqual({ lost: 0, overlaps: [], tokens: [], overdue: 0 });
        expect(cycles.length).toBeGreaterThanOrEqual(cyclesMin);
        expect(new Set(cycles.map(({ worker }) => worker)).size).toBe(workerCount);
      });
    },
  );

  it('without a lock updates are lost, and the judge sees it', { timeout: timeoutMs }, async () => {
    await withCluster({ program: subject }, async (cluster) => {
      const result = await run('none', cluster);
      report('none', result);
      const { lost, overlaps } = judge(result.cycles, result.count);
      expect(lost).toBeGreaterThan(0);
      expect(overlaps.length).toBeGreaterThan(0);
    });
  });
});
