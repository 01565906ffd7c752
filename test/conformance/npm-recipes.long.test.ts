/**
 * lock() and election() of the etcd3 package from npm against three members whose leader is killed. QUORATE_TARGET=etcd
 * runs the same against etcd.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Campaign,
  Etcd3,
  EtcdLeaseInvalidError,
  EtcdLockFailedError,
  type ElectionObserver,
  type Lock,
} from 'etcd3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Cluster, type ClusterMember, until, withCluster } from '../harness/cluster.js';
import { requirePeer, targetProgram } from '../harness/etcd.js';

const ttlSeconds = 4;
const patienceMs = 25_000;
const timeoutMs = 90_000;

/** Through all members, another one first for each client. */
function connect(cluster: Cluster, place: number): Etcd3 {
  const { members } = cluster;
  const order = [...members.slice(place % members.length), ...members.slice(0, place % members.length)];
  const client = new Etcd3({
    hosts: order.map(({ spec }) => `http://${spec.endpoint}`),
    defaultCallOptions: (call) => (call.isStream ? {} : { deadline: Date.now() + 10_000 }),
  });
  onTestFinished(() => client.close());
  return client;
}

async function killLeader(cluster: Cluster): Promise<ClusterMember> {
  const { leader } = await cluster.untilLeadership();
  leader.kill();
  await leader.exited();
  return leader;
}

/** What may be repeated, repeated while no leader stands or a host is found dead. */
async function untilDone<T>(request: () => PromiseLike<T>): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (error instanceof EtcdLockFailedError || performance.now() > deadline) throw error;
      await delay(50);
    }
  }
}

describe.skipIf(!requirePeer(targetProgram))(`lock() of etcd3 from npm: ${targetProgram}`, () => {
  it('is held over the death of the leader, and taken by one at a time', { timeout: timeoutMs }, async () => {
    await withCluster({ program: targetProgram }, async (cluster) => {
      const clients = [0, 1, 2].map((place) => connect(cluster, place));
      const lockOf = (place: number): Lock => clients[place]?.lock('l').ttl(ttlSeconds) ?? expect.fail('no client');
      const isTaken = async (place: number): Promise<void> => {
        await expect(untilDone(() => lockOf(place).acquire())).rejects.toThrow(EtcdLockFailedError);
      };
      const first = lockOf(0);
      await first.acquire();
      await isTaken(1);
      const dead = await killLeader(cluster);
      await isTaken(1);
      await delay((ttlSeconds + 2) * 1000);
      await isTaken(2);
      await untilDone(() => first.release());
      const second = lockOf(1);
      await untilDone(() => second.acquire());
      await isTaken(0);

      await dead.start();
      await cluster.untilSettled();
      await killLeader(cluster);
      // Whoever loses its lease loses the lock with it.
      const lost = (await second.leaseId()) ?? expect.fail('no lease');
      await untilDone(async () => {
        const revoked = clients[0]?.leaseClient.leaseRevoke({ ID: lost });
        // A call before may have done it without a word.
        await revoked?.catch((error: unknown) => error instanceof EtcdLeaseInvalidError || Promise.reject(error));
      });
      const third = lockOf(2);
      await untilDone(() => third.acquire());
      await isTaken(0);
      await untilDone(() => third.release());
    });
  });
});

/** Told by `change`, with every word twice in a row told once: the client repeats itself after a reconnection. */
function leadersOf(observer: ElectionObserver): readonly string[] {
  const told: string[] = [];
  const tell = (leader: string | undefined): void => {
    if (leader !== undefined && told.at(-1) !== leader) told.push(leader);
  };
  tell(observer.leader());
  observer.on('change', tell);
  return told;
}

describe.skipIf(!requirePeer(targetProgram))(`election() of etcd3 from npm: ${targetProgram}`, () => {
  it('has one leader at a time, whom observers hear of', { timeout: timeoutMs }, async () => {
    await withCluster({ program: targetProgram }, async (cluster) => {
      const electionOf = (place: number) => connect(cluster, place).election('e', ttlSeconds);
      const elected: string[] = [];
      const campaigns: Campaign[] = [];
      const errors: unknown[] = [];
      const stand = async (value: string, place: number): Promise<Campaign> => {
        const election = electionOf(place);
        const campaign = election.campaign(value);
        campaign.on('elected', () => elected.push(value));
        campaign.on('error', (error: unknown) => errors.push(error));
        campaigns.push(campaign);
        await until('a candidate', patienceMs, async () => {
          const { kvs } = await connect(cluster, 0).namespace('election/e/').getAll().exec();
          return kvs.length === campaigns.length || undefined;
        });
        return campaign;
      };
      const first = await stand('a', 0);
      await until('a', patienceMs, async () => elected.includes('a') || undefined);
      const second = await stand('b', 1);
      const third = await stand('c', 2);
      const observers = await Promise.all([1, 2].map((place) => electionOf(place).observe()));
      const told = observers.map(leadersOf);
      const heard = (leader: string): Promise<unknown> =>
        until(leader, patienceMs, async () => told.every((each) => each.at(-1) === leader) || undefined);
      await heard('a');

      const dead = await killLeader(cluster);
      await cluster.untilLeadership();
      await untilDone(() => first.proclaim('a2'));
      await heard('a2');
      await delay((ttlSeconds + 2) * 1000);
      expect(elected).toEqual(['a']);
      await untilDone(() => first.resign());
      await heard('b');
      expect(elected).toEqual(['a', 'b']);
      await dead.start();
      await cluster.untilSettled();
      await killLeader(cluster);
      await untilDone(() => second.resign());
      await heard('c');
      expect(elected).toEqual(['a', 'b', 'c']);
      expect(await untilDone(() => electionOf(0).leader())).toBe('c');
      expect(errors).toEqual([]);
      for (const observer of observers) await observer.cancel();
      await untilDone(() => third.resign());
      expect(told).toEqual([
        ['a', 'a2', 'b', 'c'],
        ['a', 'a2', 'b', 'c'],
      ]);
    });
  });
});
