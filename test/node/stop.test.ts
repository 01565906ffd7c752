import { afterEach, describe, expect, it } from 'vitest';
import { createDeferred } from '../../server/lib/deferred.js';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { EngineError } from '../../server/storage/engine.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';
import { get, getAll, put } from './requests.js';

let cluster: NodeCluster;
let expectedFatals: readonly string[] = [];
afterEach(() => {
  expect(cluster.fatals.map(({ cause }) => cause)).toEqual(expectedFatals);
  expectedFatals = [];
});

async function three(): Promise<RunningMember> {
  cluster = new NodeCluster(3);
  await cluster.startAll();
  return cluster.untilLeader();
}

function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => (error instanceof QuorateError ? error.code : String(error)),
  );
}

describe('a leader that is asked to stop', () => {
  it('hands its office on and refuses nothing that it had taken', async () => {
    const leader = await three();
    const writes = Array.from({ length: 50 }, (_, i) => codeOf(leader.kv.put(put(`k${i}`, 'v'))));
    const reads = Array.from({ length: 10 }, () => codeOf(leader.kv.range(get('k1'))));
    const [follower] = cluster.followers();
    const forwarded = Array.from({ length: 20 }, (_, i) =>
      codeOf(follower?.kv.put(put(`f${i}`, 'v')) ?? Promise.reject()),
    );
    const before = cluster.clock.now();
    const stopped = leader.node.stop();
    // From here on it takes nothing new.
    expect(await codeOf(leader.kv.put(put('late', 'v')))).toBe('STOPPED');
    expect(await codeOf(leader.kv.range(get('late')))).toBe('STOPPED');
    await cluster.run(stopped);
    expect(new Set(await Promise.all([...writes, ...reads]))).toEqual(new Set([undefined]));
    expect(new Set(await cluster.run(Promise.all(forwarded)))).toEqual(new Set([undefined]));
    expect(cluster.clock.now() - before).toBeLessThan(200);
    const { count } = await cluster.run(follower?.kv.range(getAll()) ?? Promise.reject());
    expect(count).toBe(70);
  });

  it('finds somebody to hand over to at any moment, also right after it counted who is there', async () => {
    for (let offset = 0; offset < 120; offset += 10) {
      const leader = await three();
      // The moment at which a leader forgets who is active comes once per election timeout.
      await cluster.until(() => leader.node.status().peers.every(({ recentActive }) => !recentActive));
      await cluster.clock.advance(offset);
      const before = cluster.clock.now();
      await cluster.stop(leader.node.id);
      expect(cluster.clock.now() - before).toBeLessThan(300);
      expect(cluster.leader()).toBeDefined();
    }
  });

  it('with nobody else there stops all the same, within two election timeouts', async () => {
    const leader = await three();
    for (const { node } of cluster.followers()) cluster.crash(node.id);
    const code = codeOf(leader.kv.put(put('k', 'v')));
    await cluster.clock.settle();
    await cluster.run(leader.node.stop(), 2200);
    expect(await code).toBe('OUTCOME_UNKNOWN');
  });

  it('alone needs nobody', async () => {
    cluster = new NodeCluster(1);
    await cluster.startAll();
    const leader = await cluster.untilLeader();
    const code = codeOf(leader.kv.put(put('k', 'v')));
    await cluster.run(leader.node.stop(), 500);
    expect(await code).toBeUndefined();
  });
});

describe('a member that is asked to stop', () => {
  it('twice stops once, and says so to both only when it has', async () => {
    const leader = await three();
    const held = createDeferred<void>();
    cluster.probe(leader.node.id).beforeWrite = () => held.promise;
    const write = codeOf(leader.kv.put(put('k', 'v')));
    await cluster.clock.settle();
    let stopped = 0;
    const both = [leader.node.stop(), leader.node.stop()].map((stop) =>
      stop.then(() => {
        stopped += 1;
      }),
    );
    await cluster.clock.advance(3000);
    expect(stopped).toBe(0);
    held.resolve();
    await cluster.run(Promise.all(both));
    await cluster.run(leader.node.stop());
    expect(['OUTCOME_UNKNOWN', undefined]).toContain(await cluster.run(write));
  });

  it('before it has a leader answers what waits', async () => {
    cluster = new NodeCluster(3);
    const { kv, node } = await cluster.start(1n);
    const codes = [codeOf(kv.put(put('k', 'v'))), codeOf(kv.range(get('k')))];
    await cluster.clock.advance(50);
    await cluster.run(node.stop(), 1500);
    expect(await Promise.all(codes)).toEqual(['STOPPED', 'STOPPED']);
  });

  it('while it follows keeps its promises to the leader until the end', async () => {
    const leader = await three();
    const [one, other] = cluster.followers();
    if (one === undefined || other === undefined) throw new Error('no followers');
    cluster.crash(other.node.id);
    const code = codeOf(one.kv.put(put('k', 'v')));
    await cluster.run(one.node.stop());
    // Answered, so it was on both disks; and there it is after the power was cut everywhere.
    expect(await code).toBeUndefined();
    cluster.crash(leader.node.id);
    cluster.crash(one.node.id);
    await cluster.startAll();
    await cluster.untilLeader();
    const { count } = await cluster.run(cluster.member(1n).kv.range(get('k')));
    expect(count).toBe(1);
  });

  it('starts again on the same disk', async () => {
    const leader = await three();
    await cluster.run(leader.kv.put(put('k', 'v')));
    await cluster.stop(leader.node.id);
    await cluster.start(leader.node.id);
    await cluster.quiet();
    const { kvs } = await cluster.run(cluster.member(leader.node.id).kv.range(get('k', { serializable: true })));
    expect(kvs).toHaveLength(1);
  });
});

const BREAKS: readonly (readonly [string, (member: RunningMember) => void])[] = [
  ['write', ({ node }) => cluster.disk(node.id).failNextWrite(new EngineError('IO', 'EIO'))],
  ['sync', ({ node }) => cluster.disk(node.id).failNextSync(new EngineError('NO_SPACE', 'ENOSPC'))],
];

describe('a member whose disk fails', () => {
  for (const [what, breakDisk] of BREAKS) {
    it(`a ${what}: as leader it stops, acknowledges nothing from then on, and the others go on`, async () => {
      expectedFatals = ['storage'];
      const leader = await three();
      await cluster.run(leader.kv.put(put('before', 'v')));
      breakDisk(leader);
      const codes = Array.from({ length: 10 }, (_, i) => codeOf(leader.kv.put(put(`k${i}`, 'v'))));
      const sent: string[] = [];
      const { id } = leader.node;
      let isBroken = false;
      void leader.node.fatal.then(() => {
        isBroken = true;
      });
      cluster.network = ({ from, message }) => {
        if (from === id && isBroken) sent.push(message.kind);
        return [1];
      };
      await cluster.until(() => isBroken);
      expect(leader.node.isServing).toBe(false);
      expect(new Set(await cluster.run(Promise.all(codes)))).toEqual(new Set(['OUTCOME_UNKNOWN']));
      expect(await codeOf(leader.kv.put(put('k', 'v')))).toBe('STOPPED');
      expect(await codeOf(leader.kv.range(get('before')))).toBe('STOPPED');
      await cluster.until(() => cluster.leader() !== undefined);
      const next = await cluster.untilLeader();
      expect(next).not.toBe(leader);
      await cluster.run(next.kv.put(put('after', 'v')));
      expect(sent).toEqual([]);
      // What ends the process comes next, and must come to an end.
      await cluster.run(leader.node.stop(), 1000);
      cluster.crash(id);
      await cluster.start(id);
      await cluster.quiet();
      const { kvs } = await cluster.run(cluster.member(id).kv.range(get('after', { serializable: true })));
      expect(kvs).toHaveLength(1);
    });

    it(`a ${what}: as follower it stops and the others do not notice`, async () => {
      expectedFatals = ['storage'];
      const leader = await three();
      const [follower] = cluster.followers();
      if (follower === undefined) throw new Error('no follower');
      const { term } = leader.node;
      breakDisk(follower);
      const own = codeOf(follower.kv.put(put('own', 'v')));
      for (let i = 0; i < 10; i += 1) await cluster.run(leader.kv.put(put(`k${i}`, 'v')));
      expect((await follower.node.fatal).cause).toBe('storage');
      expect(await own).toBe('OUTCOME_UNKNOWN');
      await cluster.clock.advance(3000);
      expect(leader.node.term).toBe(term);
      await cluster.run(follower.node.stop(), 1000);
    });
  }
});

describe('a leader whose disk is stuck', () => {
  it('leaves its office after an election timeout, and what it had taken is answered honestly', async () => {
    const leader = await three();
    const held = createDeferred<void>();
    cluster.probe(leader.node.id).beforeSync = () => held.promise;
    const codes = Array.from({ length: 5 }, (_, i) => codeOf(leader.kv.put(put(`k${i}`, 'v'))));
    await cluster.clock.advance(900);
    expect(leader.node.status().role).toBe('leader');
    await cluster.clock.advance(200);
    expect(leader.node.status().role).not.toBe('leader');
    await cluster.until(() => cluster.leader() !== undefined);
    const next = await cluster.untilLeader();
    expect(next).not.toBe(leader);
    await cluster.run(next.kv.put(put('after', 'v')));
    held.resolve();
    // Its followers had them, so the next leader committed them.
    expect(new Set(await cluster.run(Promise.all(codes)))).toEqual(new Set([undefined]));
    await cluster.quiet();
  });

  it('alone leads again when the disk takes its writes again', async () => {
    cluster = new NodeCluster(1);
    await cluster.startAll();
    const leader = await cluster.untilLeader();
    const held = createDeferred<void>();
    cluster.probe(1n).beforeSync = () => held.promise;
    const code = codeOf(leader.kv.put(put('k', 'v')));
    await cluster.clock.advance(1200);
    expect(leader.node.status().role).not.toBe('leader');
    cluster.probe(1n).beforeSync = () => undefined;
    held.resolve();
    await cluster.untilLeader();
    expect(await cluster.run(code)).toBeUndefined();
    await cluster.run(leader.kv.put(put('k', 'w')));
  });
});
