/** The inputs of a search by their numbers: what a member can be given, and what of the bounds that uses up. */
import { assert } from '../../../server/lib/assert.js';
import type { NodeId } from '../../../server/raft/types.js';
import type { Bounds } from './bounds.js';
import { USED, countOf, crashOf, crashesOf, hasCrashed } from './budget.js';
import type { MemberGraph, MemberState } from './member-graph.js';

/** Calls back with the number of an input and what is used up afterwards. */
export type Offer = (inputNumber: number, used: number) => void;

const FIRST_PROPOSAL = 'a'.charCodeAt(0);

export class Moves {
  readonly campaign: number;
  readonly save: number;
  readonly #graph: MemberGraph;
  readonly #bounds: Bounds;
  readonly #crash: number;
  readonly #proposals: readonly number[];
  readonly #changes: readonly (readonly number[])[];
  /** By number of the message. */
  readonly #deliveries: { readonly inTime: number; readonly late: number }[] = [];

  constructor(graph: MemberGraph, bounds: Bounds) {
    this.#graph = graph;
    this.#bounds = bounds;
    this.campaign = graph.inputNumber({ kind: 'campaign', isForced: bounds.elections === 'forced' });
    this.save = graph.inputNumber({ kind: 'save' });
    this.#crash = graph.inputNumber({ kind: 'crash' });
    this.#proposals = Array.from({ length: bounds.proposals }, (_, place) =>
      graph.inputNumber({ kind: 'propose', data: new Uint8Array([FIRST_PROPOSAL + place]) }),
    );
    this.#changes = bounds.confChanges.map((choices) =>
      choices.map((change) => graph.inputNumber({ kind: 'change', change })),
    );
  }

  campaignsLeft(used: number): number {
    return this.#bounds.campaigns - countOf(used, 'campaign');
  }

  /** What can happen to a member without a message. */
  offerOwn(member: MemberState, used: number, offer: Offer): void {
    const isLeader = member.role === 'leader';
    if (!isLeader && this.campaignsLeft(used) > 0 && this.#mayBegin(member.id, used)) {
      offer(this.campaign, used + USED.campaign);
    }
    if (member.isSaving) offer(this.save, used);
    const place = Number(member.id) - 1;
    if (crashesOf(used) < this.#bounds.crashes && !hasCrashed(used, place)) offer(this.#crash, used + crashOf(place));
    if (!isLeader) return;
    const proposal = this.#proposals[countOf(used, 'proposal')];
    if (proposal !== undefined) offer(proposal, used + USED.proposal);
    for (const change of this.#changes[countOf(used, 'change')] ?? []) offer(change, used + USED.change);
  }

  /** The ways in which a message can arrive. `used` grows when the message stays under way, to arrive again. */
  offerDelivery(messageNumber: number, member: MemberState, used: number, offer: Offer): void {
    const { inTime, late } = this.#delivery(messageNumber);
    const isLateToo = late !== inTime && member.hasLiveLeader && member.role !== 'leader';
    offer(inTime, used);
    if (isLateToo) offer(late, used);
    if (countOf(used, 'duplicate') >= this.#bounds.duplicates) return;
    offer(inTime, used + USED.duplicate);
    if (isLateToo) offer(late, used + USED.duplicate);
  }

  delivery(messageNumber: number): number {
    return this.#delivery(messageNumber).inTime;
  }

  /** Members that differ in nothing but their ids can be renamed: whoever begins is called 1. */
  #mayBegin(id: NodeId, used: number): boolean {
    return id === 1n || this.#bounds.opening === 'led' || countOf(used, 'campaign') > 0;
  }

  #delivery(messageNumber: number): { readonly inTime: number; readonly late: number } {
    const known = this.#deliveries[messageNumber];
    if (known !== undefined) return known;
    assert(messageNumber >= this.#deliveries.length, 'deliveries are numbered like messages', { messageNumber });
    for (let number = this.#deliveries.length; number <= messageNumber; number += 1) {
      const message = this.#graph.message(number);
      const inTime = this.#graph.inputNumber({ kind: 'deliver', message, isLate: false });
      // Only a vote that is not the leader's wish depends on when the leader was last heard of.
      const minds = message.type === 'voteRequest' && !message.transfer;
      const late = minds ? this.#graph.inputNumber({ kind: 'deliver', message, isLate: true }) : inTime;
      this.#deliveries.push({ inTime, late });
    }
    return this.#delivery(messageNumber);
  }
}
