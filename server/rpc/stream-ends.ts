/**
 * Why this member ends a client's stream by itself: it stops, or there is no leader where the client wants one. A learner
 * refuses every stream, as in etcd.
 */
import type { Metadata } from '@grpc/grpc-js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Member } from '../node/member.js';
import type { LeaderLoss } from './leader-loss.js';
import type { LongCalls } from './long-calls.js';

export class StreamEnds {
  readonly #member: Pick<Member, 'isLearner'>;
  readonly #longCalls: LongCalls;
  readonly #leaderLoss: LeaderLoss;

  constructor(member: Pick<Member, 'isLearner'>, longCalls: LongCalls, leaderLoss: LeaderLoss) {
    this.#member = member;
    this.#longCalls = longCalls;
    this.#leaderLoss = leaderLoss;
  }

  /** `end` is called once at most, perhaps before this returns. Returns how to tell that the stream is over. */
  attend(metadata: Metadata, end: (error: QuorateError) => void): () => void {
    const forgets: (() => void)[] = [];
    let isOver = false;
    const over = (): void => {
      isOver = true;
      for (const forget of forgets) forget();
    };
    const endOnce = (error: QuorateError): void => {
      if (isOver) return;
      over();
      end(error);
    };
    if (this.#member.isLearner) endOnce(new QuorateError('NOT_ON_LEARNER'));
    if (!isOver) forgets.push(this.#longCalls.attend(endOnce));
    if (!isOver) forgets.push(this.#leaderLoss.attend(metadata, endOnce));
    return over;
  }
}
