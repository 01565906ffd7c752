/** The status of a follower that has nothing, with whatever a test wants otherwise. */
import type { RaftStatus } from '../../server/raft/raft.js';

export function statusWith(now: Partial<RaftStatus>): RaftStatus {
  return {
    id: 1n,
    role: 'follower',
    term: 1,
    vote: 0n,
    leader: 0n,
    conf: { voters: [1n, 2n, 3n], learners: [] },
    startIndex: 0,
    appliedIndex: 0,
    commitIndex: 0,
    stableIndex: 0,
    lastIndex: 0,
    lastTerm: 0,
    logBytes: 0,
    uncommittedBytes: 0,
    waitingReads: 0,
    transferee: 0n,
    peers: [],
    ...now,
  };
}
