/**
 * The claims of "Consensus: Bridging Theory and Practice" (Ongaro 2014) beyond those of the paper, one test each, named
 * by section.
 */
import { describe, expect, test } from 'vitest';
import { type ConfChange, changeConf } from '../../server/raft/membership.js';
import { isQuorum } from '../../server/raft/quorum.js';
import type { ConfState, NodeId } from '../../server/raft/types.js';
import { Scene } from './scene.js';

const THREE = 'cluster voters=(1 2 3)';

describe('Thesis §3.8 persisted state', () => {
  test('Thesis §3.8 term, vote and log are what a member comes back with', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a\nquiet stabilize\ncrash 2\nrestart 2`);
    expect(scene.status(2n)).toMatchObject({ role: 'follower', term: 1, vote: 1n, lastIndex: 2, leader: 0n });
  });

  test('Thesis §3.8 a lost commit index is learned again', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a\nquiet stabilize\ncrash 2\nrestart 2`);
    expect(scene.status(2n).commitIndex).toBeLessThan(2);
    scene.run('run 2');
    expect(scene.status(2n)).toMatchObject({ commitIndex: 2, appliedIndex: 2 });
  });

  test('Thesis §3.8 a member of a cluster of one is follower after a restart, until it has run', () => {
    const scene = new Scene('cluster voters=(1)\nquiet campaign 1\ncrash 1\nrestart 1');
    expect(scene.roles()).toEqual(['follower/1']);
    scene.run('run 12');
    expect(scene.roles()).toEqual(['leader/2']);
  });
});

describe('Thesis §3.10 leadership transfer', () => {
  test('Thesis §3.10 the target runs at once, without waiting for its timeout, and wins', () => {
    const scene = new Scene(`${THREE}\nelect 1\nrun 1\ntransfer 1 3\nquiet stabilize`);
    expect(scene.roles()).toEqual(['follower/2', 'follower/2', 'leader/2']);
  });

  test('Thesis §3.10 the leader takes no proposals meanwhile, and takes them again when it failed', () => {
    const scene = new Scene(`${THREE}\nelect 1\nisolate 3\ntransfer 1 3`);
    expect(scene.cluster.propose(1n, new Uint8Array(1))).toEqual({ ok: false, reason: 'transferring' });
    scene.run('run 10');
    expect(scene.cluster.propose(1n, new Uint8Array(1)).ok).toBe(true);
  });

  test('Thesis §3.10 the target has the whole log before it is told', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a\ndrop to=3\nquiet stabilize\ntransfer 1 3`);
    expect(scene.underWay('timeoutNow')).toEqual([]);
    scene.run('run 1');
    expect(scene.status(3n)).toMatchObject({ role: 'leader', term: 2 });
  });
});

function configurations(max: number): readonly ConfState[] {
  const ids = Array.from({ length: max }, (_, place) => BigInt(place + 1));
  const subsets = Array.from({ length: 2 ** max }, (_, bits) =>
    ids.filter((id) => ((bits >> (Number(id) - 1)) & 1) === 1),
  );
  return subsets.filter((voters) => voters.length > 0).map((voters) => ({ voters, learners: [] }));
}

describe('Thesis §4 membership changes', () => {
  test('Thesis §4.1 one member at a time: every majority of the old and every majority of the new share a member', () => {
    const sets = configurations(5).map((conf) => conf.voters);
    let pairs = 0;
    for (const old of configurations(5)) {
      const changes: ConfChange[] = [1n, 2n, 3n, 4n, 5n].flatMap((id) => [
        { kind: 'addVoter', id },
        { kind: 'remove', id },
      ]);
      for (const change of changes) {
        const then = changeConf(old, change);
        if (then === undefined) continue;
        const before = sets.filter((set) => isQuorum(old.voters, (id) => set.includes(id)));
        const after = sets.filter((set) => isQuorum(then.voters, (id) => set.includes(id)));
        pairs += 1;
        for (const one of before) expect(after.every((other) => shareVoter(one, other, old, then))).toBe(true);
      }
    }
    expect(pairs).toBe(31 * 5 - 5);
  });

  test('Thesis §4.1 a configuration is used as soon as it is in the log', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet conf 1 addVoter 4`);
    expect(scene.status(1n).conf.voters).toEqual([1n, 2n, 3n, 4n]);
    expect(scene.status(1n).commitIndex).toBe(1);
    scene.run('quiet deliver to=2');
    expect(scene.status(2n).conf.voters).toEqual([1n, 2n, 3n, 4n]);
  });

  test('Thesis §4.1 a member falls back to the previous configuration when the entry is removed from its log', () => {
    const scene = new Scene(`${THREE}\nelect 1\nisolate 1\nquiet conf 1 remove 3`);
    scene.run('quiet tick 2 10\nquiet tick 3 10\nelect 2\nheal\nrun 2');
    expect(scene.status(1n)).toMatchObject({ leader: 2n, conf: { voters: [1n, 2n, 3n] } });
  });

  test('Thesis §4.1 the next change waits for the last one', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet conf 1 addLearner 4`);
    const change: ConfChange = { kind: 'addLearner', id: 5n };
    expect(scene.cluster.changeConf(1n, change)).toEqual({ ok: false, reason: 'confChangePending' });
    scene.run('quiet stabilize');
    expect(scene.cluster.changeConf(1n, change).ok).toBe(true);
  });

  test.each([
    { shape: 'add and remove', first: 'addVoter 5', second: 'remove 4' },
    { shape: 'two adds', first: 'addVoter 5', second: 'addVoter 6' },
    { shape: 'two removes', first: 'remove 4', second: 'remove 3' },
  ])('Thesis §4.1, corrected 2015: no change before an own-term commit ($shape)', ({ first, second }) => {
    const scene = new Scene(`cluster voters=(1 2 3 4)\nelect 1\nisolate 1\nquiet conf 1 ${first}\nquiet drop`);
    scene.run('quiet tick 2 10\nquiet tick 3 10\nquiet tick 4 10\ncampaign 2');
    for (let round = 0; round < 2; round += 1) scene.run('quiet deliver from=2\nquiet deliver to=2');
    expect(scene.status(2n).role).toBe('leader');
    expect(scene.run(`conf 2 ${second}`)).toContain('2| refused: confChangePending');
    scene.run('quiet stabilize');
    expect(scene.run(`conf 2 ${second}`).some((line) => line.includes('conf voters'))).toBe(true);
  });

  test('Thesis §4.2.1 a new member catches up without a vote', () => {
    const scene = new Scene(
      `${THREE}\nelect 1\nquiet propose 1 a times=20\nquiet stabilize\njoin 4\nquiet conf 1 addLearner 4`,
    );
    scene.run('quiet stabilize\nrun 2');
    expect(scene.terms(4n)).toEqual(scene.terms(1n));
    scene.run('crash 2\ncrash 3\nquiet propose 1 b\nquiet stabilize');
    expect(scene.status(1n).commitIndex).toBe(scene.status(1n).lastIndex - 1);
  });

  test('Thesis §4.2.2 a leader that is not in the new configuration does not count itself, and steps down at its commit', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet conf 1 remove 1\nquiet deliver to=2\nquiet deliver from=2`);
    expect(scene.status(1n)).toMatchObject({ role: 'leader', commitIndex: 1 });
    scene.run('quiet deliver to=3\nquiet deliver from=3');
    expect(scene.status(1n)).toMatchObject({ role: 'follower', commitIndex: 2 });
  });

  test('Thesis §4.2.2 a member that its own log removes still runs, as long as that is not committed', () => {
    const scene = new Scene(
      'cluster voters=(1 2)\nelect 1\nquiet conf 1 remove 1\nquiet drop\ncrash 1\nrestart 1\nrun 40',
    );
    expect(scene.status(2n)).toMatchObject({ role: 'leader', conf: { voters: [2n] } });
    const { term } = scene.status(2n);
    scene.run('run 100');
    expect(scene.status(1n).role).toBe('follower');
    expect(scene.status(2n)).toMatchObject({ role: 'leader', term });
  });

  test('Thesis §4.2.3 a removed member cannot depose the leader', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet conf 1 remove 3\nquiet stabilize\nrun 100`);
    expect(scene.status(1n)).toMatchObject({ role: 'leader', term: 1 });
    expect(scene.status(3n).leader).toBe(0n);
  });

  test('Thesis §4.2.3 who hears its leader does not let a vote request raise its term, unless the leader asked', () => {
    const scene = new Scene(`${THREE}\nelect 1\nrun 1\ninject voteRequest from=3 to=2 term=9 last=9/9`);
    expect(scene.status(2n)).toMatchObject({ term: 1, leader: 1n });
    scene.run('quiet inject voteRequest from=3 to=2 term=9 last=9/9 transfer');
    expect(scene.status(2n)).toMatchObject({ term: 9, vote: 3n });
  });
});

function shareVoter(one: readonly NodeId[], other: readonly NodeId[], old: ConfState, then: ConfState): boolean {
  return one.some((id) => other.includes(id) && old.voters.includes(id) && then.voters.includes(id));
}

describe('Thesis §9.6 pre-vote', () => {
  test('Thesis §9.6 a member that is cut off does not raise its term', () => {
    const scene = new Scene(`${THREE}\nelect 1\nisolate 3\nrun 500`);
    expect(scene.status(3n).term).toBe(1);
    scene.run('heal\nrun 2');
    expect(scene.roles()).toEqual(['leader/1', 'follower/1', 'follower/1']);
  });

  test('Thesis §9.6 a pre-vote changes nothing at who is asked', () => {
    const scene = new Scene(`${THREE}\ninject voteRequest from=1 to=2 term=1 pre last=0/0`);
    expect(scene.underWay('voteResponse')).toMatchObject([{ granted: true, term: 1, pre: true }]);
    expect(scene.status(2n)).toMatchObject({ role: 'follower', term: 0, vote: 0n });
    expect(scene.cluster.disk(2n).written.hardState).toEqual({ term: 0, vote: 0n, commit: 0 });
  });

  test('Thesis §9.6 a pre-vote may be granted to several', () => {
    const scene = new Scene(`${THREE}
      inject voteRequest from=1 to=2 term=1 pre last=0/0
      inject voteRequest from=3 to=2 term=1 pre last=0/0`);
    expect(scene.underWay('voteResponse').map(({ granted }) => granted)).toEqual([true, true]);
  });

  test('Thesis §9.6 it is refused while a leader is heard of, and granted after an election timeout of silence', () => {
    const scene = new Scene(
      `${THREE}\nelect 1\nrun 1\nquiet tick 2 9\ninject voteRequest from=3 to=2 term=2 pre last=1/1`,
    );
    scene.run('quiet tick 2\ninject voteRequest from=3 to=2 term=2 pre last=1/1');
    expect(scene.underWay('voteResponse').map(({ granted }) => granted)).toEqual([false, true]);
  });
});

describe('Thesis §10.2 performance', () => {
  test('Thesis §10.2.1 the leader sends entries while it writes them, and counts itself only when they are written', () => {
    const scene = new Scene(`${THREE}\nelect 1\nholdSaves 1\nquiet propose 1 a`);
    expect(scene.underWay('appendRequest')).toHaveLength(2);
    scene.run('quiet deliver to=2\nquiet deliver from=2');
    expect(scene.status(1n).commitIndex).toBe(1);
    scene.run('quiet releaseSaves 1');
    expect(scene.status(1n).commitIndex).toBe(2);
  });

  test('Thesis §10.2.1 followers alone may be the majority', () => {
    const scene = new Scene(`${THREE}\nelect 1\nholdSaves 1\nquiet propose 1 a\nquiet stabilize`);
    expect(scene.status(1n)).toMatchObject({ commitIndex: 2, stableIndex: 1, appliedIndex: 1 });
    expect(scene.applied(2n)).toEqual(['1/1', '1/2']);
  });

  test('Thesis §10.2.2 proposals that wait travel in one append', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a times=10`);
    expect(scene.underWay('appendRequest').map(({ entries }) => entries.length)).toEqual([10, 10]);
  });

  test('Thesis §10.2.2 appends are pipelined, and a lost one is noticed and repeated', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a\nquiet propose 1 b\nquiet propose 1 c`);
    expect(scene.underWay('appendRequest').filter(({ to }) => to === 2n)).toHaveLength(3);
    scene.run('drop to=2 n=1\nquiet stabilize');
    expect(scene.terms(2n)).toEqual([1, 1, 1, 1]);
  });
});

describe('Thesis §6.4 reads', () => {
  test('Thesis §6.4 a deposed leader answers no read', () => {
    const scene = new Scene(
      `${THREE}\nelect 1\nisolate 1\nquiet tick 2 10\nquiet tick 3 10\nelect 2\nquiet read 1\nrun 30`,
    );
    expect(scene.cluster.answeredReads(1n)).toEqual([]);
    expect(scene.status(1n).role).not.toBe('leader');
    expect(scene.status(1n).waitingReads).toBe(0);
  });

  test('Thesis §6.4 a read waits until an entry of the leader’s term is committed', () => {
    const scene = new Scene(`${THREE}\nquiet campaign 1`);
    for (let round = 0; round < 2; round += 1) scene.run('quiet deliver from=1\nquiet deliver to=1');
    scene.run('quiet drop\nquiet read 1');
    expect(scene.status(1n)).toMatchObject({ role: 'leader', commitIndex: 0, waitingReads: 1 });
    expect(scene.underWay('heartbeat')).toEqual([]);
    scene.run('run 2');
    expect(scene.cluster.answeredReads(1n)).toMatchObject([{ index: 1 }]);
  });

  test('Thesis §6.4 the read index is the commit index at the time of the question', () => {
    const scene = new Scene(
      `${THREE}\nelect 1\nquiet propose 1 a\nquiet stabilize\nquiet read 1\nquiet drop\nquiet propose 1 b\nrun 3`,
    );
    expect(scene.status(1n).commitIndex).toBe(3);
    expect(scene.cluster.answeredReads(1n)).toMatchObject([{ index: 2 }]);
  });

  test('Thesis §6.4 one round of heartbeats confirms every read that waits', () => {
    const scene = new Scene(
      `${THREE}\nelect 1\nquiet read 1\nquiet read 1\nquiet read 2\nquiet drop from=1\nquiet deliver to=1\nquiet drop`,
    );
    scene.run('quiet tick 1');
    const { length } = scene.underWay('heartbeat');
    expect(length).toBe(2);
    scene.run('quiet stabilize');
    expect(scene.cluster.answeredReads(1n)).toHaveLength(2);
    expect(scene.cluster.answeredReads(2n)).toHaveLength(1);
  });

  test('Thesis §6.4 a follower asks the leader for a read index and answers from its own state', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a\nquiet stabilize\nquiet read 3\nquiet stabilize`);
    expect(scene.cluster.answeredReads(3n)).toMatchObject([{ index: 2 }]);
  });
});
