/**
 * Streams that were opened with `hasleader: true` end when this member has known no leader for three election timeouts,
 * so that their clients go to another member. One timer serves all of them.
 */
import type { Clock, Timer } from '../lib/clock.js';
import type { Member } from '../node/member.js';

/** As in etcd. */
const ELECTIONS = 3;

export class LeaderLoss {
  readonly #member: Pick<Member, 'isReady'>;
  readonly #listeners = new Set<() => void>();
  #timer: Timer | undefined;

  constructor(member: Pick<Member, 'isReady' | 'onReadyChange'>, clock: Clock, electionMs: number) {
    this.#member = member;
    member.onReadyChange((isReady) => {
      this.#timer?.cancel();
      this.#timer = isReady ? undefined : clock.setTimer(() => this.#tell(), ELECTIONS * electionMs);
    });
  }

  get hasLeader(): boolean {
    return this.#member.isReady;
  }

  /** `lost` is called at most once. Returns how to stop listening. */
  watch(lost: () => void): () => void {
    this.#listeners.add(lost);
    return () => {
      this.#listeners.delete(lost);
    };
  }

  #tell(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}
