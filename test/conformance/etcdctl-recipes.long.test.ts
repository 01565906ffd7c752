/**
 * `etcdctl lock` and `etcdctl elect` against three members whose leader is killed: one holder at a time, in the order in
 * which they came, who stays it as long as it keeps its lease alive, and no longer. QUORATE_TARGET=etcd runs the same
 * against etcd.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { ElectionDefinition } from '@quorate/proto/etcd/election.js';
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import { describe, expect, it } from 'vitest';
import { type Cluster, type ClusterMember, until, withCluster } from '../harness/cluster.js';
import { requirePeer, targetProgram } from '../harness/etcd.js';
import { callOn } from '../rpc/call-on.js';
import { EtcdctlProcess } from './etcdctl-process.js';

const ttlSeconds = 3;
/** Of etcdctl's client, of an election and of a lease: generous, because what is measured is who is told, not when. */
const patienceMs = 25_000;
const timeoutMs = 90_000;

const endpointsOf = (cluster: Cluster): readonly string[] => cluster.members.map(({ spec }) => spec.endpoint);

async function keysBelow(cluster: Cluster, prefix: string): Promise<readonly string[]> {
  const [member] = cluster.running;
  if (member === undefined) throw new Error('nobody runs');
  return until('the keys', patienceMs, async () => {
    const answer = await member.client.range({ key: `${prefix}/`, rangeEnd: `${prefix}0` }).catch(() => undefined);
    return answer?.kvs.toSorted((a, b) => a.createRevision - b.createRevision).map(({ key }) => key);
  });
}

async function untilPlaces(cluster: Cluster, prefix: string, count: number): Promise<void> {
  await until(`${count} places`, patienceMs, async () => {
    return (await keysBelow(cluster, prefix)).length === count || undefined;
  });
}

async function killLeader(cluster: Cluster): Promise<ClusterMember> {
  const { leader } = await cluster.untilLeadership();
  leader.kill();
  await leader.exited();
  return leader;
}

const holds = ({ lines, exit }: EtcdctlProcess): boolean => lines.length > 0 && exit === undefined;

async function untilHolds(process: EtcdctlProcess, what: string): Promise<void> {
  await until(what, patienceMs, async () => holds(process) || undefined).catch((error: Error) => {
    throw new Error(`${error.message}: ${process.lines.join(' ')} ${process.errors}`);
  });
}

describe.skipIf(!requirePeer('etcdctl', targetProgram))(`etcdctl lock: ${targetProgram}`, () => {
  it('hands the lock on in order while leaders are killed', { timeout: timeoutMs }, async () => {
    await withCluster({ program: targetProgram }, async (cluster) => {
      const start = async (places: number): Promise<EtcdctlProcess> => {
        const lock = EtcdctlProcess.start(endpointsOf(cluster), ['lock', 'l', `--ttl=${ttlSeconds}`]);
        await untilPlaces(cluster, 'l', places);
        return lock;
      };
      const [first, second, third, fourth] = [await start(1), await start(2), await start(3), await start(4)];
      const locks = [first, second, third, fourth];
      const holders = (): readonly number[] => locks.flatMap((lock, place) => (holds(lock) ? [place + 1] : []));
      await untilHolds(first, 'the first');
      expect(first.lines[0]).toBe((await keysBelow(cluster, 'l'))[0]);

      // A kept lease outlives the leader.
      const dead = await killLeader(cluster);
      await cluster.untilLeadership();
      await delay((ttlSeconds + 2) * 1000);
      expect(holders()).toEqual([1]);

      first.signal('SIGINT');
      expect(await first.exited).toEqual({ code: 0, signal: null });
      await untilHolds(second, 'the second, after the first gave it back');
      expect(holders()).toEqual([2]);

      // Whoever dies with the lock holds it until its lease ends.
      second.signal('SIGKILL');
      const killedAt = performance.now();
      await untilHolds(third, 'the third, after the second died');
      const keptMs = performance.now() - killedAt;
      console.log(`a dead holder kept the lock for ${(keptMs / 1000).toFixed(1)} s, with a ttl of ${ttlSeconds} s`);
      expect(holders()).toEqual([3]);

      await dead.start();
      await cluster.untilSettled();
      // Nobody leads when it is given back: etcdctl may give up, then the lease decides.
      await killLeader(cluster);
      third.signal('SIGINT');
      await untilHolds(fourth, 'the fourth, after the third gave it back to nobody');
      await third.exited;
      expect(holders()).toEqual([4]);
      fourth.signal('SIGINT');
      expect(await fourth.exited).toEqual({ code: 0, signal: null });
      await untilPlaces(cluster, 'l', 0);
    });
  });

  it('runs a command under the lock', { timeout: timeoutMs }, async () => {
    await withCluster({ program: targetProgram }, async (cluster) => {
      const script = 'echo got $ETCD_LOCK_KEY; sleep 0.2; echo done';
      const command = ['lock', 'c', '--', 'sh', '-c', script];
      const commands = Array.from({ length: 4 }, () => EtcdctlProcess.start(endpointsOf(cluster), command));
      for (const { exited } of commands) expect(await exited).toEqual({ code: 0, signal: null });
      for (const { lines } of commands) expect(lines).toEqual([expect.stringMatching(/^got c\/[0-9a-f]+$/), 'done']);
      expect(await keysBelow(cluster, 'c')).toEqual([]);
    });
  });
});

describe.skipIf(!requirePeer('etcdctl', targetProgram))(`etcdctl elect: ${targetProgram}`, () => {
  it('has one leader at a time, and listeners hear of each', { timeout: timeoutMs }, async () => {
    await withCluster({ program: targetProgram }, async (cluster) => {
      const endpoints = endpointsOf(cluster);
      const listeners = endpoints.map((_, first) => {
        const order = [...endpoints.slice(first), ...endpoints.slice(0, first)];
        return EtcdctlProcess.start(order, ['elect', '-l', 'e']);
      });
      const start = async (value: string, places: number): Promise<EtcdctlProcess> => {
        const candidate = EtcdctlProcess.start(endpoints, ['elect', 'e', value]);
        await untilPlaces(cluster, 'e', places);
        return candidate;
      };
      const [a, b, c] = [await start('a', 1), await start('b', 2), await start('c', 3)];
      const keys = await keysBelow(cluster, 'e');
      await untilHolds(a, 'a');
      expect(a.lines).toEqual([keys[0], 'a']);
      const heard = async (lines: number): Promise<void> => {
        for (const listener of listeners) {
          await until('a listener', patienceMs, async () => listener.lines.length >= lines || undefined).catch(() => {
            throw new Error(`heard only ${listener.lines.join(' ')}; ${listener.errors}`);
          });
        }
      };
      await heard(2);

      const dead = await killLeader(cluster);
      await cluster.untilLeadership();
      await proclaim(cluster, keys[0] ?? '', 'a2');
      await heard(4);
      expect([a, b, c].map(holds)).toEqual([true, false, false]);

      a.signal('SIGINT');
      expect(await a.exited).toEqual({ code: 0, signal: null });
      await untilHolds(b, 'b, after a gave it back');
      expect([b, c].map(holds)).toEqual([true, false]);
      await heard(6);
      await dead.start();
      await cluster.untilSettled();
      await killLeader(cluster);
      await revoke(cluster, leaseIn(keys[1] ?? ''));
      await untilHolds(c, 'c, after the lease of b was revoked');
      expect(await b.exited).toMatchObject({ code: expect.any(Number) });
      await heard(8);
      for (const { lines } of listeners) {
        expect(lines).toEqual([keys[0], 'a', keys[0], 'a2', keys[1], 'b', keys[2], 'c']);
      }
      c.signal('SIGINT');
      expect(await c.exited).toEqual({ code: 0, signal: null });
    });
  });
});

const leaseIn = (key: string): bigint => BigInt(`0x${key.split('/')[1] ?? ''}`);

/** At any member that runs, as often as it takes. */
async function onSome(cluster: Cluster, call: (client: Client) => Promise<unknown>): Promise<void> {
  await until('an answer', patienceMs, async () => {
    const [member] = cluster.running;
    const client = new Client(member?.spec.endpoint ?? '', credentials.createInsecure());
    const isDone = await call(client).then(
      () => true as const,
      () => undefined,
    );
    client.close();
    return isDone;
  });
}

/** The election service speaks for the leader that etcdctl is. */
async function proclaim(cluster: Cluster, key: string, value: string): Promise<void> {
  const [member] = cluster.running;
  const created = (await member?.client.range({ key }))?.kvs[0]?.createRevision ?? 0;
  const leader = { name: Buffer.from('e'), key: Buffer.from(key), rev: BigInt(created), lease: leaseIn(key) };
  const request = { leader, value: Buffer.from(value) };
  await onSome(cluster, (client) =>
    callOn(client, ElectionDefinition, ElectionDefinition.methods.proclaim, request, patienceMs),
  );
}

async function revoke(cluster: Cluster, ID: bigint): Promise<void> {
  await onSome(cluster, (client) =>
    callOn(client, LeaseDefinition, LeaseDefinition.methods.leaseRevoke, { ID }, patienceMs),
  );
}
