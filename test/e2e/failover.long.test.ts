/**
 * Members die by SIGKILL while clients write. Nothing acknowledged may be lost, nothing may appear that nobody wrote,
 * and a leader's death may cost no more time than it costs real etcd on the same machine in the same run.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../server/lib/random.js';
import { type Cluster, withCluster } from '../harness/cluster.js';
import { type Program, requirePeer } from '../harness/etcd.js';
import { describeSpread, type Spread, spreadOf } from './figures.js';
import { History } from './history.js';
import { violationsOf } from './history-checks.js';
import { type Round, runKillCycle, type Victim } from './kill-cycle.js';
import { measureLeaderDeath } from './leader-loss.js';
import { hasSubject, seed, subject } from './subject.js';
import { readTimeline } from './timeline.js';
import { Writers } from './writers.js';

const rounds = 32;
const writerCount = 6;
const deathsOfEach = 21;
const violationsShown = 20;
const testTimeoutMs = 300_000;

/** Less is no load, and the run would prove nothing. */
const acknowledgedMin = 1_000;

describe.runIf(hasSubject())(`${subject}: members die`, () => {
  it('loses nothing and invents nothing', { timeout: testTimeoutMs }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-history-'));
    const run = { type: 'run', program: subject, seed, startedAt: new Date().toISOString() } as const;
    const history = new History(run, join(folder, 'history.jsonl'));
    console.log(`seed ${seed}, history in ${history.path}`);
    await withCluster({ program: subject }, (cluster) => killAndCheck(cluster, history));
    await rm(folder, { recursive: true });
  });
});

async function killAndCheck(cluster: Cluster, history: History): Promise<void> {
  const random = seededRandom(seed);
  const firstRevision = await cluster.lastRevision();
  const writers = new Writers({ count: writerCount, members: cluster.members, history, random });
  try {
    report(history, await runKillCycle({ cluster, history, random, rounds }));
  } finally {
    await writers.stop();
    await history.close();
  }
  await cluster.untilSettled();
  const { revision, hashes } = await cluster.hashes();
  const timelines = Object.fromEntries(
    await Promise.all(
      cluster.members.map(async ({ name, client }) => [name, await readTimeline(client, revision)] as const),
    ),
  );
  const evidence = { operations: history.operations, timelines, firstRevision, lastRevision: revision };
  expect(violationsOf(evidence).slice(0, violationsShown)).toEqual([]);
  expect(new Set(Object.values(hashes)).size, `hashes at ${revision}: ${JSON.stringify(hashes)}`).toBe(1);
  expect(acknowledgedOf(history)).toBeGreaterThan(acknowledgedMin);
}

function acknowledgedOf({ operations }: History): number {
  return operations.filter(({ outcome }) => outcome.kind === 'acknowledged').length;
}

function report({ operations }: History, kills: readonly Round[]): void {
  const outcomes: Record<string, number> = {};
  for (const { outcome } of operations) outcomes[outcome.kind] = (outcomes[outcome.kind] ?? 0) + 1;
  const killed = kills.reduce((sum, round) => sum + round.killed, 0);
  console.log(`${subject}: ${kills.length} rounds, ${killed} processes killed; calls: ${JSON.stringify(outcomes)}`);
  const recoveries = (victim: Victim): string =>
    describeSpread(spreadOf(kills.filter((round) => round.victim === victim).map(({ recoveryMs }) => recoveryMs)));
  console.log(`time to the next acknowledged write after the death of the leader: ${recoveries('leader')}`);
  console.log(`  of a follower: ${recoveries('follower')}; of all members, from their restart: ${recoveries('all')}`);
}

describe.runIf(hasSubject() && requirePeer('etcd'))(`${subject}: the leader dies`, () => {
  it('takes writes again no later than etcd does', { timeout: testTimeoutMs }, async () => {
    const random = seededRandom(seed);
    const outages = await withCluster({ program: subject }, (ours) =>
      withCluster({ program: 'etcd' }, (theirs) => alternate(ours, theirs, random)),
    );
    const [ours, theirs] = [spreadOf(outages.ours), spreadOf(outages.theirs)];
    console.log(`no writes after the leader's death: ${line(subject, ours)}; ${line('etcd', theirs)}`);
    // Compared with itself, etcd loses every other time.
    if (subject !== 'etcd') expect(ours.median).toBeLessThanOrEqual(theirs.median);
  });
});

interface Outages {
  readonly ours: number[];
  readonly theirs: number[];
}

/** One death here, one death there: whatever else the machine does at the time hits both. */
async function alternate(ours: Cluster, theirs: Cluster, random: Random): Promise<Outages> {
  const outages: Outages = { ours: [], theirs: [] };
  for (let death = 0; death < deathsOfEach; death += 1) {
    outages.ours.push(await measureLeaderDeath(ours, random));
    outages.theirs.push(await measureLeaderDeath(theirs, random));
  }
  return outages;
}

function line(program: Program, spread: Spread): string {
  return `${program} ${describeSpread(spread)}`;
}
