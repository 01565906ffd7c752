/**
 * A follower misses far more writes than the leader's log keeps, and comes back while clients go on writing: it must
 * get a snapshot, become equal to the others, and disturb neither the leader nor the term.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Cluster, type ClusterMember, type Leadership, until, withCluster } from '../harness/cluster.js';
import { percentile } from './figures.js';
import { hasSubject, subject } from './subject.js';

const missedWrites = 50_000;
const inFlight = 64;
const keyCount = 5_000;
const valueBytes = 128;
const loadEveryMs = 10;
const watchEveryMs = 50;
const catchUpTimeoutMs = 60_000;
const testTimeoutMs = 240_000;

/**
 * Trims early and keeps a short tail. etcd always keeps 5,000 entries. Of ours one may hold all writes in flight, so
 * that the writes which are missed are no more than 780 entries.
 */
const trimEarly: Readonly<Record<typeof subject, readonly string[]>> = {
  etcd: ['--snapshot-count', '1000'],
  quorate: ['--snapshot-count', '200', '--snapshot-catchup-entries', '200'],
};

/** What a member logs when a snapshot has become its state. */
const installed: Readonly<Record<typeof subject, RegExp>> = {
  etcd: /applied incoming snapshot|applied snapshot/,
  quorate: /snapshot installed/,
};

interface Absence {
  begin(member: ClusterMember): Promise<unknown>;
  end(member: ClusterMember): Promise<unknown>;
}

const absences: Readonly<Record<string, Absence>> = {
  'was killed': {
    begin(member) {
      member.kill();
      return member.exited();
    },
    end: (member) => member.start(),
  },
  'stood still': {
    begin: async (member) => member.pause(),
    end: async (member) => member.resume(),
  },
};

describe.runIf(hasSubject())(`${subject}: a follower that ${missedWrites} writes have passed by`, () => {
  it.each(Object.keys(absences))('comes back by snapshot when it %s', { timeout: testTimeoutMs }, async (how) => {
    const absence = absences[how];
    if (absence === undefined) throw new Error(`no such absence: ${how}`);
    await withCluster({ program: subject, extraArgs: trimEarly[subject] }, (cluster) =>
      passByAndReturn(cluster, absence),
    );
  });
});

async function passByAndReturn(cluster: Cluster, absence: Absence): Promise<void> {
  const before = await cluster.untilSettled();
  const [laggard] = before.followers;
  if (laggard === undefined) throw new Error('a cluster of three has followers');
  await writeMany(before.leader, 1);
  const watch = new LeaderWatch(before);
  await absence.begin(laggard);
  await writeMany(before.leader, missedWrites);

  const load = new SteadyLoad(before.leader);
  await until('the load to flow', catchUpTimeoutMs, async () => (load.latencies.length > 100 ? true : undefined));
  const latenciesBefore = load.latencies.length;
  const logBefore = await installationsIn(laggard);
  const returnedMs = performance.now();
  await absence.end(laggard);
  await until('the follower to catch up', catchUpTimeoutMs, () => hasCaughtUp(laggard, load.acknowledgedRevision));
  const catchUpMs = performance.now() - returnedMs;
  await load.stop();

  const { hashes, revision } = await cluster.hashes();
  const after = await cluster.untilSettled();
  console.log(
    `${subject}: caught up in ${catchUpMs.toFixed(0)} ms; p99 of writes ` +
      `${percentile(load.latencies.slice(0, latenciesBefore), 0.99).toFixed(1)} ms before, ` +
      `${percentile(load.latencies.slice(latenciesBefore), 0.99).toFixed(1)} ms during`,
  );
  expect(new Set(Object.values(hashes)).size, `hashes at ${revision}: ${JSON.stringify(hashes)}`).toBe(1);
  expect(await watch.stop()).toEqual([]);
  expect([after.leader.name, after.term]).toEqual([before.leader.name, before.term]);
  expect(load.failures).toEqual([]);
  expect(await installationsIn(laggard)).toBeGreaterThan(logBefore);
}

async function hasCaughtUp(member: ClusterMember, revision: number): Promise<true | undefined> {
  const status = await member.status();
  return status !== undefined && status.revision >= revision ? true : undefined;
}

async function installationsIn({ spec }: ClusterMember): Promise<number> {
  const lines = (await readFile(spec.logFile, 'utf8')).split('\n');
  return lines.filter((line) => installed[subject].test(line)).length;
}

async function writeMany({ client }: ClusterMember, count: number): Promise<void> {
  const value = 'x'.repeat(valueBytes);
  let sent = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (sent < count) {
        sent += 1;
        await client.put(`missed/${sent % keyCount}`, `${sent}${value}`);
      }
    }),
  );
}

/** One write at a time, a little apart, with the time that each took. */
class SteadyLoad {
  readonly latencies: number[] = [];
  readonly failures: string[] = [];
  acknowledgedRevision = 0;
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(member: ClusterMember) {
    this.#running = this.#run(member);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run({ client }: ClusterMember): Promise<void> {
    while (!this.#isStopped) {
      const startMs = performance.now();
      try {
        const { revision } = await client.put('load', String(startMs));
        this.acknowledgedRevision = revision;
        this.latencies.push(performance.now() - startMs);
      } catch (error) {
        this.failures.push(String(error));
      }
      await delay(loadEveryMs);
    }
  }
}

/** Asks the two members that stay whether they still have the same leader in the same term. */
class LeaderWatch {
  readonly #changes: string[] = [];
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor({ leader, followers, term }: Leadership) {
    this.#running = this.#run([leader, ...followers.slice(1)], term);
  }

  /** What changed; nothing when all stayed as it was. */
  async stop(): Promise<readonly string[]> {
    this.#isStopped = true;
    await this.#running;
    return this.#changes;
  }

  async #run(members: readonly ClusterMember[], term: number): Promise<void> {
    const leader = (await members[0]?.status())?.leader;
    while (!this.#isStopped) {
      for (const member of members) {
        const status = await member.status();
        if (status === undefined || (status.leader === leader && status.term === term)) continue;
        this.#changes.push(`${member.name}: leader ${status.leader} in term ${status.term}, not ${leader} in ${term}`);
      }
      await delay(watchEveryMs);
    }
  }
}
