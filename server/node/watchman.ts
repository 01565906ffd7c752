/**
 * Looks at the core at the end of every turn: checks its invariants where that is wanted, tells who leads to the log and
 * whether this member is ready to whoever listens. It changes nothing.
 */
import type { Logger } from '../lib/logger.js';
import { checkState, checkStep } from '../raft/invariants.js';
import type { Raft, RaftStatus } from '../raft/raft.js';
import type { NodeId } from '../raft/types.js';

export class Watchman {
  readonly #raft: Raft;
  readonly #logger: Logger;
  readonly #checksInvariants: boolean;
  readonly #listeners: ((isReady: boolean) => void)[] = [];
  #checked: RaftStatus | undefined;
  #lastLeader: NodeId = 0n;
  #wasReady = false;

  constructor(raft: Raft, logger: Logger, checksInvariants: boolean) {
    this.#raft = raft;
    this.#logger = logger;
    this.#checksInvariants = checksInvariants;
  }

  onReadyChange(listener: (isReady: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** Whether look() has something to tell. */
  get hasNews(): boolean {
    return this.#raft.leader !== this.#lastLeader;
  }

  look(isReady: boolean): void {
    if (this.#checksInvariants) {
      const now = checkState(this.#raft);
      if (this.#checked !== undefined) checkStep(this.#checked, now);
      this.#checked = now;
    }
    this.tellReady(isReady);
    const { leader, term, role } = this.#raft;
    if (leader === this.#lastLeader) return;
    this.#lastLeader = leader;
    this.#logger.info(leader === 0n ? 'no leader' : 'leader known', { leader, term, role });
  }

  tellReady(isReady: boolean): void {
    if (isReady === this.#wasReady) return;
    this.#wasReady = isReady;
    for (const listener of this.#listeners) listener(isReady);
  }
}

/** The voter that is there and has most of the log: who shall lead when this member must not. */
export function successorOf(raft: Raft): NodeId | undefined {
  const { peers, conf, id } = raft.status();
  const others = peers.filter((peer) => peer.id !== id && conf.voters.includes(peer.id) && peer.recentActive);
  return others.sort((a, b) => b.match - a.match)[0]?.id;
}
