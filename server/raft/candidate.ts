/** Elections: a pre-vote round that disturbs nobody, then the real one (Raft §5.2, Thesis §9.6). */
import { type Core, NO_NODE } from './core.js';
import { startLeading } from './leader.js';
import { voteResult } from './quorum.js';
import type { NodeId, VoteRequest, VoteResponse } from './types.js';

/** Starts a round. With `transfer` the leader asked for it: no pre-vote, and live-leader protection is bypassed. */
export function campaign(core: Core, transfer = false): void {
  if (!core.mayLead) return;
  if (transfer) {
    startElection(core, true);
    return;
  }
  core.becomePreCandidate();
  for (const request of voteRequests(core, { pre: true, term: core.term + 1, transfer: false })) core.send(request);
  // A pre-vote promises nothing, so this member's own needs no disk.
  countVote(core, core.id, true);
}

/**
 * The requests leave once the new term and every entry that they boast of are durable. A candidate that crashed before
 * would come back with a shorter log, run in the same term again, and win with votes granted to the longer one.
 */
function startElection(core: Core, transfer: boolean): void {
  core.becomeCandidate();
  for (const request of voteRequests(core, { pre: false, term: core.term, transfer })) core.sendAfterSave(request);
}

function voteRequests(core: Core, round: Pick<VoteRequest, 'pre' | 'term' | 'transfer'>): readonly VoteRequest[] {
  const { lastIndex, lastTerm } = core.log;
  const peers = core.conf.voters.filter((id) => id !== core.id);
  return peers.map((to) => ({ type: 'voteRequest', from: core.id, to, lastIndex, lastTerm, ...round }));
}

export function tickElection(core: Core): void {
  core.electionElapsed += 1;
  if (core.electionElapsed < core.electionTimeout) return;
  if (core.mayLead) campaign(core);
  // Who may not lead forgets its leader all the same: it may be asked for a vote, for instance as a learner that does
  // not know yet that it was promoted, and must not protect a leader that is gone.
  else core.becomeFollower(core.term, NO_NODE);
}

export function handleVoteResponse(core: Core, message: VoteResponse): void {
  const isMine =
    (core.role === 'preCandidate' && message.pre && message.term === core.term + 1) ||
    (core.role === 'candidate' && !message.pre && message.term === core.term);
  // A refused pre-vote carries the refuser's own term, which is ours when it is not higher.
  const isRefusal = core.role === 'preCandidate' && message.pre && !message.granted;
  if (isMine || isRefusal) countVote(core, message.from, message.granted);
}

/** The candidate's own vote counts once it is durable, like everybody's. */
export function handleOwnVoteSaved(core: Core): void {
  if (core.role === 'candidate') countVote(core, core.id, true);
}

function countVote(core: Core, from: NodeId, granted: boolean): void {
  if (!core.votes.has(from)) core.votes.set(from, granted);
  switch (voteResult(core.conf.voters, core.votes)) {
    case 'won':
      if (core.role === 'preCandidate') startElection(core, false);
      else startLeading(core);
      return;
    case 'lost':
      core.becomeFollower(core.term, NO_NODE);
      return;
    case 'pending':
      return;
  }
}
