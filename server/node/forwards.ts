/**
 * The leader's side of forwarded proposals. The network may double or delay a forward, and an old one may turn up under
 * a new leader, so each is taken at most once: only in the term it was meant for, and only when its sender's life and
 * number were not seen in that term. It also says when a refusal is certain, because the sender proposes again then.
 */
import type { NodeId, Term } from '../raft/types.js';
import { LIMITS } from './limits.js';

interface Sender {
  readonly boot: number;
  highest: number;
  readonly seen: Set<number>;
}

export interface ForwardKey {
  readonly term: Term;
  readonly from: NodeId;
  readonly boot: number;
  readonly attempt: number;
}

export class SeenForwards {
  /** Of terms up to this one an earlier life of this member may have been the leader, and forgotten what it took. */
  readonly #bornTerm: Term;
  /** The last term in which this member, leading, took a forward. */
  #term: Term = 0;
  readonly #senders = new Map<NodeId, Sender>();

  constructor(bornTerm: Term) {
    this.#bornTerm = bornTerm;
  }

  /** Called while leading `key.term`. True when the proposal is new; it counts as seen from now on, taken or refused. */
  isNew(key: ForwardKey): boolean {
    if (key.term !== this.#term) {
      this.#term = key.term;
      this.#senders.clear();
    }
    const sender = this.#senderOf(key);
    if (sender === undefined || this.#isSeen(sender, key.attempt)) return false;
    sender.seen.add(key.attempt);
    sender.highest = Math.max(sender.highest, key.attempt);
    if (sender.seen.size > 2 * LIMITS.forwardWindow) prune(sender);
    return true;
  }

  /** Called while not leading `key.term`. True when this member certainly never appended the proposal. */
  isCertainlyNotTaken(key: ForwardKey): boolean {
    if (key.term <= this.#bornTerm || key.term < this.#term) return false;
    if (key.term > this.#term) return true;
    const sender = this.#senders.get(key.from);
    return (
      sender === undefined || sender.boot < key.boot || (sender.boot === key.boot && !this.#isSeen(sender, key.attempt))
    );
  }

  #isSeen(sender: Sender, seq: number): boolean {
    return seq <= sender.highest - LIMITS.forwardWindow || sender.seen.has(seq);
  }

  /** Undefined for an earlier life of the sender: whatever it wanted, nobody waits for it. */
  #senderOf(key: ForwardKey): Sender | undefined {
    const known = this.#senders.get(key.from);
    if (known !== undefined && known.boot >= key.boot) return known.boot === key.boot ? known : undefined;
    const sender = { boot: key.boot, highest: 0, seen: new Set<number>() };
    this.#senders.set(key.from, sender);
    return sender;
  }
}

function prune(sender: Sender): void {
  for (const seq of sender.seen) if (seq <= sender.highest - LIMITS.forwardWindow) sender.seen.delete(seq);
}
