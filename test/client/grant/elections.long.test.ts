/**
 * Seven processes that want to lead, killed and stopped as they do, while leaders of the cluster are killed and stopped as
 * well, and an observer on every member. On the clock that all processes of this machine share, nobody believes that it
 * leads beside another, and tokens rise with time; observers go forward only and agree; and nobody leads for no longer than
 * the ttl and a second. When the cluster itself had no leader meanwhile, that is counted from when it has one again, which
 * gives each lease its time anew; and who waits at a member that stands still may take as long as a client takes to leave it.
 *
 * QUORATE_FULL=1: five minutes. Else each kind of trouble once: half a minute.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Client, connect } from '../../../client/index.js';
import { type Random, seededRandom } from '../../../server/lib/random.js';
import { seed } from '../../e2e/subject.js';
import { type Cluster, until, withCluster } from '../../harness/cluster.js';
import { requirePeer } from '../../harness/etcd.js';
import { monotonicMs } from '../../harness/monotonic.js';
import { Candidates } from './candidates/candidates.js';
import { gapLimitMs, gapsOf, judgeSightings, judgeTerms, type Outage, type Seen } from './candidates/judge.js';

const isFull = process.env['QUORATE_FULL'] === '1';
/** One round at least. */
const durationMs = isFull ? 300_000 : 0;
const candidateCount = 7;
const ELECTION = 'captain';
const ttlMs = 2_000;
const termMs = 4_000;
/** Three looks a second apart find the member silent, the first of them up to a second after the last answer. */
const patience = { ttlMs, graceMs: 1_000, silentMs: 4_000 } as const;
const patienceMs = 120_000;

const faults = ['leaderKilled', 'leaderStopped', 'otherKilled', 'memberKilled', 'memberStopped'] as const;
type Fault = (typeof faults)[number];

class Trouble {
  readonly counts = Object.fromEntries(faults.map((fault) => [fault, 0])) as Record<Fault, number>;
  readonly outages: Outage[] = [];
  readonly #cluster: Cluster;
  readonly #candidates: Candidates;
  readonly #random: Random;

  constructor(cluster: Cluster, candidates: Candidates, random: Random) {
    this.#cluster = cluster;
    this.#candidates = candidates;
    this.#random = random;
  }

  /** Whole rounds. */
  async until(endMs: number): Promise<void> {
    do {
      for (const fault of faults) {
        await this.#strike(fault);
        this.counts[fault] += 1;
        await delay(1_000 + this.#random.below(isFull ? 2_000 : 500));
      }
    } while (performance.now() < endMs);
  }

  async #strike(fault: Fault): Promise<void> {
    const candidates = this.#candidates;
    const leader = candidates.leader ?? 0;
    switch (fault) {
      case 'leaderKilled':
        return candidates.kill(leader);
      case 'otherKilled':
        return candidates.kill((leader + 1 + this.#random.below(candidateCount - 1)) % candidateCount);
      case 'leaderStopped':
        candidates.signal(leader, 'SIGSTOP');
        await delay(ttlMs + this.#random.below(ttlMs));
        return candidates.signal(leader, 'SIGCONT');
      case 'memberKilled':
        return this.#killMember();
      case 'memberStopped':
        return this.#stopMember();
    }
  }

  async #killMember(): Promise<void> {
    const { leader } = await this.#cluster.untilLeadership(patienceMs);
    const from = monotonicMs();
    leader.kill();
    await leader.exited();
    await this.#cluster.untilLeadership(patienceMs);
    const leadsAt = monotonicMs();
    this.outages.push({ from, leadsAt, to: leadsAt, isSilent: false });
    await leader.start();
    await this.#cluster.untilSettled(patienceMs);
  }

  async #stopMember(): Promise<void> {
    const { leader } = await this.#cluster.untilLeadership(patienceMs);
    const stopMs = 2_000 + this.#random.below(2_000);
    const from = monotonicMs();
    leader.pause();
    await this.#cluster.untilLeadership(patienceMs);
    const leadsAt = monotonicMs();
    await delay(Math.max(0, from + stopMs - leadsAt));
    leader.resume();
    this.outages.push({ from, leadsAt, to: monotonicMs(), isSilent: true });
    await this.#cluster.untilSettled(patienceMs);
  }
}

async function observe(client: Client, seen: Seen[], signal: AbortSignal): Promise<void> {
  for await (const now of client.election(ELECTION).observe({ signal })) {
    seen.push(now === null ? undefined : { token: now.term, leader: Buffer.from(now.leader.value).toString() });
  }
}

describe.runIf(requirePeer('quorate'))('seven candidates', () => {
  it('lead one after the other, whoever dies or stands still', { timeout: durationMs + 2 * patienceMs }, async () => {
    await withCluster({ program: 'quorate' }, async (cluster) => {
      const endpoints = cluster.members.map(({ spec }) => spec.endpoint);
      const orders = Array.from({ length: candidateCount }, (_, place) => ({
        name: `candidate ${place}`,
        endpoints,
        election: ELECTION,
        ttlMs,
        termMs,
      }));
      const candidates = new Candidates(orders);
      const trouble = new Trouble(cluster, candidates, seededRandom(seed));
      const watching = new AbortController();
      const observers = await Promise.all(endpoints.map((endpoint) => connect(endpoint)));
      const sightings = observers.map((): Seen[] => []);
      const observing = observers.map((client, place) => observe(client, sightings[place] ?? [], watching.signal));
      try {
        await until('all candidates', patienceMs, async () => (candidates.areReady ? true : undefined));
        await trouble.until(performance.now() + durationMs);
      } finally {
        candidates.end();
      }
      watching.abort();
      await Promise.all(observing);
      await Promise.all(observers.map((client) => client.close()));

      const { terms } = candidates;
      const gaps = gapsOf(terms).map((gap) => ({ ...gap, limitMs: gapLimitMs(gap.from, trouble.outages, patience) }));
      const plainMs = ttlMs + patience.graceMs;
      const worst = (isPlain: boolean): string => {
        const of = gaps.filter(({ limitMs }) => limitMs > plainMs !== isPlain);
        const [gap] = of.toSorted((a, b) => b.ms / b.limitMs - a.ms / a.limitMs);
        return `${of.length} changes, the worst ${gap?.ms.toFixed(0)} of ${gap?.limitMs.toFixed(0)} ms`;
      };
      console.log(
        `seed ${seed}, ${JSON.stringify(trouble.counts)}: ${terms.length} terms, ${candidates.resigned} resigned, ` +
          `observers saw ${sightings.map((seen) => seen.length).join(', ')}; without a leader: ${worst(true)}; ` +
          `around an outage of the cluster's leader: ${worst(false)}; cluster without a leader for ` +
          trouble.outages.map(({ from, leadsAt }) => (leadsAt - from).toFixed(0)).join(', '),
      );
      expect(candidates.errors).toEqual([]);
      expect(judgeTerms(terms)).toEqual([]);
      expect(judgeSightings(sightings, terms)).toEqual([]);
      // Two leaders at least are struck down, and others take over.
      expect(terms.length).toBeGreaterThan(isFull ? 20 : 2);
      for (const seen of sightings) expect(seen.length).toBeGreaterThan(isFull ? 20 : 2);
      for (const fault of faults) expect(trouble.counts[fault]).toBeGreaterThan(0);
      expect(gaps.filter(({ ms, limitMs }) => ms > limitMs)).toEqual([]);
    });
  });
});
