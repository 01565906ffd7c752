/** Majority maths. Pure functions over ids; nothing here knows about terms, messages or time. */
import type { LogIndex, NodeId } from './types.js';

/** The smallest number of members of which any two sets share one. */
export function quorumSize(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * The highest index that a quorum of `voters` has reached: sorted downwards, the one at place quorumSize - 1. A voter
 * without an entry counts as 0. Without voters nothing is ever committed.
 */
export function quorumIndex(voters: readonly NodeId[], matchOf: (id: NodeId) => LogIndex): LogIndex {
  if (voters.length === 0) return 0;
  const reached = voters.map(matchOf).sort((a, b) => b - a);
  return reached[quorumSize(voters.length) - 1] ?? 0;
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** Votes are counted per voter, never per message: a map, in which a second answer of the same voter changes nothing. */
export function voteResult(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === true) granted += 1;
    if (vote === undefined) missing += 1;
  }
  const quorum = quorumSize(voters.length);
  if (granted >= quorum) return 'won';
  return granted + missing >= quorum ? 'pending' : 'lost';
}

/** Whether a quorum of `voters` satisfies `holds`. */
export function isQuorum(voters: readonly NodeId[], holds: (id: NodeId) => boolean): boolean {
  return voters.filter(holds).length >= quorumSize(voters.length);
}
