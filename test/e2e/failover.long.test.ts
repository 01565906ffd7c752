/**
 * Members die by SIGKILL while clients read and write. What the clients saw must pass the checkers that judge the
 * simulator's histories, and every member must hold the same in the end. Real etcd goes through the same: a checker that
 * finds a fault in it is first of all a suspect checker. And a leader's death may cost no more time than it costs etcd on
 * the same machine in the same run, as far as so few deaths can tell: medians of eleven random outages change places by
 * chance in one run of ten, ranks three deviations apart do not.
 *
 * QUORATE_FULL=1: 32 members are killed, and 21 leaders of each program. Else half as many.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../server/lib/random.js';
import type { AppendRecord } from '../checkers/append-op.js';
import { registersIn } from '../checkers/linearizable-register.js';
import { type Cluster, withCluster } from '../harness/cluster.js';
import { type Program, requirePeer } from '../harness/etcd.js';
import { describeSpread, rankExcess, spreadOf } from './figures.js';
import { History, isAcknowledged } from './history.js';
import { violationsOf } from './history-checks.js';
import { type Round, runKillCycle, type Victim } from './kill-cycle.js';
import { measureLeaderDeath } from './leader-loss.js';
import { hasSubject, seed, subject } from './subject.js';
import { readTimeline } from './timeline.js';
import { Writers } from './writers.js';

const isFull = process.env['QUORATE_FULL'] === '1';
const rounds = isFull ? 32 : 16;
const writerCount = 6;
const deathsOfEach = isFull ? 21 : 11;
/** Of each checker. */
const violationsShown = 8;
const testTimeoutMs = 300_000;
/** Above it, outages that are no longer come once in a thousand runs. */
const excessMax = 3;

/** Less is no load, and the run would prove nothing. */
const acknowledgedMin = 1_000;

for (const program of new Set([subject, 'etcd'] as const)) {
  describe.runIf(requirePeer(program))(`${program}: members die`, () => {
    it('loses nothing, invents nothing, and has one order for all', { timeout: testTimeoutMs }, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'quorate-history-'));
      const run = { type: 'run', program, seed, startedAt: new Date().toISOString() } as const;
      const history = new History(run, join(folder, 'history.jsonl'));
      console.log(`${program}: seed ${seed}, history in ${history.path}`);
      await withCluster({ program }, (cluster) => killAndCheck(cluster, history));
      await rm(folder, { recursive: true });
    });
  });
}

async function killAndCheck(cluster: Cluster, history: History): Promise<void> {
  const random = seededRandom(seed);
  const firstRevision = await cluster.lastRevision();
  const writers = new Writers({ count: writerCount, members: cluster.members, history, random });
  try {
    reportKills(cluster.program, await runKillCycle({ cluster, history, random, rounds }));
  } finally {
    await writers.stop();
    await history.close();
  }
  await cluster.untilSettled();
  const { revision, hashes } = await cluster.hashes();
  const members = Object.fromEntries(
    await Promise.all(
      cluster.members.map(async ({ name, client }) => [name, await readTimeline(client, revision)] as const),
    ),
  );
  const { operations, appends } = history;
  const startMs = performance.now();
  const violations = violationsOf({ operations, appends, members, firstRevision });
  reportJudgement(cluster.program, history, violations.length, performance.now() - startMs);
  expect(someOfEach(violations)).toEqual([]);
  expect(new Set(Object.values(hashes)).size, `hashes at ${revision}: ${JSON.stringify(hashes)}`).toBe(1);
  expect(operations.filter(isAcknowledged).length).toBeGreaterThan(acknowledgedMin);
  expect(registersIn(operations).length, 'registers').toBeGreaterThan(0);
  expect(appends.filter(isAppended).length, 'appends').toBeGreaterThan(0);
}

function someOfEach(violations: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  return violations.filter((violation) => {
    const checker = violation.slice(0, violation.indexOf(':'));
    const count = (counts.get(checker) ?? 0) + 1;
    counts.set(checker, count);
    return count <= violationsShown;
  });
}

function isAppended({ ops, outcome }: AppendRecord): boolean {
  return outcome === 'ok' && ops.some(({ kind }) => kind === 'append');
}

function reportKills(program: Program, kills: readonly Round[]): void {
  const killed = kills.reduce((sum, round) => sum + round.killed, 0);
  console.log(`${program}: ${kills.length} rounds, ${killed} processes killed`);
  const recoveries = (victim: Victim): string =>
    describeSpread(spreadOf(kills.filter((round) => round.victim === victim).map(({ recoveryMs }) => recoveryMs)));
  console.log(`time to the next acknowledged write after the death of the leader: ${recoveries('leader')}`);
  console.log(`  of a follower: ${recoveries('follower')}; of all members, from their restart: ${recoveries('all')}`);
}

function reportJudgement(program: Program, { operations, appends }: History, violations: number, tookMs: number): void {
  const outcomes = { ok: 0, failed: 0, unknown: 0 };
  for (const { outcome } of operations) outcomes[outcome.kind] += 1;
  console.log(
    `${program}: ${operations.length} operations judged (${outcomes.ok} ok, ${outcomes.failed} failed, ` +
      `${outcomes.unknown} unknown; ${operations.filter(isAcknowledged).length} acknowledged writes), ` +
      `${registersIn(operations).length} registers, ${appends.length} list transactions ` +
      `(${appends.filter(isAppended).length} appended): ${violations} violations, ${(tookMs / 1000).toFixed(1)} s of checking`,
  );
}

describe.runIf(hasSubject() && requirePeer('etcd'))(`${subject}: the leader dies`, () => {
  it('takes writes again no later than etcd does', { timeout: testTimeoutMs }, async () => {
    const random = seededRandom(seed);
    const outages = await withCluster({ program: subject }, (ours) =>
      withCluster({ program: 'etcd' }, (theirs) => alternate(ours, theirs, random)),
    );
    const excess = rankExcess(outages.ours, outages.theirs);
    console.log(
      `no writes after the leader's death: ${subject} ${describeSpread(spreadOf(outages.ours))}; ` +
        `etcd ${describeSpread(spreadOf(outages.theirs))}; ours rank ${excess.toFixed(1)} deviations above`,
    );
    expect(excess).toBeLessThan(excessMax);
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
