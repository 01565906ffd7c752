/**
 * Kills members with SIGKILL while a load runs, and starts them again: of four rounds, two hit the leader, one a
 * follower, one all members at once. The next round may come while a member is still catching up.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../server/lib/random.js';
import type { Cluster, ClusterMember } from '../harness/cluster.js';
import type { History } from './history.js';

export type Victim = 'leader' | 'follower' | 'all';

const victims: readonly Victim[] = ['leader', 'follower', 'leader', 'all'];
/** How long a victim stays down, and how long the cluster is left alone after a round, at most. */
const downMsMax = 1_500;
const calmMsMax = 500;
/** From the moment a quorum of processes runs: an election, a restart of Node.js and a busy machine fit well in. */
const recoveryTimeoutMs = 20_000;

export interface Round {
  readonly victim: Victim;
  readonly killed: number;
  /** From the kill, or for `all` from the restart, to the end of the next acknowledged write. */
  readonly recoveryMs: number;
}

export interface KillCycleOptions {
  readonly cluster: Cluster;
  readonly history: History;
  readonly random: Random;
  readonly rounds: number;
}

export async function runKillCycle(options: KillCycleOptions): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const victim = victims[round % victims.length] ?? 'leader';
    rounds.push(await runRound(victim, options));
    await delay(options.random.below(calmMsMax));
  }
  return rounds;
}

async function runRound(victim: Victim, { cluster, history, random }: KillCycleOptions): Promise<Round> {
  const members = await chooseMembers(victim, cluster, random);
  const recovered = async (sinceMs: number): Promise<number> =>
    (await history.untilAcknowledged(sinceMs, recoveryTimeoutMs)).endMs - sinceMs;
  const killedMs = killAll(members, history);
  const alive = members.length < cluster.members.length ? recovered(killedMs) : undefined;
  await Promise.all([alive, ...members.map((member) => member.exited()), delay(random.below(downMsMax))]);
  await Promise.all(members.map((member) => member.start()));
  const restartedMs = performance.now();
  for (const { name } of members) history.addFault({ type: 'fault', kind: 'restart', member: name, atMs: restartedMs });
  const recoveryMs = (await alive) ?? (await recovered(restartedMs));
  return { victim, killed: members.length, recoveryMs };
}

async function chooseMembers(victim: Victim, cluster: Cluster, random: Random): Promise<readonly ClusterMember[]> {
  const { leader, followers } = await cluster.untilLeadership();
  if (victim === 'all') return cluster.members;
  if (victim === 'leader') return [leader];
  const follower = followers[random.below(followers.length)];
  return follower === undefined ? [] : [follower];
}

function killAll(members: readonly ClusterMember[], history: History): number {
  const times = members.map((member) => member.kill());
  members.forEach(({ name }, index) => {
    history.addFault({ type: 'fault', kind: 'kill', member: name, atMs: times[index] ?? 0 });
  });
  return Math.min(...times);
}
