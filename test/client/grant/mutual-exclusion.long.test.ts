/**
 * Five processes and one lock with a ttl of two seconds, and three counters under it. Holders are stopped between reading
 * and writing for longer than their leases live, workers and leaders are killed and stopped: the counter that checks no
 * token loses updates, which shows that there is something to lose; the one that does loses none, and neither does the key
 * that is written under the condition that the lock is held.
 *
 * QUORATE_FULL=1: ten minutes of it. Else each kind of trouble once, and the holder stopped four times: half a minute.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { connect } from '../../../client/index.js';
import { type Random, seededRandom } from '../../../server/lib/random.js';
import { seed } from '../../e2e/subject.js';
import { type Cluster, withCluster } from '../../harness/cluster.js';
import { requirePeer } from '../../harness/etcd.js';
import type { Register } from './exclusion/messages.js';
import { Registers } from './exclusion/registers.js';
import { Workers } from './exclusion/workers.js';

const isFull = process.env['QUORATE_FULL'] === '1';
/** One round at least. */
const durationMs = isFull ? 600_000 : 0;
const workerCount = 5;
const holdMs = 40;
const patienceMs = 120_000;
/** Longer than the lock's ttl of two seconds. */
const stopMs = { from: 3_000, below: isFull ? 6_000 : 3_500 } as const;
const pauseMs = { from: 300, below: isFull ? 1_000 : 301 } as const;
const KEY = 'counter';

const faults = ['holderStopped', 'workerStopped', 'workerKilled', 'leaderStopped', 'leaderKilled'] as const;
type Fault = (typeof faults)[number];
/** The holder every other time: without it nothing would be lost anywhere. */
const round = faults.slice(1).flatMap((fault): Fault[] => ['holderStopped', fault]);

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

  /** Whole rounds. */
  async until(endMs: number): Promise<void> {
    do {
      for (const fault of round) {
        await this.#strike(fault);
        this.counts[fault] += 1;
        await delay(this.#within(pauseMs));
      }
    } while (performance.now() < endMs);
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
          await delay(this.#within(stopMs));
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
    await delay(this.#within(stopMs));
    this.#workers.resume(place);
  }

  #within({ from, below }: { readonly from: number; readonly below: number }): number {
    return from + this.#random.below(below - from);
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
        await workers.end();
      }
      const client = await connect(endpoints.join());
      const entry = await client.kv.get(KEY);
      await client.close();
      registers.close();
      const { plain, fenced } = registers;
      // One entry of the log for each write, and each adds one to what its writer has read.
      const guarded = { writes: entry?.version ?? 0, lost: (entry?.version ?? 0) - Number(entry?.text() ?? 0) };
      const { counts } = trouble;
      console.log(`seed ${seed}, ${JSON.stringify(counts)}, ${JSON.stringify(workers.tally)}`);
      for (const [name, { writes, lost }] of Object.entries({ plain, fenced, guarded } as const)) {
        console.log(
          `${name}: ${writes} writes, ${lost} lost; as the workers saw it ${JSON.stringify(workers.writes[name as Register])}`,
        );
      }
      console.log(
        `stale writes: plain ${plain.stale}, fenced ${fenced.stale}; ${registers.refused} requests refused at the door`,
      );
      expect(workers.errors).toEqual([]);
      for (const fault of faults) expect(counts[fault]).toBeGreaterThan(0);
      // What was acknowledged was written, and nothing was written twice.
      for (const [{ writes }, told] of [
        [plain, workers.writes.plain],
        [fenced, workers.writes.fenced],
        [guarded, workers.writes.guarded],
      ] as const) {
        expect(told.acknowledged).toBeGreaterThan(20);
        expect(writes).toBeGreaterThanOrEqual(told.acknowledged);
        expect(writes).toBeLessThanOrEqual(told.sent);
      }
      expect(plain.lost).toBeGreaterThan(0);
      expect(plain.stale).toBeGreaterThan(0);
      expect(registers.refused).toBeGreaterThan(0);
      expect(workers.writes.guarded.refused).toBeGreaterThan(0);
      expect({ fenced: fenced.lost, stale: fenced.stale, guarded: guarded.lost }).toEqual({
        fenced: 0,
        stale: 0,
        guarded: 0,
      });
    });
  });
});
