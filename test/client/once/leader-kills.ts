/** Leaders die by SIGKILL, one after the other, each time that somebody asks for it, and come back on their data. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../../server/lib/random.js';
import type { Cluster } from '../../harness/cluster.js';

const downMsMax = 1_000;
const patienceMs = 120_000;

export class LeaderKills {
  readonly #cluster: Cluster;
  readonly #random: Random;
  #asked = 0;
  #count = 0;
  #killing: Promise<void> | undefined;

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  get count(): number {
    return this.#count;
  }

  /** One more, once the one before is back. */
  ask(): void {
    this.#asked += 1;
    this.#killing ??= this.#killAll();
    // Whoever calls `finish` is told.
    this.#killing.catch(() => undefined);
  }

  /** Resolves when all members are back. */
  async finish(): Promise<void> {
    await this.#killing;
  }

  async #killAll(): Promise<void> {
    while (this.#count < this.#asked) await this.#kill();
    this.#killing = undefined;
  }

  async #kill(): Promise<void> {
    const { leader } = await this.#cluster.untilLeadership(patienceMs);
    leader.kill();
    this.#count += 1;
    await leader.exited();
    await delay(this.#random.below(downMsMax));
    await leader.start();
    await this.#cluster.untilSettled(patienceMs);
  }
}
