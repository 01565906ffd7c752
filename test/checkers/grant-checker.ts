/**
 * What clients were told of grants, against the lives that the log tells of. What was told must have been so at some moment
 * up to the answer; what was told not to have happened must have left nothing; and observers see each name as it was at the
 * version that they are told of, the versions only rise.
 */
import {
  describeGrantOperation,
  describeQueue,
  type GrantAnswer,
  type GrantCall,
  type GrantOperation,
  type ToldQueue,
} from './grant-operation.js';
import type { GrantLife } from './grant-spec.js';

export interface GrantHistory {
  readonly operations: readonly GrantOperation[];
  readonly lives: Iterable<GrantLife>;
  stateAt(name: string, change: number): ToldQueue;
  /** The revision at which the value was written; undefined: it never was. */
  revisionOf(value: string): number | undefined;
}

export interface GrantViolation {
  readonly checker: 'grant-answers' | 'grant-observed';
  readonly message: string;
}

/** Nothing when all is well. */
export function checkGrants(history: GrantHistory): readonly GrantViolation[] {
  const told = new Told(history);
  return history.operations.flatMap((operation) => {
    const complaint = told.complaintAbout(operation);
    if (complaint === undefined) return [];
    const { kind } = operation.call;
    const checker = kind === 'describe' || kind === 'next' ? 'grant-observed' : 'grant-answers';
    return [{ checker, message: `${describeGrantOperation(operation)}: ${complaint}` } as const];
  });
}

type Answered<K extends GrantAnswer['kind']> = Extract<GrantAnswer, { kind: K }>;

class Told {
  readonly #history: GrantHistory;
  readonly #lives = new Map<string, GrantLife[]>();
  /** Attempts of which a call may have had an effect. */
  readonly #mayHaveHappened = new Set<string>();
  readonly #versions: { readonly endMs: number; readonly change: number }[];

  constructor(history: GrantHistory) {
    this.#history = history;
    for (const life of history.lives) {
      const lives = this.#lives.get(life.attempt) ?? [];
      this.#lives.set(life.attempt, lives);
      lives.push(life);
    }
    for (const { call, outcome } of history.operations) {
      // Who waited, and is told that it is lost, had a place.
      const isRefused = outcome.kind === 'failed' && outcome.code !== 'GRANT_NOT_FOUND';
      if (call.kind === 'acquire' && !isRefused) this.#mayHaveHappened.add(call.wish.attempt);
    }
    let change = 0;
    this.#versions = [...history.operations]
      .sort((a, b) => a.endMs - b.endMs)
      .map(({ endMs, outcome }) => {
        change = Math.max(change, outcome.kind === 'ok' ? versionOf(outcome.answer) : 0);
        return { endMs, change };
      });
  }

  complaintAbout({ call, outcome, startMs, endMs }: GrantOperation): string | undefined {
    if (outcome.kind === 'unknown') return undefined;
    if (outcome.kind === 'failed') return this.#failed(call, outcome.code, endMs);
    const { answer } = outcome;
    switch (answer.kind) {
      case 'acquire':
        return call.kind === 'acquire' ? this.#acquired(call, answer, endMs) : 'another answer';
      case 'granted':
        return call.kind === 'granted' ? this.#granted(call, answer, endMs) : 'another answer';
      case 'release':
        return call.kind === 'release'
          ? this.#released(call.attempt, answer.released, startMs, endMs)
          : 'another answer';
      case 'describe':
        return this.#described(answer.queues, startMs);
      case 'next':
        return call.kind === 'next' ? this.#observed(call, answer.queue) : 'another answer';
      case 'guarded':
        return call.kind === 'guarded'
          ? this.#written(call.value, answer.succeeded ? answer.revision : undefined)
          : 'another answer';
      case 'fenced':
        return call.kind === 'fenced' ? this.#written(call.value, answer.revision) : 'another answer';
      default:
        return undefined;
    }
  }

  #failed(call: GrantCall, code: string, endMs: number): string | undefined {
    if (call.kind === 'acquire' && code !== 'GRANT_NOT_FOUND') {
      const { attempt } = call.wish;
      const lives = this.#lives.get(attempt) ?? [];
      return lives.length > 0 && !this.#mayHaveHappened.has(attempt) ? 'it stood in the log' : undefined;
    }
    if ((call.kind === 'granted' || call.kind === 'acquire') && code === 'GRANT_NOT_FOUND') {
      const { attempt } = call.kind === 'granted' ? call : call.wish;
      const isOver = (this.#lives.get(attempt) ?? []).some(({ endedMs }) => endedMs !== undefined && endedMs <= endMs);
      return isOver ? undefined : 'it was not over';
    }
    return call.kind === 'guarded' || call.kind === 'fenced' ? this.#written(call.value, undefined) : undefined;
  }

  #acquired(
    { wish, mayWait, waitsThere }: Extract<GrantCall, { kind: 'acquire' }>,
    answer: Answered<'acquire'>,
    endMs: number,
  ): string | undefined {
    const { place, token, slots } = answer;
    if (place === 0) return mayWait || token > 0 ? 'no place, and it may wait' : undefined;
    const life = this.#lives.get(wish.attempt)?.find((one) => one.place === place);
    if (life === undefined || life.begunMs > endMs) return 'it did not stand there';
    if (waitsThere && token === 0) return 'neither granted nor refused';
    return token === 0 ? undefined : tokenComplaint(life, token, slots, endMs);
  }

  #granted(
    { attempt, change }: Extract<GrantCall, { kind: 'granted' }>,
    answer: Answered<'granted'>,
    endMs: number,
  ): string | undefined {
    const { token, slots } = answer;
    if (token === 0) return undefined;
    if (answer.change < change) return `told of version ${answer.change}`;
    const life = this.#lives.get(attempt)?.find((one) => one.token === token);
    return life === undefined ? 'it was never granted that' : tokenComplaint(life, token, slots, endMs);
  }

  #released(attempt: string, released: boolean, startMs: number, endMs: number): string | undefined {
    const lives = this.#lives.get(attempt) ?? [];
    if (released) {
      const isSo = lives.some(
        ({ end, endedMs = Infinity }) => end === 'released' && endedMs >= startMs && endedMs <= endMs,
      );
      return isSo ? undefined : 'it was not released then';
    }
    const isThere = lives.some(({ begunMs, endedMs = Infinity }) => begunMs < startMs && endedMs > endMs);
    return isThere ? 'it was there all the time' : undefined;
  }

  #described(queues: readonly ToldQueue[], startMs: number): string | undefined {
    const floor = this.#versions.findLast(({ endMs }) => endMs < startMs)?.change ?? 0;
    for (const queue of queues) {
      if (queue.change < floor) return `told of version ${queue.change}, and ${floor} was told before it was asked`;
      const complaint = this.#stateComplaint(queue);
      if (complaint !== undefined) return complaint;
    }
    return undefined;
  }

  #observed({ change }: Extract<GrantCall, { kind: 'next' }>, queue: ToldQueue): string | undefined {
    return queue.change <= change ? `version ${queue.change} is no newer` : this.#stateComplaint(queue);
  }

  #stateComplaint(queue: ToldQueue): string | undefined {
    const should = describeQueue({ ...this.#history.stateAt(queue.name, queue.change), change: queue.change });
    return describeQueue(queue) === should ? undefined : `it was ${should}`;
  }

  #written(value: string, told: number | undefined): string | undefined {
    const revision = this.#history.revisionOf(value);
    return revision === told ? undefined : `it was written at revision ${revision ?? 'none'}`;
  }
}

function tokenComplaint(
  { token, slots, grantedMs = Infinity }: GrantLife,
  told: number,
  toldSlots: readonly number[],
  endMs: number,
): string | undefined {
  if (token !== told) return `its token is ${token}`;
  if (slots.join() !== toldSlots.join()) return `its slots are [${slots.join()}]`;
  return grantedMs > endMs ? 'it was not granted yet' : undefined;
}

function versionOf(answer: GrantAnswer): number {
  if (answer.kind === 'acquire' || answer.kind === 'granted') return answer.change;
  if (answer.kind === 'next') return answer.queue.change;
  return answer.kind === 'describe' ? Math.max(0, ...answer.queues.map(({ change }) => change)) : 0;
}
