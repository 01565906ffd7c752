/**
 * Linearizable reads without log entries (Thesis §6.4). A round captures the commit index, then asks a quorum "am I
 * still your leader?". Rounds are numbered and a number is never used twice, so an answer to an older round can never
 * confirm a younger one; an answer to a younger round confirms every older one, since it was asked later.
 */
import { isQuorum } from './quorum.js';
import type { LogIndex, NodeId } from './types.js';

/** Who waits: the asking member (this one or a follower) and the token it chose. */
export interface ReadRequest {
  readonly from: NodeId;
  readonly token: number;
}

export interface ConfirmedRead extends ReadRequest {
  readonly index: LogIndex;
}

interface Round {
  readonly number: number;
  readonly index: LogIndex;
  readonly requests: ReadRequest[];
}

export class ReadRounds {
  #lastNumber = 0;
  /** Ascending by number. */
  #rounds: Round[] = [];
  /** The newest round each voter has answered. */
  #answered = new Map<NodeId, number>();
  /** Reads that came before this leader committed an entry of its own term; they start a round then. */
  #early: ReadRequest[] = [];

  /** Number of the newest unconfirmed round, 0 when none waits. Heartbeats carry it. */
  get newest(): number {
    return this.#rounds.at(-1)?.number ?? 0;
  }

  get waiting(): number {
    return this.#early.length + this.#rounds.reduce((sum, round) => sum + round.requests.length, 0);
  }

  /** A duplicate of a request that waits already adds nothing. */
  hold(request: ReadRequest): void {
    if (!this.#early.some((held) => isSame(held, request))) this.#early.push(request);
  }

  start(request: ReadRequest, index: LogIndex): void {
    this.#lastNumber += 1;
    this.#rounds.push({ number: this.#lastNumber, index, requests: [request] });
  }

  /** One round for everything that was held back. */
  startHeld(index: LogIndex): boolean {
    if (this.#early.length === 0) return false;
    this.#lastNumber += 1;
    this.#rounds.push({ number: this.#lastNumber, index, requests: this.#early });
    this.#early = [];
    return true;
  }

  answered(from: NodeId, number: number): void {
    if (number > (this.#answered.get(from) ?? 0)) this.#answered.set(from, number);
  }

  /** Takes out every round that a quorum of the current voters has answered; `self` counts without asking. */
  takeConfirmed(voters: readonly NodeId[], self: NodeId): readonly ConfirmedRead[] {
    const confirmed: ConfirmedRead[] = [];
    for (let round = this.#rounds[0]; round !== undefined; round = this.#rounds[0]) {
      const { number, index } = round;
      if (!isQuorum(voters, (id) => id === self || (this.#answered.get(id) ?? 0) >= number)) break;
      this.#rounds.shift();
      for (const request of round.requests) confirmed.push({ ...request, index });
    }
    return confirmed;
  }

  /** Leadership is over: nothing that waits can be confirmed. Returns the tokens `self` waited for. */
  drop(self: NodeId): readonly number[] {
    const requests = [...this.#early, ...this.#rounds.flatMap((round) => round.requests)];
    this.#early = [];
    this.#rounds = [];
    this.#answered.clear();
    return requests.filter((request) => request.from === self).map((request) => request.token);
  }
}

function isSame(a: ReadRequest, b: ReadRequest): boolean {
  return a.from === b.from && a.token === b.token;
}
