/**
 * Why a key was deleted: every watcher is told the same, whether it saw it happen, or heard of it from what is in
 * memory, from the disk after a restart, or from the history of a snapshot.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { spec } from '../watch/hub-kit.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';
import { del, put, txn } from './requests.js';
import { Watching } from './watching.js';

let cluster: NodeCluster;
afterEach(() => expect(cluster.fatals).toEqual([]));

const everything = (startRevision: number) => spec('\0', { rangeEnd: '\0', startRevision, prevKv: true });

/** Each after a put of its key; two of them by one transaction, which puts as well. */
const deletions = [
  'deleted delete',
  'range/1 delete',
  'range/2 delete',
  'txn/1 txn',
  'txn/2 txn',
  'expired leaseExpired',
  'revoked/1 leaseRevoked',
  'revoked/2 leaseRevoked',
];

async function deleteInEveryWay({ kv, leases, node }: RunningMember): Promise<void> {
  await cluster.run(leases.grant({ id: 1n, ttl: 2n }));
  await cluster.run(leases.grant({ id: 2n, ttl: 1_000n }));
  for (const line of deletions) {
    const [key = ''] = line.split(' ');
    const lease = key === 'expired' ? 1n : key.startsWith('revoked') ? 2n : 0n;
    await cluster.run(kv.put(put(key, 'v', { lease })));
  }
  await cluster.run(kv.deleteRange(del('deleted')));
  await cluster.run(kv.deleteRange(del('range/', 'range0')));
  await cluster.run(kv.txn(txn({ success: [del('txn/1'), put('other', 'v'), del('txn/2', 'txn/3')] })));
  await cluster.until(() => node.machine.leases.get(1n) === undefined);
  await cluster.run(leases.revoke(2n));
}

/** The deletions in the order told, each with its cause; and that no put has one. */
function told(watching: Watching): readonly string[] {
  expect(watching.events().filter(({ type, cause }) => type === 'put' && cause !== undefined)).toEqual([]);
  const deleted = watching.events().filter(({ type }) => type === 'delete');
  expect(deleted.map(({ prevKv }) => prevKv?.value)).toEqual(deleted.map(() => 'v'));
  return deleted.map(({ kv, cause }) => `${kv.key} ${cause}`);
}

async function caughtUp(member: RunningMember): Promise<Watching> {
  const watching = new Watching(member.kv);
  watching.create(everything(1));
  await cluster.until(
    () => watching.stream.behind.size === 0 && watching.revisions().at(-1) === member.node.machine.revision,
  );
  return watching;
}

describe('the cause of a deletion', () => {
  it('is told live, from memory and, after a restart, from the disk', async () => {
    cluster = new NodeCluster(3);
    await cluster.startAll();
    const leader = await cluster.untilLeader();
    await cluster.quiet();
    const live = cluster.running.map(({ kv }) => new Watching(kv));
    for (const watching of live) watching.create(everything(0));
    await deleteInEveryWay(leader);
    await cluster.quiet();
    for (const watching of live) expect(told(watching)).toEqual(deletions);
    for (const member of cluster.running) expect(told(await caughtUp(member))).toEqual(deletions);
    for (const id of cluster.ids) {
      // Nothing is left to be applied again, which would put it into memory.
      await cluster.run(cluster.member(id).node.written());
      await cluster.stop(id);
      const again = await cluster.start(id);
      await cluster.untilLeader();
      await cluster.until(() => again.node.isServing);
      expect(told(await caughtUp(again))).toEqual(deletions);
    }
  });

  it('comes with a snapshot', async () => {
    cluster = new NodeCluster(3, { snapshotCount: 20, snapshotCatchUpEntries: 5 });
    await cluster.startAll();
    const leader = await cluster.untilLeader();
    await cluster.quiet();
    const [behind] = cluster.followers();
    if (behind === undefined) throw new Error('no follower');
    const watching = new Watching(behind.kv);
    watching.create(everything(1));
    let installs = 0;
    cluster.onRebuild = () => {
      installs += 1;
    };
    cluster.isolate(behind.node.id);
    // Until the leader has noticed: for a follower that is on its way it keeps the log.
    await cluster.clock.advance(2_500);
    await deleteInEveryWay(leader);
    for (let round = 0; round < 60; round += 1) await cluster.run(leader.kv.put(put('filler', 'v')));
    cluster.heal();
    await cluster.quiet();
    expect(installs).toBe(1);
    await cluster.until(() => watching.revisions().at(-1) === leader.node.machine.revision);
    expect(told(watching)).toEqual(deletions);
    expect(told(await caughtUp(behind))).toEqual(deletions);
  });
});
