/**
 * Seven processes that want to lead, killed and stopped as they do, while leaders of the cluster are killed and stopped as
 * well, and an observer on every member. On the clock that all processes of this machine share, nobody believes that it
 * leads beside another, and tokens rise with time; observers go forward only and agree; and nobody leads for no longer than
 * the ttl and a second, or, when the cluster itself had no leader, that much after it has one again and has given each lease
 * its time anew.
 *
 * QUORATE_FULL=1: five minutes. Else half a minute.
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
import { gapsOf, judgeSightings, judgeTerms, type Seen } from './candidates/judge.js';

const isFull = process.env['QUORATE_FULL'] === '1';
const durationMs = isFull ? 300_000 : 30_000;
const candidateCount = 7;
const ELECTION = 'captain';
const ttlMs = 2_000;
const termMs = 4_000;
/** What is asked for: over the ttl. */
const graceMs = 1_000;
const patienceMs = 120_000;

const faults = ['leaderKilled', 'leaderStopped', 'otherKilled', 'memberKilled', 'memberStopped'] as const;
type Fault = (typeof faults)[number];

class Trouble {
  readonly counts = Object.fromEntries(faults.map((fault) => [fault, 0])) as Record<Fault, number>;
  /** When the cluster was without its leader, or may have been. */
  readonly outages: { readonly from: number; readonly to: number }[] = [];
  readonly #cluster: Cluster;
  readonly #candidates: Candidates;
  readonly #random: Random;

  constructor(cluster: Cluster, candidates: Candidates, random: Random) {
    this.#cluster = cluster;
    this.#candidates = candidates;
    this.#random = random;
  }

  /** For so much longer nobody may lead: the cluster had no leader itself, and the next one gives each lease its time anew. */
  outageMs({ from, ms }: { readonly from: number; readonly ms: number }): number {
    const around = this.outages.filter((outage) => from + ms >= outage.from && from <= outage.to + ttlMs);
    return Math.max(0, ...around.map((outage) => outage.to - outage.from + ttlMs));
  }

  /** Each kind in turn. */
  async until(endMs: number): Promise<void> {
    for (let turn = 0; performance.now() < endMs; turn += 1) {
      const fault = faults[turn % faults.length] ?? 'leaderKilled';
      await this.#strike(fault);
      this.counts[fault] += 1;
      await delay(1_000 + this.#random.below(2_000));
    }
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
      case 'memberStopped': {
        const from = monotonicMs();
        await this.#strikeMember(fault);
        this.outages.push({ from, to: monotonicMs() });
      }
    }
  }

  async #strikeMember(fault: 'memberKilled' | 'memberStopped'): Promise<void> {
    const { leader } = await this.#cluster.untilLeadership(patienceMs);
    if (fault === 'memberStopped') {
      leader.pause();
      await delay(2_000 + this.#random.below(2_000));
      leader.resume();
    } else {
      leader.kill();
      await leader.exited();
      await leader.start();
    }
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
      const gaps = gapsOf(terms).map((gap) => ({ ...gap, allowedMs: ttlMs + graceMs + trouble.outageMs(gap) }));
      const worst = (kind: 'plain' | 'failover'): string => {
        const of = gaps.filter(({ allowedMs }) => allowedMs > ttlMs + graceMs === (kind === 'failover'));
        return `${Math.max(0, ...of.map(({ ms }) => ms)).toFixed(0)} ms (${of.length} changes)`;
      };
      console.log(
        `seed ${seed}, ${JSON.stringify(trouble.counts)}: ${terms.length} terms, ${candidates.resigned} resigned, ` +
          `observers saw ${sightings.map((seen) => seen.length).join(', ')}; without a leader at most ${worst('plain')}, ` +
          `around an outage of the cluster's leader ${worst('failover')}`,
      );
      expect(candidates.errors).toEqual([]);
      expect(judgeTerms(terms)).toEqual([]);
      expect(judgeSightings(sightings, terms)).toEqual([]);
      expect(terms.length).toBeGreaterThan(5);
      for (const seen of sightings) expect(seen.length).toBeGreaterThan(3);
      for (const fault of faults) expect(trouble.counts[fault]).toBeGreaterThan(0);
      expect(gaps.filter(({ ms, allowedMs }) => ms > allowedMs)).toEqual([]);
    });
  });
});
