/** Measures for how long a cluster takes no writes when its leader dies, and when it is asked to leave. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../server/lib/random.js';
import type { Cluster } from '../harness/cluster.js';
import type { ProcessExit } from '../harness/process.js';
import { Probes } from './probes.js';

/** Before the loss: long enough for probes to flow, of random length so that it does not fall in step with ticks. */
const warmUpMs = 500;
const jitterMs = 500;
/** After a leader that was asked to leave has ended: whatever its leaving did to the cluster shows within it. */
const aftermathMs = 1_500;

/**
 * Kills the leader of a settled cluster and restarts it when writes go on. Returns the time from the kill to the end
 * of the first acknowledged write of those sent after the kill, in ms.
 */
export async function measureLeaderDeath(cluster: Cluster, random: Random): Promise<number> {
  const { leader, followers } = await cluster.untilSettled();
  const probes = new Probes(cluster.members);
  await delay(warmUpMs + random.below(jitterMs));
  probes.aim(followers);
  const killedMs = leader.kill();
  const { endMs } = await probes.untilAcknowledged(killedMs).finally(() => probes.stop());
  await leader.exited();
  await leader.start();
  return endMs - killedMs;
}

export interface Departure {
  readonly exit: ProcessExit | undefined;
  /** From the signal to the end of the process. */
  readonly exitMs: number;
  /** The longest time between two acknowledged writes, from the signal on. */
  readonly longestGapMs: number;
}

/** Sends SIGTERM to the leader of a settled cluster, and does not start it again. */
export async function measureLeaderDeparture(cluster: Cluster): Promise<Departure> {
  const { leader, followers } = await cluster.untilSettled();
  const probes = new Probes(followers);
  await delay(warmUpMs);
  const signalMs = performance.now();
  const exit = await leader.stop();
  const exitMs = performance.now() - signalMs;
  await delay(aftermathMs);
  await probes.untilAcknowledged(performance.now()).finally(() => probes.stop());
  const ends = probes.acknowledged.map(({ endMs }) => endMs).filter((endMs) => endMs > signalMs);
  const gaps = ends.map((endMs, index) => endMs - (ends[index - 1] ?? signalMs));
  return { exit, exitMs, longestGapMs: Math.max(...gaps) };
}
