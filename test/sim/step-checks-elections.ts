/**
 * Elections: at most one leader in a term, voted for by a quorum; a new leader has everything that was committed before;
 * a vote, and a candidate's own, is durable before anybody hears of it and never changes within its term.
 */
import { describeMessage } from '../../server/raft/describe.js';
import type { Message, NodeId, Term, VoteRequest, VoteResponse } from '../../server/raft/types.js';
import type { CoreView } from '../../server/node/raft-node.js';
import type { Committed } from './committed.js';
import type { DurableImage } from './durable-image.js';
import type { Report } from './check-report.js';

export class ElectionChecks {
  readonly #report: Report;
  readonly #committed: Committed;
  readonly #leaders = new Map<Term, NodeId>();
  readonly #votes = new Map<string, NodeId>();

  constructor(report: Report, committed: Committed) {
    this.#report = report;
    this.#committed = committed;
  }

  /** How many terms had a leader. */
  get elections(): number {
    return this.#leaders.size;
  }

  leads(id: NodeId, core: CoreView, startIndex: number): void {
    const { term } = core;
    if (!this.#claims(id, term)) return;
    this.#checkElected(id, core);
    // What a term committed after this one's votes were given is none of this leader's.
    for (let index = startIndex; index <= this.#committed.index; index += 1) {
      if ((this.#committed.inTermAt(index) ?? 0) >= term) continue;
      if (core.termAt(index) === this.#committed.termAt(index)) continue;
      this.#report('leader-completeness', `m${id} leads term ${term} without committed entry ${index}`);
      return;
    }
  }

  /** Its own vote is durable before it counts, which is for it to know; those of the others were told to it. */
  #checkElected(id: NodeId, { term, conf: { voters } }: CoreView): void {
    const granted = voters.filter((voter) => voter === id || this.#votes.get(`${voter}/${term}`) === id);
    if (2 * granted.length > voters.length) return;
    this.#report('elected', `m${id} leads term ${term}; of ${voters.join(' ')} only ${granted.join(' ')} voted for it`);
  }

  sent(message: Message, image: DurableImage): void {
    if (message.type === 'voteResponse' && !message.pre && message.granted) this.#voted(message, message.to, image);
    else if (message.type === 'voteRequest' && !message.pre) this.#voted(message, message.from, image);
    else if (message.type === 'appendRequest' || message.type === 'heartbeat') {
      this.#claims(message.from, message.term);
    }
  }

  /** True when it is news. */
  #claims(id: NodeId, term: Term): boolean {
    const known = this.#leaders.get(term);
    if (known === id) return false;
    if (known !== undefined) this.#report('election-safety', `m${known} and m${id} both lead term ${term}`);
    this.#leaders.set(term, id);
    return true;
  }

  #voted(message: VoteRequest | VoteResponse, to: NodeId, image: DurableImage): void {
    const { from, term } = message;
    const key = `${from}/${term}`;
    const known = this.#votes.get(key);
    if (known !== undefined && known !== to) {
      this.#report('one-vote', `m${from} votes for m${known} and for m${to} in term ${term}`);
    }
    this.#votes.set(key, to);
    const saved = image.hardState;
    if (saved.term > term || (saved.term === term && saved.vote === to)) return;
    this.#report('vote-durable', `${describeMessage(message)} leaves before the vote is durable`);
  }
}
