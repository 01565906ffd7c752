/** The sessions of a member for whoever carries frames: one Exchange for each client, with shared bounds. */
import type { GrantMember } from '../node/grant-member.js';
import type { LeaseMember } from '../node/lease-member.js';
import type { Member } from '../node/member.js';
import type { KvLimits } from './kv-service.js';
import { Exchange, type ExchangeParts } from './session-exchange.js';
import type { SessionExchange, SessionSink, SessionSource } from './session-port.js';
import { SessionRequests } from './session-requests.js';

export interface SessionSourceParts extends Omit<ExchangeParts, 'requests' | 'member'> {
  readonly member: Member;
  readonly leases: LeaseMember;
  readonly grants: GrantMember;
  readonly limits: KvLimits;
}

export class MemberSessions implements SessionSource {
  readonly #parts: ExchangeParts;

  constructor(parts: SessionSourceParts) {
    this.#parts = { ...parts, requests: new SessionRequests(parts) };
  }

  open(sink: SessionSink): SessionExchange {
    return new Exchange(sink, this.#parts);
  }
}
