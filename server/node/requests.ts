/**
 * Between a member's methods and the driver: what is proposed or read is answered exactly once, by its deadline, and
 * what goes wrong is told with an honest code.
 */
import { InvariantError } from '../lib/assert.js';
import type { Clock } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Command, Stamp } from '../state/command.js';
import type { Applied, CommandResult, Outcome } from '../state/result.js';
import type { Consistency } from './consistency.js';
import type { Header, RequestOptions } from './member.js';
import type { ProposalWaiter } from './proposals.js';
import type { RaftNode } from './raft-node.js';

export type Maybe<T> = T | Promise<T>;

export interface Asking {
  readonly command: Command;
  /** Of a write of a session. */
  readonly stamp?: Stamp;
  readonly options: RequestOptions | undefined;
}

export interface Asked<T> {
  readonly answer: Promise<T>;
  /** Nobody waits for it any more. What waits for a leader is not proposed then. */
  readonly abandon: () => void;
}

export class Requests {
  readonly #node: RaftNode;
  readonly #clock: Clock;
  readonly #clusterId: bigint;

  constructor(node: RaftNode, clock: Clock, clusterId: bigint) {
    this.#node = node;
    this.#clock = clock;
    this.#clusterId = clusterId;
  }

  /** Of an answer that speaks of `revision`. */
  header(revision: number): Header {
    return { clusterId: this.#clusterId, memberId: this.#node.id, revision, raftTerm: this.#node.term };
  }

  deadline(options: RequestOptions | undefined): number {
    return Math.min(options?.deadline ?? Infinity, this.#clock.now() + this.#node.requestTimeoutMs);
  }

  propose<T>(
    command: Command,
    options: RequestOptions | undefined,
    answer: (applied: Applied) => Maybe<T>,
  ): Promise<T> {
    if (options?.signal?.aborted === true) return Promise.reject(new QuorateError('CANCELED'));
    const asked = this.ask({ command, options }, answer);
    options?.signal?.addEventListener('abort', () => asked.abandon(), { once: true });
    return asked.answer;
  }

  /** For whoever takes it back by hand: that is much cheaper than a signal, of which nothing is looked at here. */
  ask<T>({ command, stamp, options }: Asking, answer: (applied: Applied) => Maybe<T>): Asked<T> {
    const deadline = this.deadline(options);
    let abandon = (): void => undefined;
    const promise = new Promise<T>((resolve, reject) => {
      const waiter: ProposalWaiter = {
        applied: (applied) =>
          settle(resolve, reject, () => {
            if (!applied.outcome.ok) throw errorOf(applied.outcome);
            return this.within(deadline, 'OUTCOME_UNKNOWN', answer(applied));
          }),
        failed: reject,
      };
      const proposal = this.#node.propose(command, deadline, waiter, stamp);
      abandon = () => proposal.abandon();
    });
    return { answer: promise, abandon };
  }

  /** `look` runs as soon as this member's state is as fresh as it must be. */
  read<T>(consistency: Consistency, options: RequestOptions | undefined, look: () => Maybe<T>): Promise<T> {
    const deadline = this.deadline(options);
    return new Promise((resolve, reject) => {
      const ready = (): void => settle(resolve, reject, () => this.within(deadline, 'TIMEOUT', look()));
      const revision = consistency.kind === 'session' ? consistency.seenRevision : undefined;
      if (this.#isFresh(consistency)) ready();
      else this.#node.read({ deadline, ready, failed: reject }, revision);
    });
  }

  #isFresh(consistency: Consistency): boolean {
    const node = this.#node;
    if (!node.isServing) return false;
    switch (consistency.kind) {
      case 'linearizable':
        return false;
      case 'serializable':
        return true;
      case 'session':
        return node.machine.revision >= consistency.seenRevision;
      case 'maxStaleness':
        return this.#clock.now() - node.freshAt <= consistency.ms;
    }
  }

  /**
   * An answer that takes slices or a look at the disk has the same deadline as the decision before it. `late` is what to
   * say when it does not come, and for a write (OUTCOME_UNKNOWN) whatever else keeps the answer away: it has happened.
   */
  within<T>(deadline: number, late: 'TIMEOUT' | 'OUTCOME_UNKNOWN', answer: Maybe<T>): Maybe<T> {
    if (!(answer instanceof Promise)) return answer;
    return new Promise<T>((resolve, reject) => {
      const refuse = (detail: string, cause?: unknown): void => reject(new QuorateError(late, detail, { cause }));
      const wait = Math.max(0, deadline - this.#clock.now());
      const timer = this.#clock.setTimer(() => refuse('not answered in time'), wait);
      const failed = (error: unknown): void => {
        // Neither a refusal nor the closed store of a member that stops: a bug or a broken disk, told as it is.
        if (!(error instanceof QuorateError) && this.#node.isServing) reject(error);
        else if (late === 'OUTCOME_UNKNOWN') refuse('done, but the answer cannot be told', error);
        else reject(error instanceof QuorateError ? error : new QuorateError('STOPPED', '', { cause: error }));
      };
      void answer.then(resolve, failed).then(() => timer.cancel());
    });
  }
}

export function resultOf<K extends CommandResult['kind']>(
  applied: Applied,
  kind: K,
): Extract<CommandResult, { kind: K }> {
  const { outcome } = applied;
  if (outcome.ok && isKind(outcome.result, kind)) return outcome.result;
  throw new InvariantError('a result of another kind than the command', { kind });
}

function isKind<K extends CommandResult['kind']>(
  result: CommandResult,
  kind: K,
): result is Extract<CommandResult, { kind: K }> {
  return result.kind === kind;
}

/** A refusal is an answer; whatever else is thrown is a bug, which stops the node: nobody must wait for it in vain. */
function settle<T>(
  resolve: (value: Maybe<T>) => void,
  reject: (error: QuorateError) => void,
  work: () => Maybe<T>,
): void {
  try {
    resolve(work());
  } catch (error) {
    if (error instanceof QuorateError) {
      reject(error);
      return;
    }
    reject(new QuorateError('OUTCOME_UNKNOWN', 'the member stops'));
    throw error;
  }
}

export function errorOf(refusal: Extract<Outcome, { ok: false }>): QuorateError {
  return new QuorateError(refusal.code, refusal.detail);
}
