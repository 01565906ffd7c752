/**
 * The claims of "In Search of an Understandable Consensus Algorithm" (Ongaro, Ousterhout 2014), one test each, named by
 * section. thesis.test.ts has those that only the thesis makes.
 */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../server/lib/random.js';
import { RAFT_DEFAULTS } from '../../server/raft/config.js';
import { Raft } from '../../server/raft/raft.js';
import type { Message } from '../../server/raft/types.js';
import { RaftCluster, settle } from './raft-cluster.js';
import { Scene } from './scene.js';

const THREE = 'cluster voters=(1 2 3)';

describe('§5.1 terms', () => {
  test.each([
    { role: 'follower', setUp: 'tick 1' },
    { role: 'preCandidate', setUp: 'campaign 1' },
    { role: 'candidate', setUp: 'campaign 1\ndeliver from=1\ndeliver to=1' },
    { role: 'leader', setUp: 'elect 1' },
  ])('§5.1 a $role that sees a higher term becomes follower in it', ({ role, setUp }) => {
    const scene = new Scene(`${THREE}\n${setUp}`);
    expect(scene.status(1n).role).toBe(role);
    scene.run('inject heartbeat from=2 to=1 term=7');
    expect(scene.status(1n)).toMatchObject({ role: 'follower', term: 7, vote: 0n, leader: 2n });
  });

  test('§5.1 an append of an older term is refused, and its sender learns the current one', () => {
    const scene = new Scene(`${THREE}\ninject heartbeat from=3 to=2 term=5\ndrop`);
    scene.run('inject appendRequest from=1 to=2 term=4 prev=0/0 entries=(4/1)');
    expect(scene.terms(2n)).toEqual([]);
    expect(scene.cluster.network).toMatchObject([{ from: 2n, to: 1n, term: 5 }]);
  });

  test('§5.1 a vote request of an older term is not granted', () => {
    const scene = new Scene(`${THREE}\ninject heartbeat from=3 to=2 term=5\ndrop`);
    scene.run('inject voteRequest from=1 to=2 term=4 last=9/9');
    expect(scene.status(2n)).toMatchObject({ term: 5, vote: 0n });
    expect(scene.cluster.network).toEqual([]);
  });

  test('§5.1 the current term survives a restart', () => {
    const scene = new Scene(`${THREE}\ninject heartbeat from=3 to=2 term=5\ncrash 2\nrestart 2`);
    expect(scene.status(2n)).toMatchObject({ role: 'follower', term: 5, leader: 0n });
  });

  test('§5.1 messages for somebody else, or from oneself, are nobody’s business', () => {
    const scene = new Scene(THREE);
    const raft = scene.cluster.raft(1n);
    const beat: Message = { type: 'heartbeat', from: 2n, to: 3n, term: 9, commit: 0, readToken: 0 };
    raft.step(beat);
    raft.step({ ...beat, from: 1n, to: 1n });
    expect(raft.status()).toMatchObject({ term: 0, leader: 0n });
    expect(raft.ready()).toBeUndefined();
  });
});

describe('§5.2 leader election', () => {
  test('§5.2 members start as followers', () => {
    expect(new Scene(THREE).roles()).toEqual(['follower/0', 'follower/0', 'follower/0']);
  });

  test('§5.2 a follower that hears its leader stays follower', () => {
    const scene = new Scene(`${THREE}\nelect 1\nrun 200`);
    expect(scene.roles()).toEqual(['leader/1', 'follower/1', 'follower/1']);
  });

  test('§5.2 a follower that hears nobody for an election timeout starts an election', () => {
    const scene = new Scene(`${THREE}\ntick 1 10`);
    expect(scene.status(1n).role).toBe('follower');
    scene.run('tick 1');
    expect(scene.status(1n).role).toBe('preCandidate');
  });

  test('§5.2 a candidate raises its term, votes for itself and asks all others', () => {
    const scene = new Scene(`${THREE}\ncampaign 1\nquiet deliver from=1\nquiet deliver to=1`);
    expect(scene.status(1n)).toMatchObject({ role: 'candidate', term: 1, vote: 1n });
    expect(scene.underWay('voteRequest').map(({ to, term, pre }) => ({ to, term, pre }))).toEqual([
      { to: 2n, term: 1, pre: false },
      { to: 3n, term: 1, pre: false },
    ]);
  });

  test('§5.2 a member votes for at most one candidate in a term, first come first served', () => {
    const scene = new Scene(`${THREE}
      inject voteRequest from=2 to=1 term=1 last=0/0
      inject voteRequest from=3 to=1 term=1 last=0/0`);
    expect(scene.underWay('voteResponse').map(({ to, granted }) => ({ to, granted }))).toEqual([
      { to: 2n, granted: true },
      { to: 3n, granted: false },
    ]);
    expect(scene.status(1n).vote).toBe(2n);
  });

  test.each([
    { members: 1, down: 0, wins: true },
    { members: 2, down: 0, wins: true },
    { members: 2, down: 1, wins: false },
    { members: 3, down: 1, wins: true },
    { members: 3, down: 2, wins: false },
    { members: 4, down: 1, wins: true },
    { members: 4, down: 2, wins: false },
    { members: 5, down: 2, wins: true },
    { members: 5, down: 3, wins: false },
    { members: 7, down: 3, wins: true },
    { members: 7, down: 4, wins: false },
  ])('§5.2 a majority elects: $members members, $down of them down, wins: $wins', ({ members, down, wins }) => {
    const ids = Array.from({ length: members }, (_, place) => place + 1);
    const crashes = ids.slice(members - down).map((id) => `crash ${id}`);
    const scene = new Scene(`cluster voters=(${ids.join(' ')})\n${crashes.join('\n')}\nrun 30`);
    expect(scene.status(1n).role === 'leader').toBe(wins);
  });

  test('§5.2 a new leader tells everybody at once', () => {
    const scene = new Scene(`${THREE}\ncampaign 1`);
    for (let round = 0; round < 2; round += 1) scene.run('quiet deliver from=1\nquiet deliver to=1');
    expect(scene.status(1n).role).toBe('leader');
    expect(scene.underWay('appendRequest').map(({ to }) => to)).toEqual([2n, 3n]);
  });

  test('§5.2 a candidate that hears a leader of its own term follows it', () => {
    const scene = new Scene(`${THREE}\ncampaign 1\nquiet deliver from=1\nquiet deliver to=1`);
    scene.run('inject appendRequest from=2 to=1 term=1 prev=0/0');
    expect(scene.status(1n)).toMatchObject({ role: 'follower', term: 1, vote: 1n, leader: 2n });
  });

  test('§5.2 a candidate ignores a leader of an older term', () => {
    const scene = new Scene(`${THREE}\ncampaign 1\nquiet deliver from=1\nquiet deliver to=1`);
    scene.run('inject appendRequest from=2 to=1 term=0 prev=0/0');
    expect(scene.status(1n)).toMatchObject({ role: 'candidate', term: 1, leader: 0n });
  });

  test('§5.2 after a split vote a later round elects', () => {
    const scene = new Scene(`cluster voters=(1 2 3 4)
      campaign 1
      campaign 2
      quiet deliver type=voteRequest
      quiet deliver type=voteResponse
      quiet deliver from=1 to=3
      quiet deliver from=2 to=4
      quiet stabilize`);
    expect(scene.roles().some((role) => role.startsWith('leader'))).toBe(false);
    scene.run('run 30');
    expect(scene.roles().filter((role) => role.startsWith('leader'))).toHaveLength(1);
  });

  test('§5.2 election timeouts are drawn anew for every round, from a fixed range above the timeout itself', () => {
    const draws: number[] = [];
    const random = seededRandom(7);
    const recording = {
      below: (bound: number) => {
        const drawn = random.below(bound);
        draws.push(drawn);
        return drawn;
      },
    };
    const config = { ...RAFT_DEFAULTS, electionTicks: 10, heartbeatTicks: 1, id: 1n, boot: 1 };
    const start = { term: 0, index: 0, conf: { voters: [1n, 2n], learners: [] } };
    const raft = new Raft(
      config,
      { hardState: { term: 0, vote: 0n, commit: 0 }, start, entries: [], appliedIndex: 0 },
      recording,
    );
    const rounds: number[] = [];
    let ticks = 0;
    while (rounds.length < 200) {
      raft.tick();
      ticks += 1;
      if ((raft.ready()?.messages.length ?? 0) === 0) continue;
      rounds.push(ticks);
      ticks = 0;
    }
    expect(rounds.slice(1)).toEqual(draws.slice(1, rounds.length).map((drawn) => 11 + drawn));
    expect(new Set(rounds)).toEqual(new Set([11, 12, 13, 14, 15]));
  });

  test('§5.2 a leader speaks at every heartbeat, whether there is news or not', () => {
    const scene = new Scene('cluster voters=(1 2 3) heartbeatTicks=3\nelect 1');
    const spoken: number[] = [];
    for (let tick = 1; tick <= 9; tick += 1) {
      scene.run('quiet tick 1');
      if (scene.underWay('heartbeat').length > 0) spoken.push(tick);
      scene.run('quiet drop');
    }
    expect(spoken).toEqual([3, 6, 9]);
  });
});

describe('§5.3 log replication', () => {
  test('§5.3 the leader appends a command and replicates it to everybody', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a`);
    expect(scene.terms(1n)).toEqual([1, 1]);
    expect(scene.underWay('appendRequest').map(({ to, entries }) => [to, entries.length])).toEqual([
      [2n, 1],
      [3n, 1],
    ]);
  });

  test('§5.3 only the leader takes commands', () => {
    const scene = new Scene(`${THREE}\nelect 1`);
    expect(scene.cluster.propose(2n, new Uint8Array(1))).toEqual({ ok: false, reason: 'notLeader' });
    expect(scene.terms(2n)).toEqual([1]);
  });

  test('§5.3 an entry is committed once a majority has it, and then applied', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a`);
    expect(scene.status(1n).commitIndex).toBe(1);
    scene.run('quiet deliver to=2\nquiet deliver from=2');
    expect(scene.status(1n).commitIndex).toBe(2);
    expect(scene.applied(1n)).toEqual(['1/1', '1/2']);
  });

  test('§5.3 committing an entry commits everything before it', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a\nquiet propose 1 b\nquiet propose 1 c`);
    scene.run('quiet deliver to=2\ndrop from=2 n=2\nquiet deliver from=2');
    expect(scene.applied(1n)).toEqual(['1/1', '1/2', '1/3', '1/4']);
  });

  test('§5.3 a follower applies an entry when it learns that it is committed, in log order', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a\nquiet propose 1 b\nquiet deliver to=2`);
    expect(scene.applied(2n)).toEqual(['1/1']);
    scene.run('quiet stabilize');
    expect(scene.applied(2n)).toEqual(['1/1', '1/2', '1/3']);
  });

  test('§5.3 the leader goes on trying until all followers have all entries, after it answered', () => {
    const scene = new Scene(`${THREE}\nelect 1\nisolate 3\nquiet propose 1 a\nquiet stabilize\nrun 50`);
    expect(scene.applied(1n)).toEqual(['1/1', '1/2']);
    expect(scene.terms(3n)).toEqual([1]);
    scene.run('heal\nrun 30');
    expect(scene.cluster.running.map((id) => scene.terms(id).length)).toEqual(Array(3).fill(scene.terms(1n).length));
  });

  test('§5.3 an append is refused when the entry before it is missing or of another term', () => {
    const scene = new Scene(`${THREE}\nprior 2 terms=(1 1)`);
    scene.run('inject appendRequest from=1 to=2 term=3 prev=1/3 entries=(3/4)');
    scene.run('inject appendRequest from=1 to=2 term=3 prev=2/2 entries=(3/3)');
    expect(scene.underWay('appendResponse').map(({ accepted }) => accepted)).toEqual([false, false]);
    expect(scene.terms(2n)).toEqual([1, 1]);
  });

  test('§5.3 an empty append is a consistency check like any other', () => {
    const scene = new Scene(`${THREE}\nprior 2 terms=(1 1)`);
    scene.run('inject appendRequest from=1 to=2 term=3 prev=1/2');
    scene.run('inject appendRequest from=1 to=2 term=3 prev=1/5');
    expect(scene.underWay('appendResponse').map(({ accepted, index }) => [accepted, index])).toEqual([
      [true, 2],
      [false, 5],
    ]);
  });

  const leaderTerms = '1 1 1 4 4 5 5 6 6 6';
  test.each([
    { follower: 'a', terms: '1 1 1 4 4 5 5 6 6' },
    { follower: 'b', terms: '1 1 1 4' },
    { follower: 'c', terms: '1 1 1 4 4 5 5 6 6 6 6' },
    { follower: 'd', terms: '1 1 1 4 4 5 5 6 6 6 7 7' },
    { follower: 'e', terms: '1 1 1 4 4 4 4' },
    { follower: 'f', terms: '1 1 1 2 2 2 3 3 3 3 3' },
  ])('§5.3 figure 7: follower ($follower) ends with the log of the leader', ({ terms }) => {
    const scene = new Scene(`${THREE}
      prior 1 terms=(${leaderTerms}) term=7
      prior 2 terms=(${terms}) term=7
      prior 3 terms=(${leaderTerms}) term=7
      isolate 2
      elect 1
      heal
      run 3`);
    expect(scene.terms(1n)).toEqual([1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8]);
    expect(scene.terms(2n)).toEqual(scene.terms(1n));
    expect(scene.status(2n).appliedIndex).toBe(11);
  });

  test('§5.3 a follower with conflicts costs one refusal for each conflicting term, not for each entry', () => {
    const mine = Array.from({ length: 40 }, (_, place) => 1 + Math.floor(place / 10) * 2);
    const theirs = Array.from({ length: 40 }, (_, place) => (place < 5 ? 1 : 2 + Math.floor(place / 10) * 2));
    const scene = new Scene(`cluster voters=(1 2 3) appendBytesMax=100000
      prior 1 terms=(${mine.join(' ')}) term=9
      prior 2 terms=(${theirs.join(' ')}) term=9
      prior 3 terms=(${mine.join(' ')}) term=9
      isolate 2
      elect 1
      heal
      quiet tick 1`);
    let refusals = 0;
    for (let step = 0; step < 40 && scene.cluster.network.length > 0; step += 1) {
      scene.run('quiet deliver n=1');
      refusals += scene.underWay('appendResponse').filter(({ accepted, from }) => from === 2n && !accepted).length;
    }
    expect(scene.terms(2n)).toEqual(scene.terms(1n));
    expect(refusals).toBeLessThanOrEqual(4);
  });

  test('§5.3 a leader never overwrites or deletes entries of its own log', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a\nquiet propose 1 b`);
    expect(() => scene.run('inject appendRequest from=2 to=1 term=1 prev=0/0 entries=(1/1)')).toThrow('two leaders');
    expect(scene.terms(1n)).toEqual([1, 1, 1]);
  });

  test('§5.3 entries with one index and term are one entry, on every member', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a times=5\nquiet stabilize`);
    const logs = scene.cluster.ids.map((id) => scene.cluster.disk(id).durable.entries);
    expect(logs[1]).toEqual(logs[0]);
    expect(logs[2]).toEqual(logs[0]);
    expect(() => scene.cluster.checks.checkLogsMatch([1n, 2n, 3n])).not.toThrow();
  });
});

describe('§5.4 safety', () => {
  test.each([
    { voter: '1 1 2', candidate: '1/9', granted: false, why: 'older last term, though longer' },
    { voter: '1 1 2', candidate: '2/2', granted: false, why: 'same last term, shorter' },
    { voter: '1 1 2', candidate: '2/3', granted: true, why: 'equal' },
    { voter: '1 1 2', candidate: '2/4', granted: true, why: 'same last term, longer' },
    { voter: '1 1 2', candidate: '3/1', granted: true, why: 'later last term, though shorter' },
    { voter: '', candidate: '0/0', granted: true, why: 'nothing against nothing' },
  ])(
    '§5.4.1 a voter with ($voter) answers a candidate with $candidate: $granted ($why)',
    ({ voter, candidate, granted }) => {
      const scene = new Scene(`${THREE}\nprior 2 terms=(${voter}) term=4`);
      scene.run(`inject voteRequest from=1 to=2 term=5 last=${candidate}`);
      expect(scene.underWay('voteResponse').map((response) => response.granted)).toEqual([granted]);
    },
  );

  test('§5.4.2 a leader does not commit an entry of an older term by counting', () => {
    const scene = new Scene(`cluster voters=(1 2 3 4 5) appendBytesMax=1
      prior 1 terms=(1 2) term=3
      prior 2 terms=(1 2) term=3
      prior 3 terms=(1) term=3
      isolate 4
      isolate 5
      quiet campaign 1
      quiet deliver type=voteRequest
      quiet deliver type=voteResponse
      quiet deliver type=voteRequest
      quiet deliver type=voteResponse
      quiet drop to=2
      quiet deliver to=3
      quiet deliver from=3
      quiet deliver to=3 n=1
      quiet deliver from=3
      quiet drop
      quiet inject appendRequest from=1 to=2 term=4 prev=2/2
      quiet deliver from=2`);
    const onIndexTwo = scene.status(1n).peers.filter((peer) => peer.match >= 2);
    expect(onIndexTwo).toHaveLength(3);
    expect(scene.status(1n)).toMatchObject({ role: 'leader', term: 4, commitIndex: 0, lastIndex: 3 });
  });

  test('§5.4.2 an entry of its own term on a majority commits the older ones with it', () => {
    const scene = new Scene(`${THREE}\nprior 1 terms=(1 2) term=3\nprior 2 terms=(1 2) term=3\nisolate 3\nelect 1`);
    expect(scene.status(1n)).toMatchObject({ commitIndex: 3, lastTerm: 4 });
    expect(scene.applied(1n)).toEqual(['1/1', '2/2', '4/3']);
  });

  test('§5.4.3 whoever is elected holds every committed entry', () => {
    const scene = new Scene(`${THREE}\nelect 1\nisolate 3\nquiet propose 1 a\nquiet stabilize\ncrash 1\nheal`);
    scene.run('quiet tick 2 10\nquiet tick 3 40\nquiet stabilize');
    expect(scene.status(3n).role).not.toBe('leader');
    scene.run('run 30');
    expect(scene.status(2n).role).toBe('leader');
    expect(scene.terms(2n).slice(0, 2)).toEqual([1, 1]);
  });
});

describe('§5.5 crashes of followers and candidates', () => {
  test('§5.5 appends to a crashed follower are repeated until it is back', () => {
    const scene = new Scene(`${THREE}\nelect 1\ncrash 3\nquiet propose 1 a\nquiet stabilize\nrun 5\nrestart 3\nrun 3`);
    expect(scene.terms(3n)).toEqual([1, 1]);
  });

  test('§5.5 an append that comes twice changes nothing the second time', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a\nduplicate to=2\nquiet deliver to=2`);
    expect(scene.terms(2n)).toEqual([1, 1]);
    expect(scene.underWay('appendResponse').map(({ index }) => index)).toEqual([2, 2]);
  });

  test('§5.5 a crash after the save and before the answer: the repeated append is accepted', () => {
    const scene = new Scene(`${THREE}\nelect 1\nholdSaves 2\nquiet propose 1 a\nquiet deliver to=2\ncrash 2 saves=1`);
    expect(scene.cluster.network.filter(({ from }) => from === 2n)).toEqual([]);
    scene.run('restart 2\nreleaseSaves 2\nrun 3');
    expect(scene.terms(2n)).toEqual([1, 1]);
  });
});

describe('§5.6 timing', () => {
  test('§5.6 a heartbeat fits into the election timeout at least twice, or the configuration is refused', () => {
    expect(() => new Scene('cluster voters=(1) electionTicks=10 heartbeatTicks=6')).toThrow('electionTicks');
    expect(() => new Scene('cluster voters=(1) electionTicks=10 heartbeatTicks=5')).not.toThrow();
  });

  test('§5.6 leaders are elected as long as a majority is there, one crash after the other', () => {
    const scene = new Scene('cluster voters=(1 2 3 4 5)\nrun 30\ncrash 1\nrun 40\ncrash 2\nrun 40');
    expect(scene.roles().filter((role) => role.startsWith('leader'))).toHaveLength(1);
    scene.run('crash 3\nrun 40');
    expect(scene.roles().filter((role) => role.startsWith('leader'))).toHaveLength(0);
  });
});

/** Every configuration of up to `max` voters out of ids 1 to max. */
/** Whether the two sets share a member that votes in either configuration. */
describe('§7 log compaction', () => {
  const lagging = `${THREE}
    elect 1
    isolate 3
    quiet propose 1 a times=5
    quiet stabilize`;

  test('§7 a trimmed log keeps the id of the entry before its first for the consistency check', () => {
    const scene = new Scene(
      `${THREE}\nelect 1\nquiet propose 1 a times=3\nquiet stabilize\ntrim 1 4\nquiet propose 1 b\nquiet stabilize`,
    );
    expect(scene.status(1n)).toMatchObject({ startIndex: 4, lastIndex: 5, commitIndex: 5 });
    expect(scene.status(2n).commitIndex).toBe(5);
  });

  test('§7 a follower that needs entries which are gone gets a snapshot', () => {
    const scene = new Scene(`${lagging}\ntrim 1 5\nheal\nrun 3`);
    expect(scene.status(3n)).toMatchObject({ startIndex: 6, appliedIndex: 6 });
    expect(scene.applied(3n)).toEqual(['1/1']);
  });

  test('§7 a snapshot that is ahead of the log replaces it', () => {
    const scene = new Scene(`${lagging}\nquiet inject appendRequest from=2 to=3 term=1 prev=1/1`);
    expect(scene.status(3n).lastIndex).toBe(1);
    scene.run('trim 1 6\nheal\nrun 3');
    expect(scene.status(3n)).toMatchObject({ startIndex: 6, lastIndex: 6, stableIndex: 6 });
  });

  test('§7 a snapshot of a prefix leaves the entries that follow', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet propose 1 a times=4\nquiet deliver to=3`);
    scene.run('quiet inject installSnapshot from=1 to=3 term=1 at=1/1 voters=(1 2 3)');
    expect(scene.terms(3n)).toEqual([1, 1, 1, 1, 1]);
  });

  test('§7 a snapshot carries the latest configuration at its index', () => {
    const scene = new Scene(`${lagging}\nquiet conf 1 addLearner 9\nquiet stabilize\ntrim 1 7\nheal\nrun 3`);
    expect(scene.status(3n).conf).toEqual({ voters: [1n, 2n, 3n], learners: [9n] });
  });

  test('§7 the configuration at the start of a trimmed log survives a restart', () => {
    const scene = new Scene(
      `${THREE}\nelect 1\nquiet conf 1 addLearner 9\nquiet stabilize\ntrim 1 2\nquiet propose 1 a\nquiet stabilize`,
    );
    scene.run('crash 1\nrestart 1');
    expect(scene.status(1n)).toMatchObject({ startIndex: 2, conf: { learners: [9n] } });
  });
});

describe('§8 client interaction', () => {
  test('§8 a leader begins its term with an entry of its own', () => {
    const scene = new Scene(`${THREE}\nprior 1 terms=(1 1)\nprior 2 terms=(1 1)\nprior 3 terms=(1 1)\nelect 1`);
    expect(scene.terms(1n)).toEqual([1, 1, 2]);
    expect(scene.cluster.disk(1n).durable.entries.at(-1)?.kind).toBe('noop');
  });

  test('§8 a leader confirms that it still leads before it answers a read', () => {
    const scene = new Scene(`${THREE}\nelect 1\nquiet read 1`);
    expect(scene.cluster.answeredReads(1n)).toEqual([]);
    scene.run('quiet deliver to=2\nquiet deliver from=2');
    expect(scene.cluster.answeredReads(1n)).toMatchObject([{ index: 1 }]);
  });
});

describe('state machine safety', () => {
  test('§5.4.3 all members apply the same entries in the same order, whoever leads', () => {
    const cluster = new RaftCluster({ random: (id, boot) => seededRandom(Number(id) * 10 + boot) });
    const start = { term: 0, index: 0, conf: { voters: [1n, 2n, 3n], learners: [] } };
    const empty = { hardState: { term: 0, vote: 0n, commit: 0 }, start, entries: [], appliedIndex: 0 };
    for (const id of start.conf.voters) cluster.start(id, empty);
    for (let round = 0; round < 300; round += 1) {
      for (const id of cluster.running) cluster.tick(id);
      settle(cluster, 1000);
      const leader = cluster.running.find((id) => cluster.raft(id).role === 'leader');
      if (leader !== undefined) cluster.propose(leader, new Uint8Array([round & 0xff]));
      if (round % 60 === 59 && leader !== undefined) cluster.stepDown(leader);
    }
    settle(cluster, 1000);
    const [first = [], ...others] = cluster.ids.map((id) => cluster.applied(id));
    expect(first.length).toBeGreaterThan(100);
    for (const other of others) expect(other.slice(0, first.length)).toEqual(first.slice(0, other.length));
    expect(cluster.checks.elections).toBeGreaterThan(3);
  });
});
