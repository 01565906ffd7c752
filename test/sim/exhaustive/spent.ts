/**
 * Messages that can change nothing any more, whoever does whatever. Two clusters that differ in nothing else are one
 * state; without this there would be a hundred times as many. The rules are about this core, so none is believed: the
 * search has the core take such a message before it drops it, and a test compares whole spaces with and without them.
 */
import type { Message, Term } from '../../../server/raft/types.js';
import type { MemberState } from './member-graph.js';

export interface Outlook {
  /** No member will ever be in a later term. */
  readonly lastTerm: Term;
  /** Elections may still be started. */
  readonly hasCampaigns: boolean;
}

export function isSpent(message: Message, sender: MemberState, receiver: MemberState, outlook: Outlook): boolean {
  const { term } = message;
  switch (message.type) {
    case 'voteRequest':
      if (message.pre) return !mayAsk(sender, outlook) && hearsNoNewTerm(sender, outlook);
      if (term < receiver.durable.term) return true;
      // The receiver has chosen another, and its answer will not be counted.
      return term === receiver.durable.term && hasOtherVote(receiver, sender) && isDecided(sender, term);
    case 'voteResponse':
      if (!message.pre) return isDecided(receiver, term);
      if (term < receiver.durable.term) return true;
      if (mayAsk(receiver, outlook)) return message.granted && term === receiver.durable.term;
      return message.granted || term === receiver.durable.term;
    case 'appendRequest':
      // A leader of the past is only told the term of today.
      return term < receiver.durable.term && hearsNoNewTerm(sender, outlook) && isIdle(sender, sender.durable.term);
    case 'appendResponse':
    case 'heartbeatResponse':
      return term < receiver.durable.term || isIdle(receiver, term);
    case 'heartbeat':
    case 'installSnapshot':
    case 'timeoutNow':
    case 'readIndexRequest':
    case 'readIndexResponse':
      return false;
  }
}

/** It asks for pre-votes, now or later. */
function mayAsk(member: MemberState, outlook: Outlook): boolean {
  return outlook.hasCampaigns || member.role === 'preCandidate';
}

function hearsNoNewTerm(member: MemberState, outlook: Outlook): boolean {
  return member.durable.term >= outlook.lastTerm;
}

function hasOtherVote({ durable }: MemberState, candidate: MemberState): boolean {
  return durable.vote !== 0n && durable.vote !== candidate.id;
}

/** Its own election in `term` is over, or there was none and will be none. */
function isDecided(member: MemberState, term: Term): boolean {
  if (term !== member.durable.term) return term < member.durable.term;
  return member.role !== 'candidate' || member.term !== term;
}

/** It neither leads in `term`, its own, nor will it. */
function isIdle(member: MemberState, term: Term): boolean {
  return term === member.durable.term && member.role !== 'leader' && isDecided(member, term);
}
