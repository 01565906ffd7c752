/**
 * Looks at the core at the end of every turn: checks its invariants where that is wanted, tells who leads to the log and
 * whether this member is ready to whoever listens. It changes nothing.
 */
import type { Logger } from '../lib/logger.js';
import { checkState, checkStep } from '../raft/invariants.js';
import type { Raft, RaftStatus } from '../raft/raft.js';
import type { NodeId, Term } from '../raft/types.js';
import type { MemberInfo } from '../state/result.js';

export interface Leadership {
  /** 0n: nobody known. */
  readonly leader: NodeId;
  readonly term: Term;
  /** What the members say of themselves. */
  readonly members: readonly MemberInfo[];
}

export class Watchman {
  readonly #raft: Raft;
  readonly #logger: Logger;
  readonly #checksInvariants: boolean;
  readonly #listeners: ((isReady: boolean) => void)[] = [];
  #checked: RaftStatus | undefined;
  readonly #leadershipListeners = new Set<(leadership: Leadership) => void>();
  #lastLeader: NodeId = 0n;
  #told: Leadership | undefined;
  #wasReady = false;

  constructor(raft: Raft, logger: Logger, checksInvariants: boolean) {
    this.#raft = raft;
    this.#logger = logger;
    this.#checksInvariants = checksInvariants;
  }

  onReadyChange(listener: (isReady: boolean) => void): void {
    this.#listeners.push(listener);
  }

  onLeadershipChange(listener: (leadership: Leadership) => void): () => void {
    this.#leadershipListeners.add(listener);
    return () => void this.#leadershipListeners.delete(listener);
  }

  /** Whether look() has something to tell. */
  get hasNews(): boolean {
    return this.#raft.leader !== this.#lastLeader;
  }

  /** `members`: a list that never changes; a change makes a new one. */
  look(isReady: boolean, members: readonly MemberInfo[]): void {
    if (this.#checksInvariants) {
      const now = checkState(this.#raft);
      if (this.#checked !== undefined) checkStep(this.#checked, now);
      this.#checked = now;
    }
    this.tellReady(isReady);
    const { leader, term, role } = this.#raft;
    this.#tellLeadership({ leader, term, members });
    if (leader === this.#lastLeader) return;
    this.#lastLeader = leader;
    this.#logger.info(leader === 0n ? 'no leader' : 'leader known', { leader, term, role });
  }

  #tellLeadership(leadership: Leadership): void {
    const { leader, term, members } = this.#told ?? {};
    if (leader === leadership.leader && term === leadership.term && members === leadership.members) return;
    this.#told = leadership;
    for (const listener of [...this.#leadershipListeners]) listener(leadership);
  }

  tellReady(isReady: boolean): void {
    if (isReady === this.#wasReady) return;
    this.#wasReady = isReady;
    for (const listener of this.#listeners) listener(isReady);
  }
}
