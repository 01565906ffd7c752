/**
 * Members that fall behind: one after the other is told late what the others write, stopped and continued, or killed and
 * started again. Never two at once out of office, so that the cluster goes on.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../../server/lib/random.js';
import type { Cluster, ClusterMember } from '../../harness/cluster.js';
import type { DelayedLinks } from '../../harness/delayed-links.js';

const delayMsMin = 20;
const delayMsMax = 200;
const lagMs = 1_500;
const stopMsMin = 200;
const stopMsMax = 1_500;
const downMsMax = 500;
const patienceMs = 120_000;

export interface LagCounts {
  /** Each of a delay, a stop and a restart. */
  rounds: number;
  /** Of the restarts, those that hit the leader. */
  leaders: number;
}

export class LaggingMembers {
  readonly counts: LagCounts = { rounds: 0, leaders: 0 };
  readonly #cluster: Cluster;
  readonly #links: DelayedLinks;
  readonly #random: Random;

  /** `links`: before the members' peer ports, in their order. */
  constructor(cluster: Cluster, links: DelayedLinks, random: Random) {
    this.#cluster = cluster;
    this.#links = links;
    this.#random = random;
  }

  /** Resolves when all members are well again. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const slow = await this.#slowDown();
      await delay(lagMs);
      await this.#stopOne(slow);
      await this.#restartOne();
      this.counts.rounds += 1;
    }
    for (const place of this.#cluster.members.keys()) this.#links.delay(place, 0);
    await this.#cluster.untilSettled(patienceMs);
  }

  /** Another one of the followers is told late, from now on until the next round. */
  async #slowDown(): Promise<ClusterMember> {
    const { followers } = await this.#cluster.untilLeadership(patienceMs);
    const slow = followers[this.#random.below(followers.length)];
    if (slow === undefined) throw new Error('there is no follower');
    for (const [place, member] of this.#cluster.members.entries()) {
      this.#links.delay(place, member === slow ? delayMsMin + this.#random.below(delayMsMax - delayMsMin) : 0);
    }
    return slow;
  }

  async #stopOne(member: ClusterMember): Promise<void> {
    member.pause();
    await delay(stopMsMin + this.#random.below(stopMsMax - stopMsMin));
    member.resume();
    await delay(stopMsMin);
  }

  async #restartOne(): Promise<void> {
    const { leader, followers } = await this.#cluster.untilLeadership(patienceMs);
    const isLeader = this.counts.rounds % 2 === 0;
    const member = isLeader ? leader : followers[this.#random.below(followers.length)];
    if (member === undefined) throw new Error('there is nobody to restart');
    if (isLeader) this.counts.leaders += 1;
    member.kill();
    await member.exited();
    await delay(this.#random.below(downMsMax));
    await member.start();
    await this.#cluster.untilSettled(patienceMs);
  }
}
