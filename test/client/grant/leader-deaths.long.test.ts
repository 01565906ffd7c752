/**
 * Mutexes of the real SDK on real members in virtual time. Leaders die at every step of a lock's life, connections break,
 * and leases die in the queue: nobody ever holds beside another, no lock is stuck, and tokens rise.
 */
import { describe, expect, it } from 'vitest';
import { type Client, type Grant, isQuorateError } from '../../../client/index.js';
import { seededRandom } from '../../../server/lib/random.js';
import { mulberry } from '../mulberry.js';
import { SdkCluster } from '../sdk-cluster.js';

/** Nothing here waits for real time, but a busy machine may take its own. */
const patient = { timeout: 300_000 };
const CLIENTS = 3;
const TTL_MS = 5_000;

interface Rig {
  readonly cluster: SdkCluster;
  readonly clients: readonly Client[];
  readonly below: (bound: number) => number;
}

async function rigged(seed: number): Promise<Rig> {
  const cluster = new SdkCluster(3, { seed });
  await cluster.startAll();
  const clients: Client[] = [];
  for (let place = 0; place < CLIENTS; place += 1) {
    // Attempts are named by chance: each client has its own.
    clients.push(await cluster.connect({ random: seededRandom(seed * 1_000 + place) }));
  }
  return { cluster, clients, below: mulberry(seed) };
}

/** What all holders of one name say of themselves, and what must hold of it. */
class Watchdog {
  readonly tokens: number[] = [];
  readonly complaints: string[] = [];
  readonly #holders = new Set<Grant>();

  enter(grant: Grant): void {
    for (const other of this.#holders) {
      if (other.state === 'held' || other.state === 'jeopardy')
        this.complaints.push(`${other.token} beside ${grant.token}`);
    }
    if (grant.token <= (this.tokens.at(-1) ?? 0)) this.complaints.push(`${grant.token} after ${this.tokens.at(-1)}`);
    this.tokens.push(grant.token);
    this.#holders.add(grant);
  }

  leave(grant: Grant): void {
    this.#holders.delete(grant);
  }
}

function delay(cluster: SdkCluster, ms: number): Promise<void> {
  return new Promise((resolve) => cluster.clock.setTimer(resolve, ms));
}

/** A lease that is lost in the queue is no reason to give up. */
async function untilGranted(client: Client, name: string, onLoss: () => void): Promise<Grant> {
  for (;;) {
    try {
      return await client.mutex(name).acquire({ ttl: TTL_MS, timeout: 60_000 });
    } catch (error) {
      if (!isQuorateError(error, 'LEASE_LOST') && !isQuorateError(error, 'GRANT_LOST')) throw error;
      onLoss();
    }
  }
}

async function killTheLeader({ cluster, below }: Rig): Promise<void> {
  let leader = cluster.nodes.leader();
  for (; leader === undefined; leader = cluster.nodes.leader()) await delay(cluster, 10);
  const { id } = leader.node;
  cluster.crash(id);
  await delay(cluster, 50 + below(400));
  await cluster.start(id);
}

describe('a leader that dies', patient, () => {
  /** Each trial is one round of all clients, with a death at a moment of it that the seed draws. */
  const trialsOf = async (seed: number, trials: number): Promise<{ kills: number; grants: number; lost: number }> => {
    const rig = await rigged(seed);
    const { cluster, clients, below } = rig;
    const sum = { kills: 0, grants: 0, lost: 0 };
    for (let trial = 0; trial < trials; trial += 1) {
      const name = `n${trial % 3}`;
      const watchdog = new Watchdog();
      const round = clients.map(async (client, place) => {
        await delay(cluster, place * below(12));
        const grant = await untilGranted(client, name, () => {
          sum.lost += 1;
        });
        watchdog.enter(grant);
        await delay(cluster, below(25));
        watchdog.leave(grant);
        if (grant.state === 'lost') sum.lost += 1;
        else await grant.release().catch(() => undefined);
        sum.grants += 1;
      });
      const death = delay(cluster, below(60)).then(async () => {
        await killTheLeader(rig);
        sum.kills += 1;
      });
      await cluster.run(Promise.all([...round, death]), 120_000);
      expect(watchdog.complaints).toEqual([]);
      expect(watchdog.tokens).toHaveLength(CLIENTS);
    }
    // Nothing of it is left, once what was given back in doubt has ended with its lease.
    await cluster.clock.advance(TTL_MS + 3_000);
    const leader = await cluster.nodes.untilLeader();
    const described = await cluster.run(leader.grants.describe(undefined, 100));
    expect(described.queues).toEqual([]);
    await cluster.run(Promise.all(clients.map((client) => client.close())));
    return sum;
  };

  it('during any step of acquiring, waiting and releasing leaves no lock stuck and none held twice: 300 times', async () => {
    const sum = { kills: 0, grants: 0, lost: 0 };
    for (let seed = 1; seed <= 10; seed += 1) {
      const { kills, grants, lost } = await trialsOf(seed, 30);
      sum.kills += kills;
      sum.grants += grants;
      sum.lost += lost;
    }
    expect(sum.grants).toBe(300 * CLIENTS);
    console.info(JSON.stringify(sum));
    expect(sum.kills).toBe(300);
    // A lease outlives an election.
    expect(sum.lost).toBeLessThan(sum.grants / 10);
  });
});

describe('a lease that dies in the queue', patient, () => {
  it('takes its place along at once, and the next one that lives gets the lock: 200 times', async () => {
    const rig = await rigged(99);
    const { cluster, clients, below } = rig;
    const [one, two, three] = clients as [Client, Client, Client];
    const codeOf = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'granted',
        (error: unknown) => (isQuorateError(error) ? error.code : String(error)),
      );
    for (let trial = 0; trial < 200; trial += 1) {
      const name = `m${trial % 5}`;
      const holder = await cluster.run(one.mutex(name).acquire());
      const lease = await cluster.run(two.lease.grant({ ttl: 60_000 }));
      let diedAt = Infinity;
      const dead = codeOf(two.mutex(name).acquire({ lease })).then((code) => ({ code, at: cluster.clock.now() }));
      await cluster.clock.advance(5);
      const alive = three.mutex(name).acquire();
      await cluster.clock.advance(5 + below(30));
      // By another hand, so that its own client hears of it from the cluster alone.
      await cluster.run(cluster.nodes.member(1n).leases.revoke(BigInt.asIntN(64, BigInt(`0x${lease.id}`))));
      diedAt = cluster.clock.now();
      const { code, at } = await cluster.run(dead);
      expect(code).toMatch(/^(GRANT_LOST|LEASE_LOST)$/);
      expect(at - diedAt).toBeLessThan(50);
      expect(await cluster.run(holder.release())).toBe(true);
      const next = await cluster.run(alive);
      expect(next.token).toBe(holder.token + 1);
      await cluster.run(next.release());
    }
    await cluster.run(Promise.all(clients.map((client) => client.close())));
  });
});
