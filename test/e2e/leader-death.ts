/**
 * Measures how long a cluster takes no writes after its leader has died. Probes go out at a fixed rate to the members
 * in turn and nobody waits for an earlier one, so that the figure is the cluster's own and not that of a client's
 * time-out; only probes that were sent after the death count.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../server/lib/random.js';
import type { Cluster, ClusterMember } from '../harness/cluster.js';

const probeEveryMs = 10;
const probeTimeoutMs = 3_000;
const giveUpMs = 20_000;
/** Before the kill: long enough for the probes to flow, of random length so that kills do not fall in step with ticks. */
const warmUpMs = 500;
const jitterMs = 500;

/** Kills the leader of a settled cluster, waits for the next acknowledged write, restarts the dead one. */
export async function measureLeaderDeath(cluster: Cluster, random: Random): Promise<number> {
  const { leader, followers } = await cluster.untilSettled();
  const probes = new Probes(cluster.members);
  await delay(warmUpMs + random.below(jitterMs));
  const killedMs = leader.kill();
  const outageMs = await probes.outage(killedMs, followers).finally(() => probes.stop());
  await leader.exited();
  await leader.start();
  return outageMs;
}

class Probes {
  readonly #timer: NodeJS.Timeout;
  #targets: readonly ClusterMember[];
  #sent = 0;
  #killedMs = Infinity;
  #report: (outageMs: number) => void = () => undefined;

  constructor(targets: readonly ClusterMember[]) {
    this.#targets = targets;
    this.#timer = setInterval(() => void this.#probe(), probeEveryMs);
  }

  outage(killedMs: number, survivors: readonly ClusterMember[]): Promise<number> {
    this.#targets = survivors;
    this.#killedMs = killedMs;
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => reject(new Error(`no write for ${giveUpMs} ms`)), giveUpMs);
      this.#report = (outageMs) => {
        clearTimeout(giveUp);
        resolve(outageMs);
      };
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #probe(): Promise<void> {
    this.#sent += 1;
    const target = this.#targets[this.#sent % this.#targets.length];
    const sentMs = performance.now();
    const answer = await target?.client.put('probe', String(this.#sent), probeTimeoutMs).catch(() => undefined);
    if (answer !== undefined && sentMs >= this.#killedMs) this.#report(performance.now() - this.#killedMs);
  }
}
