import { describe, expect, test } from 'vitest';
import { checkState, checkStep } from '../../server/raft/invariants.js';
import type { PeerStatus, RaftStatus } from '../../server/raft/raft.js';
import { Scene } from './scene.js';
import { statusWith } from './statuses.js';

function peer(id: bigint, match: number): PeerStatus {
  return { id, mode: 'replicate', match, next: match + 1, recentActive: true };
}

describe('checkStep', () => {
  const leader: Partial<RaftStatus> = { role: 'leader', leader: 1n, vote: 1n, lastIndex: 5, peers: [peer(2n, 3)] };

  test.each<{ wrong: string; before: Partial<RaftStatus>; after: Partial<RaftStatus> }>([
    { wrong: 'terms never fall', before: { term: 3 }, after: { term: 2 } },
    { wrong: 'commit never falls', before: { commitIndex: 3 }, after: { commitIndex: 2 } },
    { wrong: 'applied never falls', before: { appliedIndex: 3 }, after: { appliedIndex: 2 } },
    { wrong: 'start never falls', before: { startIndex: 3 }, after: { startIndex: 2 } },
    { wrong: 'one vote in a term', before: { vote: 2n }, after: { vote: 3n } },
    { wrong: 'one vote in a term', before: { vote: 2n }, after: { vote: 0n } },
    { wrong: 'a leader never truncates', before: leader, after: { ...leader, lastIndex: 4 } },
    { wrong: 'match never falls', before: leader, after: { ...leader, peers: [peer(2n, 2)] } },
    {
      wrong: 'nothing but a follower in its term',
      before: leader,
      after: { ...leader, role: 'candidate', leader: 2n, peers: [] },
    },
  ])('$wrong', ({ wrong, before, after }) => {
    expect(() => checkStep(statusWith(before), statusWith(after))).toThrow(wrong);
  });

  test.each<{ name: string; before: Partial<RaftStatus>; after: Partial<RaftStatus> }>([
    { name: 'a new term forgets the vote', before: { term: 1, vote: 2n }, after: { term: 2, vote: 0n } },
    { name: 'a follower truncates', before: { lastIndex: 5 }, after: { lastIndex: 4 } },
    { name: 'a peer is removed', before: leader, after: { ...leader, peers: [] } },
    { name: 'a leader steps down', before: leader, after: { vote: 1n, lastIndex: 5 } },
  ])('$name: allowed', ({ before, after }) => {
    expect(() => checkStep(statusWith(before), statusWith(after))).not.toThrow();
  });
});

describe('checkState', () => {
  test('returns the status of a member in order, whatever its role', () => {
    const scene = new Scene('cluster voters=(1 2 3) learners=(4)\nelect 1\ncampaign 3');
    const roles = scene.cluster.ids.map((id) => checkState(scene.cluster.raft(id)).role);
    expect(roles).toEqual(['leader', 'follower', 'preCandidate', 'follower']);
  });

  test('a configuration without voters is not in order', () => {
    expect(() => new Scene('cluster voters=() learners=(1)')).toThrow('a configuration has voters');
  });

  test('nobody is voter and learner', () => {
    expect(() => new Scene('cluster voters=(1 2) learners=(2)')).toThrow('nobody is voter and learner');
  });
});
