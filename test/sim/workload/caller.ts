/**
 * Makes calls on behalf of all clients of a run and records each with its outcome. A call that has no answer when its
 * client's patience ends is of unknown outcome, and the client goes on; what the member says later changes nothing.
 */
import { createDeferred } from '../../../server/lib/deferred.js';
import type { Call, Operation, Outcome } from '../../checkers/operation.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import { describeCall, describeOutcome } from './describe-call.js';
import type { Findings } from './findings.js';
import { type Known, MemberLives } from './member-lives.js';
import { rejectionOf } from './outcome-codes.js';
import { type Received, send, WrongShape } from './request.js';
import type { Sightings } from './sightings.js';
import type { Tally } from './tally.js';

export interface Asking {
  readonly client: number;
  readonly target: Target;
  readonly call: Call;
  readonly patienceMs: number;
  /** What the member is told of how long it may take. */
  readonly deadlineMs?: number | undefined;
  /** When the client takes the call back; 0: it does so before it begins. */
  readonly takenBackAfterMs?: number | undefined;
  /** Whether a client that gives up says so to the member. */
  readonly saysWhenGivingUp?: boolean;
  readonly isPhysical?: boolean;
}

export interface CallerParts {
  readonly ports: WorkloadPorts;
  readonly findings: Findings;
  readonly tally: Tally;
  readonly sightings: Sightings;
  /** Sees each answer that came in time. */
  readonly onAnswer: (operation: Operation) => void;
}

interface Open {
  readonly asking: Asking;
  readonly startMs: number;
  readonly known: Known;
  readonly isTakenBack: () => boolean;
  readonly settle: (outcome: Outcome) => void;
  isSettled: boolean;
  /** By the member. */
  settlements: number;
}

export class Caller {
  /** In the order in which the calls ended. */
  readonly history: Operation[] = [];
  readonly #parts: CallerParts;
  readonly #lives = new MemberLives();
  #begun = 0;
  #idle = createDeferred<void>();

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  get openCalls(): number {
    return this.#begun - this.history.length;
  }

  /** Resolves as soon as no call is open. */
  async untilIdle(): Promise<void> {
    while (this.openCalls > 0) await this.#idle.promise;
  }

  /** Resolves, at the latest when patience ends, with what was recorded. */
  ask(asking: Asking): Promise<Operation> {
    const { ports, tally } = this.#parts;
    const { client, target, call, patienceMs, takenBackAfterMs, saysWhenGivingUp = false } = asking;
    ports.trace(`c${client} ${describeCall(call)} at m${target.id}`);
    this.#begun += 1;
    // Most calls are never taken back, and a signal has its price.
    const controller = takenBackAfterMs === undefined && !saysWhenGivingUp ? undefined : new AbortController();
    const done = createDeferred<Operation>();
    const patience = ports.clock.setTimer(() => {
      open.settle({ kind: 'unknown', code: 'TIMED_OUT_HERE' });
      if (saysWhenGivingUp) controller?.abort();
    }, patienceMs);
    const open: Open = {
      asking,
      startMs: ports.clock.now(),
      known: this.#lives.known(target),
      isTakenBack: () => controller?.signal.aborted === true,
      settle: (outcome) => {
        open.isSettled = true;
        patience.cancel();
        done.resolve(this.#record(open, outcome));
      },
      isSettled: false,
      settlements: 0,
    };
    if (takenBackAfterMs === 0) controller?.abort();
    else if (takenBackAfterMs !== undefined) ports.clock.setTimer(() => controller?.abort(), takenBackAfterMs);
    if (takenBackAfterMs !== undefined) tally.add('calls taken back');
    this.#send(open, controller?.signal);
    return done.promise;
  }

  #send(open: Open, signal: AbortSignal | undefined): void {
    const { target, call, deadlineMs, isPhysical = false } = open.asking;
    const options = {
      isPhysical,
      ...(deadlineMs === undefined ? {} : { deadline: open.startMs + deadlineMs }),
      ...(signal === undefined ? {} : { signal }),
    };
    try {
      send(
        target.kv,
        call,
        options,
        (read) => this.#answered(open, () => this.#receive(open, read)),
        (error) => this.#answered(open, () => this.#reject(open, error)),
      );
    } catch (error) {
      this.#complain(open, `threw ${String(error)} instead of rejecting`);
      if (!open.isSettled) open.settle({ kind: 'unknown', code: 'THREW' });
    }
  }

  #answered(open: Open, outcomeOf: () => Outcome): void {
    open.settlements += 1;
    if (open.settlements > 1) {
      this.#complain(open, 'settled twice');
      return;
    }
    const outcome = outcomeOf();
    if (!open.isSettled) {
      open.settle(outcome);
      return;
    }
    const { ports, tally } = this.#parts;
    if (ports.targets().some(({ kv }) => kv === open.asking.target.kv)) tally.add('late answers');
  }

  #receive(open: Open, read: () => Received): Outcome {
    const { target } = open.asking;
    try {
      const { header, answer } = read();
      for (const complaint of this.#lives.check(target, open.known, header)) this.#complain(open, complaint);
      return { kind: 'ok', revision: header.revision, answer };
    } catch (error) {
      this.#complain(
        open,
        error instanceof WrongShape ? error.message : `an answer that cannot be read: ${String(error)}`,
      );
      return { kind: 'unknown', code: 'WRONG_SHAPE' };
    }
  }

  #reject(open: Open, error: unknown): Outcome {
    const { outcome, complaint } = rejectionOf(open.asking.call, error);
    if (complaint !== undefined) this.#complain(open, complaint);
    else if (outcome.kind === 'failed' && outcome.code === 'CANCELED' && !open.isTakenBack()) {
      this.#complain(open, 'canceled, though nobody took it back');
    }
    return outcome;
  }

  #record({ asking, startMs }: Open, outcome: Outcome): Operation {
    const { ports, sightings, onAnswer } = this.#parts;
    const { client, target, call } = asking;
    const operation = { client, member: `m${target.id}`, call, outcome, startMs, endMs: ports.clock.now() };
    ports.trace(`c${client} ${describeOutcome(outcome)}`);
    this.history.push(operation);
    this.#count(call, outcome);
    sightings.learn(call, outcome);
    if (outcome.kind === 'ok') onAnswer(operation);
    if (this.openCalls === 0) {
      this.#idle.resolve();
      this.#idle = createDeferred();
    }
    return operation;
  }

  #count(call: Call, outcome: Outcome): void {
    const { tally } = this.#parts;
    tally.add(`${nameOf(call)} ${outcome.kind}`);
    if (outcome.kind !== 'ok') tally.add(`code ${outcome.code}`);
    else if (call.kind === 'range') tally.add('reads');
    else if (call.kind === 'compact') tally.add('compactions');
  }

  #complain({ asking: { client, target, call } }: Open, complaint: string): void {
    const message = `c${client} ${describeCall(call)} at m${target.id}: ${complaint}`;
    this.#parts.findings.add('client', message);
    this.#parts.ports.trace(`violation: ${message}`);
  }
}

function nameOf(call: Call): string {
  if (call.kind !== 'range') return call.kind;
  return call.revision > 0 ? 'old read' : `${call.read} read`;
}
