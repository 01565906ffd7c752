/** Who leads, as clients of a session are told. */
import type { Leadership as WireLeadership } from '@quorate/proto/quorate/v1/session.js';
import type { Leadership } from '../node/session-member.js';

export function leadershipToWire({ leader, term, members }: Leadership): WireLeadership {
  const clientUrls = members.find(({ id }) => id === leader)?.clientUrls ?? [];
  return { leaderId: leader, term: BigInt(term), clientUrls: [...clientUrls] };
}
