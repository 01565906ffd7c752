/**
 * The workload against members that are easy to have: the cluster of the driver's own tests, with light faults. Doors may
 * be changed on the way, so that members can be made to lie.
 */
import { seededRandom } from '../../../server/lib/random.js';
import type { Member } from '../../../server/node/member.js';
import { NodeCluster } from '../../node/node-cluster.js';
import type { Plan } from '../plan-types.js';
import type { Finding, Target } from '../workload-ports.js';
import { chance, pick } from './draw.js';
import { makeWorkload } from './workload.js';

export interface RunOptions {
  readonly seed: number;
  readonly members?: number;
  readonly clients?: number;
  readonly faultyMs?: number;
  readonly hasFaults?: boolean;
  /** What clients talk to instead of a member's own door. */
  readonly door?: (kv: Member, id: bigint) => Member;
}

export interface RunReport {
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
}

const STEP_MS = 50;

export async function clusterRun(options: RunOptions): Promise<RunReport> {
  const { seed, members = 3, clients = 4, faultyMs = 8000, hasFaults = false, door = (kv) => kv } = options;
  const cluster = new NodeCluster(members, { seed });
  await cluster.startAll();
  await cluster.untilLeader();
  // One door for each life: a client knows a life by it.
  const doors = new Map<Member, Member>();
  const targets = (): readonly Target[] =>
    cluster.running.map(({ node, kv }) => {
      const open = doors.get(kv) ?? door(kv, node.id);
      doors.set(kv, open);
      return { id: node.id, kv: open };
    });
  const trace: string[] = [];
  const { clock } = cluster;
  const ports = {
    random: seededRandom(seed),
    clock,
    targets,
    trace: (line: string) => trace.push(`${clock.now()} ${line}`),
  };
  const workload = makeWorkload(planOf(seed, members, clients, faultyMs), ports);
  workload.start();
  const faults = hasFaults ? lightFaults(cluster, seed) : undefined;
  for (let passed = 0; passed < faultyMs; passed += STEP_MS) {
    await faults?.step();
    await clock.advance(STEP_MS);
  }
  workload.quiet();
  await faults?.heal();
  await cluster.run(workload.proveLive(targets()), 60_000);
  const target = targets()[0];
  if (target === undefined) throw new Error('nobody runs');
  const findings = await cluster.run(workload.judge(target), 120_000);
  return { findings, counts: workload.counts, trace };
}

/** Crashes, stops, cuts and lost messages: enough for calls that fail, and for calls of unknown outcome. */
function lightFaults(cluster: NodeCluster, seed: number): { step(): Promise<void>; heal(): Promise<void> } {
  const random = seededRandom(seed + 1);
  const stopping = new Set<bigint>();
  const isRunning = (id: bigint): boolean => cluster.running.some(({ node }) => node.id === id);
  const restart = async (): Promise<void> => {
    for (const id of cluster.ids) if (!isRunning(id)) await cluster.start(id);
  };
  const stop = async (id: bigint): Promise<void> => {
    stopping.add(id);
    await cluster.member(id).node.stop();
    cluster.remove(id);
    stopping.delete(id);
  };
  return {
    step: async () => {
      const id = pick(random, cluster.ids);
      if (chance(random, 8)) await restart();
      if (chance(random, 3)) cluster.heal();
      if (chance(random, 5)) cluster.network = () => (chance(random, 10) ? [] : [1 + random.below(20)]);
      if (chance(random, 4)) cluster.isolate(id);
      if (chance(random, 2)) cluster.pause(id);
      if (chance(random, 8)) for (const each of cluster.ids) cluster.resume(each);
      const fate = random.below(100);
      if (!isRunning(id) || stopping.has(id)) return;
      if (fate < 2) cluster.crash(id);
      else if (fate < 4) void stop(id);
    },
    heal: async () => {
      cluster.heal();
      cluster.network = () => [1];
      for (const id of cluster.ids) cluster.resume(id);
      await cluster.until(() => stopping.size === 0);
      await restart();
    },
  };
}

function planOf(seed: number, voters: number, clients: number, faultyMs: number): Plan {
  return {
    seed,
    voters,
    spares: 0,
    clients,
    faultyMs,
    heartbeatMs: 100,
    electionMs: 1000,
    faults: {},
    snapshotCount: 10_000,
    snapshotCatchUpEntries: 5_000,
    applyPageEntriesMax: 64,
    appendBytesMax: 1024 * 1024,
    inflightMessagesMax: 64,
  };
}
