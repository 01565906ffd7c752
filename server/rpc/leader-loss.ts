/**
 * Streams that were opened with `hasleader: true` end when this member has known no leader for three election timeouts,
 * so that their clients go to another member. One timer serves all of them.
 */
import type { Metadata } from '@grpc/grpc-js';
import type { Clock, Timer } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Member } from '../node/member.js';

/** As in etcd. */
const ELECTIONS = 3;

const nothing = (): void => undefined;

export function requiresLeader(metadata: Metadata): boolean {
  return metadata.get('hasleader')[0] === 'true';
}

export class LeaderLoss {
  readonly #member: Pick<Member, 'isReady'>;
  readonly #listeners = new Set<() => void>();
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(member: Pick<Member, 'isReady' | 'onReadyChange'>, clock: Clock, electionMs: number) {
    this.#member = member;
    member.onReadyChange((isReady) => {
      this.#timer?.cancel();
      this.#timer = isReady || this.#isStopped ? undefined : clock.setTimer(() => this.#tell(), ELECTIONS * electionMs);
    });
  }

  /**
   * `lost` is called at most once: at once where there is no leader now, never for a stream that does not require one.
   * Returns how to stop listening.
   */
  attend(metadata: Metadata, lost: (error: QuorateError) => void): () => void {
    if (!requiresLeader(metadata)) return nothing;
    const tell = (): void => lost(new QuorateError('NO_LEADER'));
    if (!this.#member.isReady) {
      tell();
      return nothing;
    }
    this.#listeners.add(tell);
    return () => void this.#listeners.delete(tell);
  }

  /** No stream is left to tell. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #tell(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}
