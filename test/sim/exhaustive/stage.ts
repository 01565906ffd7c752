/**
 * One state of the whole cluster, and what a step of one member makes of it. A state is a row of numbers: its own, one
 * for each member (member-graph.ts), one for the past (histories.ts), one for what is used up of the bounds
 * (budget.ts), and one for each message under way, in no order.
 */
import { assert } from '../../../server/lib/assert.js';
import type { NodeId } from '../../../server/raft/types.js';
import type { History, Histories } from './histories.js';
import type { MemberGraph, MemberState, Step } from './member-graph.js';
import type { Moves } from './moves.js';
import { type Outlook, isSpent } from './spent.js';
import { highShare, lowShare } from './visited.js';

/** Far more numbers than any state has needed. */
const ROW_MAX = 4096;
/** No message is taken from the network. */
export const NOTHING_TAKEN = -1;

export class Stage {
  /** Where messages begin in a row. */
  readonly firstMessage: number;
  /** The state on stage. */
  row: Int32Array = new Int32Array(0);
  readonly members: MemberState[] = [];
  history: History;
  /** Its bits for Visited. */
  high = 0;
  low = 0;
  /** The state that the last step leads to. */
  readonly nextRow = new Int32Array(ROW_MAX);
  nextLength = 0;
  nextHigh = 0;
  nextLow = 0;
  readonly nextMembers: MemberState[] = [];
  nextHistory: History;

  readonly #graph: MemberGraph;
  readonly #moves: Moves;
  readonly #histories: Histories;
  readonly #dropsSpent: boolean;
  readonly #historyPlace: number;
  readonly #usedPlace: number;

  constructor(
    graph: MemberGraph,
    moves: Moves,
    histories: Histories,
    first: readonly MemberState[],
    dropsSpent: boolean,
  ) {
    this.#graph = graph;
    this.#moves = moves;
    this.#histories = histories;
    this.#dropsSpent = dropsSpent;
    this.#historyPlace = 1 + first.length;
    this.#usedPlace = this.#historyPlace + 1;
    this.firstMessage = this.#usedPlace + 1;
    this.history = histories.first;
    this.nextHistory = histories.first;
    this.load(Int32Array.from([0, ...first.map(({ number }) => number), histories.first.number, 0]));
  }

  get used(): number {
    return this.row[this.#usedPlace] ?? 0;
  }

  member(place: number): MemberState {
    return memberAt(this.members, place);
  }

  receiverOf(messageNumber: number): number {
    return placeOf(this.#graph.message(messageNumber).to);
  }

  load(row: Int32Array): void {
    this.row = row;
    this.high = 0;
    this.low = 0;
    for (let place = 1; place < row.length; place += 1) {
      const slot = Math.min(place, this.firstMessage);
      const value = row[place] ?? 0;
      this.high = (this.high + highShare(slot, value)) | 0;
      this.low = (this.low + lowShare(slot, value)) | 0;
    }
    this.members.length = 0;
    for (let place = 1; place < this.#historyPlace; place += 1) this.members.push(this.#graph.state(row[place] ?? 0));
    this.history = this.#histories.history(row[this.#historyPlace] ?? 0);
  }

  /**
   * Composes the next state: the member at `place` took `step`, after which `used` is used up, and the message at
   * `taken` in the row is not under way any more. False when it could not do anything that this state could not: it
   * differs in nothing but lost messages and used bounds. Throws when the cluster breaks an invariant.
   */
  compose(place: number, step: Step, used: number, taken: number): boolean {
    assert(step.failure === undefined, step.failure ?? '');
    const before = this.member(place);
    const { to } = step;
    this.#copyMembers(place, to);
    this.nextHistory =
      to === before ? this.history : this.#histories.after(this.history, before, step, without(this.members, place));
    this.nextHigh = this.high;
    this.nextLow = this.low;
    this.nextLength = 1;
    for (const member of this.nextMembers) this.#put(member.number);
    this.#put(this.nextHistory.number);
    this.#put(used);
    const sentLive = this.#putMessages(before, step, used, taken);
    return to !== before || sentLive;
  }

  #copyMembers(place: number, to: MemberState): void {
    this.nextMembers.length = 0;
    for (const member of this.members) this.nextMembers.push(member);
    this.nextMembers[place] = to;
  }

  /** Puts the next number of the fixed part. */
  #put(value: number): void {
    const place = this.nextLength;
    const old = this.row[place] ?? 0;
    if (old !== value) {
      this.nextHigh = (this.nextHigh + highShare(place, value) - highShare(place, old)) | 0;
      this.nextLow = (this.nextLow + lowShare(place, value) - lowShare(place, old)) | 0;
    }
    this.nextRow[place] = value;
    this.nextLength += 1;
  }

  /** Whether a message was sent that still means something. */
  #putMessages(before: MemberState, step: Step, used: number, taken: number): boolean {
    const { to } = step;
    const isOutlookNew = used !== this.used || changesOutlook(before, to);
    const outlook = this.#outlook(used);
    for (let at = this.firstMessage; at < this.row.length; at += 1) {
      const message = this.row[at] ?? 0;
      if (at === taken || (isOutlookNew && this.#isGone(message, outlook))) {
        this.nextHigh = (this.nextHigh - highShare(this.firstMessage, message)) | 0;
        this.nextLow = (this.nextLow - lowShare(this.firstMessage, message)) | 0;
      } else {
        this.nextRow[this.nextLength] = message;
        this.nextLength += 1;
      }
    }
    let isAnySent = false;
    for (const message of step.sent) {
      if (this.#isGone(message, outlook)) continue;
      isAnySent = true;
      this.nextHigh = (this.nextHigh + highShare(this.firstMessage, message)) | 0;
      this.nextLow = (this.nextLow + lowShare(this.firstMessage, message)) | 0;
      this.nextRow[this.nextLength] = message;
      this.nextLength += 1;
    }
    return isAnySent;
  }

  #outlook(used: number): Outlook {
    const campaigns = this.#moves.campaignsLeft(used);
    let lastTerm = 0;
    for (const { term, role } of this.nextMembers)
      lastTerm = Math.max(lastTerm, role === 'preCandidate' ? term + 1 : term);
    return { lastTerm: lastTerm + campaigns, hasCampaigns: campaigns > 0 };
  }

  /** Spent, and not only by the rules: the core was given it. */
  #isGone(messageNumber: number, outlook: Outlook): boolean {
    if (!this.#dropsSpent || !this.#isSpent(messageNumber, outlook)) return false;
    const receiver = memberAt(this.nextMembers, this.receiverOf(messageNumber));
    const { to, sent, failure } = this.#graph.step(receiver, this.#moves.delivery(messageNumber));
    return failure === undefined && to === receiver && sent.every((answer) => this.#isSpent(answer, outlook));
  }

  #isSpent(messageNumber: number, outlook: Outlook): boolean {
    const message = this.#graph.message(messageNumber);
    const sender = memberAt(this.nextMembers, placeOf(message.from));
    return isSpent(message, sender, memberAt(this.nextMembers, placeOf(message.to)), outlook);
  }
}

function changesOutlook(before: MemberState, to: MemberState): boolean {
  return (
    before.role !== to.role ||
    before.term !== to.term ||
    before.durable.term !== to.durable.term ||
    before.durable.vote !== to.durable.vote
  );
}

function placeOf(id: NodeId): number {
  return Number(id) - 1;
}

function memberAt(members: readonly MemberState[], place: number): MemberState {
  const member = members[place];
  assert(member !== undefined, 'no member at this place', { place });
  return member;
}

function without(members: readonly MemberState[], place: number): readonly MemberState[] {
  return members.filter((_, other) => other !== place);
}
