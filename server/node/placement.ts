/**
 * From the window of proposals into a leader's log: this member's own when it leads, else by a forward to the member
 * that does. And the other side: what followers forward here is placed at most once, and refused only when it is
 * certain that it was not.
 */
import { QuorateError } from '../lib/quorate-error.js';
import type { Raft } from '../raft/raft.js';
import type { LogIndex, NodeId } from '../raft/types.js';
import { batchLengths, encodeBatch } from './entry-batch.js';
import { SeenForwards } from './forwards.js';
import { LIMITS } from './limits.js';
import type { Forward, ForwardedProposal, ForwardRefusal, ForwardResult, PeerTransport } from './ports.js';
import type { Proposal, Proposals } from './proposals.js';

export interface PlacementParts {
  readonly raft: Pick<Raft, 'role' | 'leader' | 'term' | 'propose'>;
  readonly proposals: Proposals;
  readonly transport: Pick<PeerTransport, 'send'>;
  readonly boot: number;
  /** A leader that is silent about a forward for this long has probably not got it. */
  readonly silenceMs: number;
}

export class Placement {
  readonly #parts: PlacementParts;
  readonly #seen: SeenForwards;

  /** Made before this life has led: `raft.term` is the last term in which an earlier one may have. */
  constructor(parts: PlacementParts) {
    this.#parts = parts;
    this.#seen = new SeenForwards(parts.raft.term);
  }

  /** Gives everything that waits to the leader, as soon as one is known. */
  placeWaiting(now: number): void {
    const { raft, proposals } = this.#parts;
    if (!proposals.hasWaiting || raft.leader === 0n) return;
    const waiting = proposals.takeWaiting();
    if (raft.role === 'leader') {
      let start = 0;
      for (const length of batchLengths(waiting)) {
        this.#place(waiting.slice(start, start + length));
        start += length;
      }
      return;
    }
    this.#forward(waiting.map((one) => ({ attempt: proposals.forwarded(one, raft.term, now), data: one.data })));
  }

  /** Tries again what was refused, and sends again what may be lost: the leader knows the attempt if it is not. */
  tick(now: number): void {
    const { raft, proposals, silenceMs } = this.#parts;
    proposals.retryRefused();
    if (raft.role !== 'leader' && raft.leader !== 0n) {
      this.#forward(proposals.resend(raft.term, now - silenceMs, now));
    }
  }

  take(from: NodeId, forward: Forward): void {
    const { raft, transport } = this.#parts;
    const { term, boot } = forward;
    const accepted: { attempt: number; index: LogIndex }[] = [];
    const refused: { attempt: number; reason: ForwardRefusal }[] = [];
    const isLeader = raft.role === 'leader' && raft.term === term;
    for (const { attempt, data } of forward.proposals) {
      const key = { term, from, boot, attempt };
      if (!isLeader) {
        // Unless it is certain, silence: the sender would propose again what may stand in the log.
        if (this.#seen.isCertainlyNotTaken(key)) refused.push({ attempt, reason: 'retry' });
        continue;
      }
      if (!this.#seen.isNew(key)) continue;
      const result = raft.propose(data);
      if (result.ok) accepted.push({ attempt, index: result.id.index });
      else refused.push({ attempt, reason: result.reason === 'tooManyUncommitted' ? 'tooManyRequests' : 'retry' });
    }
    if (accepted.length + refused.length === 0) return;
    transport.send(from, { kind: 'forwardResult', term, boot, accepted, refused });
  }

  takeResult({ term, boot, accepted, refused }: ForwardResult): void {
    const { proposals } = this.#parts;
    if (boot !== this.#parts.boot) return;
    for (const { attempt, index } of accepted) proposals.forwardAccepted(term, attempt, index);
    for (const { attempt, reason } of refused) {
      proposals.forwardRefused(term, attempt, reason === 'retry' ? undefined : tooManyUncommitted());
    }
  }

  /** All in one entry. */
  #place(together: readonly Proposal[]): void {
    const { raft, proposals } = this.#parts;
    const placed = raft.propose(encodeBatch(together.map(({ data }) => data)));
    for (const proposal of together) {
      if (placed.ok) proposals.placed(proposal, placed.id.term, placed.id.index);
      else if (placed.reason === 'tooManyUncommitted') proposals.fail(proposal, tooManyUncommitted());
      else proposals.putBack(proposal);
    }
  }

  #forward(proposals: readonly ForwardedProposal[]): void {
    let part: ForwardedProposal[] = [];
    let bytes = 0;
    for (const proposal of proposals) {
      part.push(proposal);
      bytes += proposal.data.length;
      if (bytes < LIMITS.forwardBytesMax) continue;
      this.#send(part);
      part = [];
      bytes = 0;
    }
    if (part.length > 0) this.#send(part);
  }

  #send(proposals: readonly ForwardedProposal[]): void {
    const { raft, transport, boot } = this.#parts;
    transport.send(raft.leader, { kind: 'forward', term: raft.term, boot, proposals });
  }
}

function tooManyUncommitted(): QuorateError {
  return new QuorateError('TOO_MANY_REQUESTS', 'too many bytes wait to be committed');
}
