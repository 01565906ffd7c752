/**
 * What must hold of one member: at any moment (checkState) and from one moment to the next (checkStep). Tests and the
 * simulator check after every step; in production it runs behind a flag. A violation stops the member.
 */
import { assert } from '../lib/assert.js';
import type { Raft, RaftStatus } from './raft.js';

export function checkState(raft: Raft): RaftStatus {
  raft.assertPointers();
  const now = raft.status();
  const { id, role, term, vote, leader, commitIndex } = now;
  assert(term >= 0 && Number.isSafeInteger(term), 'term is a safe integer', { id, term });
  assert(now.uncommittedBytes >= 0, 'uncommitted bytes are not negative', { id, bytes: now.uncommittedBytes });
  // A member that waits for its cluster to add it begins with nobody at all. The first entry of any log changes that.
  const isWaiting = role === 'follower' && now.conf.learners.length === 0 && now.lastIndex === 0;
  assert(now.conf.voters.length > 0 || isWaiting, 'a configuration has voters', { id, role });
  assert(
    now.conf.voters.every((voter) => !now.conf.learners.includes(voter)),
    'nobody is voter and learner',
    { id },
  );
  switch (role) {
    case 'leader':
      assert(leader === id, 'a leader knows who leads', { id, leader });
      checkLeader(now);
      break;
    case 'candidate':
      assert(vote === id, 'a candidate votes for itself', { id, vote });
      assert(leader === 0n, 'a candidate has no leader', { id, leader });
      break;
    case 'preCandidate':
      assert(leader === 0n, 'a pre-candidate has no leader', { id, leader });
      break;
    case 'follower':
      assert(leader !== id, 'a follower does not lead itself', { id, term });
      break;
  }
  assert(role === 'leader' || now.peers.length === 0, 'only leaders keep progress', { id, role });
  assert(raft.termAt(commitIndex) !== undefined, 'the commit index lies in the log', { id, commitIndex });
  return now;
}

function checkLeader(now: RaftStatus): void {
  const { id, lastIndex, stableIndex } = now;
  const matches = new Map(now.peers.map((peer) => [peer.id, peer.match]));
  for (const peer of now.peers) {
    assert(peer.match < peer.next, 'match < next', { id, peer: peer.id, match: peer.match, next: peer.next });
    assert(peer.match <= lastIndex, 'nobody matches more than there is', { id, peer: peer.id, match: peer.match });
  }
  assert((matches.get(id) ?? 0) <= stableIndex, 'a leader counts its own disk, not its memory', { id, stableIndex });
}

/** `before` and `after` are states of one life of one member. */
export function checkStep(before: RaftStatus, after: RaftStatus): void {
  const { id } = after;
  assert(after.term >= before.term, 'terms never fall', { id, from: before.term, to: after.term });
  assert(after.commitIndex >= before.commitIndex, 'commit never falls', {
    id,
    from: before.commitIndex,
    to: after.commitIndex,
  });
  assert(after.appliedIndex >= before.appliedIndex, 'applied never falls', {
    id,
    from: before.appliedIndex,
    to: after.appliedIndex,
  });
  assert(after.startIndex >= before.startIndex, 'start never falls', {
    id,
    from: before.startIndex,
    to: after.startIndex,
  });
  if (after.term !== before.term) return;
  assert(before.vote === 0n || after.vote === before.vote, 'one vote in a term', {
    id,
    from: before.vote,
    to: after.vote,
  });
  if (before.role !== 'leader') return;
  assert(
    after.role === 'leader' || after.role === 'follower' || after.leader === 0n,
    'a leader turns into nothing but a follower in its term',
    { id, role: after.role },
  );
  if (after.role === 'leader') {
    assert(after.lastIndex >= before.lastIndex, 'a leader never truncates', {
      id,
      from: before.lastIndex,
      to: after.lastIndex,
    });
    for (const peer of before.peers) {
      const match = after.peers.find((candidate) => candidate.id === peer.id)?.match;
      assert(match === undefined || match >= peer.match, 'match never falls', { id, from: peer.match, to: match ?? 0 });
    }
  }
}
