/**
 * The lock and election services on three members while leaders are killed: who waits at a member that lives waits on,
 * whoever waited at the dead one finds the place again elsewhere, and observers are told every leader in order.
 * QUORATE_TARGET=etcd runs the elections against etcd; who waits there for a lock may be refused for a change of leaders.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Cluster, type ClusterMember, until, withCluster } from '../harness/cluster.js';
import { requirePeer, targetProgram } from '../harness/etcd.js';
import { RecipeClient, type Waiting } from './recipe-client.js';

const timeoutMs = 90_000;
const patienceMs = 25_000;
/** Of whoever waits: longer than everything else takes. */
const waitMs = 80_000;

function clientOf({ spec }: ClusterMember): RecipeClient {
  const client = new RecipeClient(spec.endpoint);
  onTestFinished(() => client.close());
  return client;
}

/** etcd's recipes answer the status 2 for everything. */
const passing = /^code (4|14):|request timed out|leader changed/;

/** Its answer but for the revision. What fails for want of a leader or a connection is asked again. */
function untilDone(ask: () => Promise<string>): Promise<string> {
  return until('an answer', patienceMs, async () => {
    const answer = await ask();
    return passing.test(answer) ? undefined : answer.replace(/ @\d+$/, '');
  });
}

const outcomeOf = ({ outcome }: Waiting): string | undefined => outcome?.replace(/ @\d+$/, '');

async function toldOf(waiting: Waiting): Promise<string | undefined> {
  await waiting.told();
  return outcomeOf(waiting);
}

async function scene(cluster: Cluster) {
  const { leader, followers } = await cluster.untilSettled();
  const [one, other] = followers;
  if (one === undefined || other === undefined) throw new Error('three members are needed');
  return { leader, one: clientOf(one), other: clientOf(other), atLeader: clientOf(leader) };
}

describe.skipIf(!requirePeer(targetProgram))(`recipes served by the members: ${targetProgram}`, () => {
  it.skipIf(targetProgram === 'etcd')(
    'locks are handed on in order while the leader dies',
    { timeout: timeoutMs },
    async () => {
      await withCluster({ program: targetProgram }, async (cluster) => {
        const { leader, one, other, atLeader } = await scene(cluster);
        for (const id of [1n, 2n, 3n, 4n]) expect(await one.grant(id)).toMatch(/^granted/);
        expect(await toldOf(atLeader.lock('l', 1n))).toBe('locked l/1');
        const second = one.lock('l', 2n, waitMs);
        await other.until(2);
        const lost = atLeader.lock('l', 3n, waitMs);
        await other.until(3);
        const fourth = other.lock('l', 4n, waitMs);
        await one.until(4);

        leader.kill();
        // While nobody leads.
        expect(await untilDone(() => other.unlock('l/1'))).toBe('unlocked');
        expect(await toldOf(second)).toBe('locked l/2');
        expect(await lost.told()).toMatch(/^code 14/);
        // Its place is still there, before that of the fourth.
        const third = one.lock('l', 3n, waitMs);
        expect([outcomeOf(third), outcomeOf(fourth)]).toEqual([undefined, undefined]);
        expect(await untilDone(() => one.unlock('l/2'))).toBe('unlocked');
        expect(await toldOf(third)).toBe('locked l/3');
        expect(outcomeOf(fourth)).toBeUndefined();

        await leader.exited();
        await leader.start();
        const settled = await cluster.untilSettled();
        settled.leader.kill();
        const [alive] = settled.followers;
        if (alive === undefined) throw new Error('no follower');
        const asker = clientOf(alive);
        expect(await untilDone(() => asker.revoke(3n))).toMatch(/^revoked|requested lease not found/);
        // It may have waited at the member that died; the place is its own all the same.
        expect(await untilDone(() => asker.lock('l', 4n, waitMs).told())).toBe('locked l/4');
        expect((await asker.store()).map((key) => key.split('=')[0])).toEqual(['l/4']);
      });
    },
  );

  it('elections have one leader at a time, and observers hear of each', { timeout: timeoutMs }, async () => {
    await withCluster({ program: targetProgram }, async (cluster) => {
      const { leader, one, other, atLeader } = await scene(cluster);
      for (const id of [1n, 2n, 3n]) expect(await one.grant(id)).toMatch(/^granted/);
      const observers = [one.observe('e'), other.observe('e')];
      const told = (): readonly (readonly string[])[] =>
        observers.map((observer) => observer.told.map((line) => line.replace(/ created.*/, '')));
      const heard = (leading: string): Promise<unknown> =>
        until(leading, patienceMs, async () => told().every((each) => each.at(-1) === leading) || undefined);
      const first = await toldOf(atLeader.campaign('e', 1n, 'a'));
      const proof = { key: 'e/1', rev: BigInt(/rev (\d+)/.exec(first ?? '')?.[1] ?? 0), lease: 1n };
      expect(first).toBe(`elected e e/1 rev ${proof.rev} lease 1`);
      await heard('e/1=a');
      const second = one.campaign('e', 2n, 'b', waitMs);
      await other.until(2);
      const third = other.campaign('e', 3n, 'c', waitMs);
      await one.until(3);

      leader.kill();
      expect(await untilDone(() => other.proclaim(proof, 'a2'))).toBe('proclaimed');
      await heard('e/1=a2');
      expect([outcomeOf(second), outcomeOf(third)]).toEqual([undefined, undefined]);
      expect(await untilDone(() => one.resign(proof))).toBe('resigned');
      expect(await toldOf(second)).toMatch(/^elected e e\/2 /);
      await heard('e/2=b');
      expect(await untilDone(() => other.proclaim(proof, 'too late'))).toBe('code 2: election: not leader');
      expect(outcomeOf(third)).toBeUndefined();
      expect(await untilDone(() => one.revoke(2n))).toMatch(/^revoked|requested lease not found/);
      expect(await toldOf(third)).toMatch(/^elected e e\/3 /);
      await heard('e/3=c');
      expect(told()).toEqual(observers.map(() => ['e/1=a', 'e/1=a2', 'e/2=b', 'e/3=c']));
    });
  });
});
