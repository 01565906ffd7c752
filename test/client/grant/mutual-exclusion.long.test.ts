/**
 * Five processes and one lock with a ttl of two seconds, and three counters under it. Holders are stopped between reading
 * and writing for longer than their leases live, workers and leaders are killed and stopped: the counter that checks no
 * token loses updates, which shows that there is something to lose; the one that does loses none, and neither does the key
 * that is written under the condition that the lock is held.
 *
 * QUORATE_FULL=1: ten minutes. Else half a minute.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { connect } from '../../../client/index.js';
import { type Random, seededRandom } from '../../../server/lib/random.js';
import { seed } from '../../e2e/subject.js';
import { type Cluster, withCluster } from '../../harness/cluster.js';
import { requirePeer } from '../../harness/etcd.js';
import { Registers } from './exclusion/registers.js';
import { Workers } from './exclusion/workers.js';

const isFull = process.env['QUORATE_FULL'] === '1';
const durationMs = isFull ? 600_000 : 30_000;
const workerCount = 5;
const holdMs = 40;
const holderStopsMin = 4;
const patienceMs = 120_000;
/** As long as the lock's ttl, and longer. */
const stop = { from: 3_000, to: 6_000 } as const;
const KEY = 'counter';

const faults = ['holderStopped', 'workerStopped', 'workerKilled', 'leaderStopped', 'leaderKilled'] as const;
type Fault = (typeof faults)[number];

class Trouble {
  readonly counts: Record<Fault, number> = {
    holderStopped: 0,
    workerStopped: 0,
    workerKilled: 0,
    leaderStopped: 0,
    leaderKilled: 0,
  };
  readonly #cluster: Cluster;
  readonly #workers: Workers;
  readonly #random: Random;

  constructor(cluster: Cluster, workers: Workers, random: Random) {
    this.#cluster = cluster;
    this.#workers = workers;
    this.#random = random;
  }

  /** The holder first, and every other time, so often at least: without it nothing would be lost anywhere. */
  async until(endMs: number): Promise<void> {
    for (let turn = 0; performance.now() < endMs || this.counts.holderStopped < holderStopsMin; turn += 1) {
      const fault =
        turn % 2 === 0 ? 'holderStopped' : (faults[1 + this.#random.below(faults.length - 1)] ?? 'workerKilled');
      await this.#strike(fault);
      this.counts[fault] += 1;
      await delay(300 + this.#random.below(700));
    }
  }

  async #strike(fault: Fault): Promise<void> {
    const workers = this.#workers;
    const anyWorker = this.#random.below(workerCount);
    switch (fault) {
      case 'holderStopped':
        return this.#stopWorker(await workers.untilHolding());
      case 'workerStopped':
        return this.#stopWorker(anyWorker);
      case 'workerKilled':
        return workers.kill(anyWorker);
      case 'leaderStopped':
      case 'leaderKilled': {
        const { leader } = await this.#cluster.untilLeadership(patienceMs);
        if (fault === 'leaderStopped') {
          leader.pause();
          await delay(this.#stopMs());
          leader.resume();
        } else {
          leader.kill();
          await leader.exited();
          await leader.start();
        }
        await this.#cluster.untilSettled(patienceMs);
      }
    }
  }

  async #stopWorker(place: number): Promise<void> {
    this.#workers.stop(place);
    await delay(this.#stopMs());
    this.#workers.resume(place);
  }

  #stopMs(): number {
    return stop.from + this.#random.below(stop.to - stop.from);
  }
}

describe.runIf(requirePeer('quorate'))('five processes and one lock', () => {
  it('lose nothing where the token is checked, and something where it is not', {
    timeout: durationMs + 2 * patienceMs,
  }, async () => {
    await withCluster({ program: 'quorate' }, async (cluster) => {
      const registers = await Registers.start();
      const endpoints = cluster.members.map(({ spec }) => spec.endpoint);
      const orders = Array.from({ length: workerCount }, (_, place) => ({
        name: `worker ${place}`,
        endpoints,
        url: registers.url,
        holdMs,
      }));
      const workers = new Workers(orders);
      const trouble = new Trouble(cluster, workers, seededRandom(seed));
      try {
        await trouble.until(performance.now() + durationMs);
      } finally {
        workers.end();
      }
      const client = await connect(endpoints.join());
      const entry = await client.kv.get(KEY);
      await client.close();
      registers.close();
      const { plain, fenced, refused } = registers;
      const guarded = { writes: entry?.version ?? 0, value: Number(entry?.text() ?? 0) };
      console.log(
        `seed ${seed}, ${JSON.stringify(trouble.counts)}, ${JSON.stringify(workers.tally)}: ` +
          `without a token ${plain.writes} writes, ${plain.lost} lost; with the token checked ${fenced.writes} writes, ` +
          `${fenced.lost} lost, ${refused} requests refused; under require ${guarded.writes} writes, ` +
          `${guarded.writes - guarded.value} lost`,
      );
      expect(workers.errors).toEqual([]);
      expect(trouble.counts.holderStopped).toBeGreaterThanOrEqual(holderStopsMin);
      expect(plain.lost).toBeGreaterThan(0);
      expect(refused).toBeGreaterThan(0);
      expect(workers.tally.guarded).toBeGreaterThan(0);
      expect(fenced.writes).toBeGreaterThan(20);
      expect(guarded.writes).toBeGreaterThan(20);
      expect({ fenced: fenced.lost, guarded: guarded.writes - guarded.value }).toEqual({ fenced: 0, guarded: 0 });
    });
  });
});
