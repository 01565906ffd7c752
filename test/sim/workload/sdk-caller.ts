/**
 * Makes calls through clients of the SDK and records each with its outcome, in the words of every other history. What the
 * SDK says is taken at its word: how the log and the reads of others bear it out is judged at the end.
 */
import type { Client } from '../../../client/api/client.js';
import { isQuorateError, type QuorateError } from '../../../client/core/quorate-error.js';
import type { Consistency } from '../../../client/wire/request.js';
import { createDeferred, type Deferred } from '../../../server/lib/deferred.js';
import type { Call, Operation, Outcome } from '../../checkers/operation.js';
import type { WorkloadPorts } from '../workload-ports.js';
import { describeCall, describeOutcome } from './describe-call.js';
import type { Findings } from './findings.js';
import { isRead } from './outcome-codes.js';
import { callSdk, type SdkAnswer } from './sdk-call.js';
import type { Sightings } from './sightings.js';
import type { Tally } from './tally.js';
import { ToldOutcomes } from './told-outcomes.js';

/** One client of the SDK, from its connecting to its end, and what it has seen. */
export interface SdkLife {
  readonly name: string;
  readonly client: Client;
  /** The highest revision in any answer. */
  seenRevision: number;
  isOver: boolean;
}

/** Those that a client of a simulation reads by. */
export type SdkConsistency = Extract<Consistency, string>;

export interface SdkAsking {
  readonly life: SdkLife;
  readonly client: number;
  readonly call: Call;
  readonly consistency: SdkConsistency;
  readonly timeoutMs: number;
  readonly canceledAfterMs?: number | undefined;
}

export interface SdkCallerParts {
  readonly ports: WorkloadPorts;
  readonly findings: Findings;
  readonly tally: Tally;
  readonly sightings: Sightings;
  readonly onAnswer: (operation: Operation) => void;
}

interface Open {
  readonly asking: SdkAsking;
  readonly startMs: number;
  readonly floor: number;
  readonly seenBefore: number;
  readonly done: Deferred<Operation>;
}

/** What a client may be told of a call that made sense. */
const HONEST_CODES: ReadonlySet<string> = new Set([
  'DEADLINE_EXCEEDED',
  'CANCELED',
  'SESSION_EXPIRED',
  'REPLY_TOO_OLD',
  'COMPACTED',
]);

export class SdkCaller {
  /** In the order in which the calls ended. */
  readonly history: Operation[] = [];
  readonly told = new ToldOutcomes();
  readonly #parts: SdkCallerParts;
  readonly #open = new Set<Open>();
  #idle = createDeferred<void>();

  constructor(parts: SdkCallerParts) {
    this.#parts = parts;
  }

  async untilIdle(): Promise<void> {
    while (this.#open.size > 0) await this.#idle.promise;
  }

  ask(asking: SdkAsking): Promise<Operation> {
    const { ports, tally } = this.#parts;
    const { life, client, call, consistency, timeoutMs, canceledAfterMs } = asking;
    ports.trace(`c${client} of ${life.name} ${describeCall(call)} ${JSON.stringify(consistency)}`);
    const controller = canceledAfterMs === undefined ? undefined : new AbortController();
    if (canceledAfterMs !== undefined) {
      ports.clock.setTimer(() => controller?.abort(), canceledAfterMs);
      tally.add('sdk calls canceled');
    }
    const open: Open = {
      asking,
      startMs: ports.clock.now(),
      floor: ports.answers.floor,
      seenBefore: life.seenRevision,
      done: createDeferred(),
    };
    this.#open.add(open);
    callSdk(life.client, call, { consistency, timeout: timeoutMs, signal: controller?.signal }).then(
      (answer) => this.#answered(open, answer),
      (error: unknown) => this.#rejected(open, error),
    );
    return open.done.promise;
  }

  /** The process of a client is gone: nobody will ever be told. */
  died(life: SdkLife): void {
    for (const open of [...this.#open]) {
      if (open.asking.life !== life) continue;
      this.#tell(open, 'unknown', 'DIED');
      this.#settle(open, { kind: 'unknown', code: 'DIED' });
    }
  }

  #answered(open: Open, { revision, answer }: SdkAnswer): void {
    if (!this.#open.has(open)) return;
    const { life, call, consistency } = open.asking;
    const isFresh = call.kind !== 'range' || consistency === 'linearizable';
    this.#parts.ports.answers.answered(0n, `${life.name}'s ${call.kind}`, revision, isFresh ? open.floor : undefined);
    if (consistency === 'session' && revision < open.seenBefore) {
      this.#complain(open, 'session-read', `revision ${revision}, after ${open.seenBefore} was seen`);
    }
    life.seenRevision = Math.max(life.seenRevision, revision);
    this.#tell(open, 'applied', 'OK');
    this.#settle(open, { kind: 'ok', revision, answer });
  }

  #rejected(open: Open, error: unknown): void {
    if (!this.#open.has(open)) return;
    if (!isQuorateError(error)) {
      this.#complain(open, 'sdk', `rejected with ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
      this.#settle(open, { kind: 'unknown', code: 'NO_QUORATE_ERROR' });
      return;
    }
    const complaint = complaintAbout(error, open.asking);
    if (complaint !== undefined) this.#complain(open, 'sdk', complaint);
    this.#tell(open, error.outcome, error.code);
    const isOver = error.outcome === 'notApplied';
    this.#settle(open, { kind: isOver ? 'failed' : 'unknown', code: error.code });
  }

  #tell({ asking }: Open, outcome: QuorateError['outcome'], code: string): void {
    const { life, client, call } = asking;
    if (!isRead(call)) this.told.add(`c${client} of ${life.name}`, call, outcome, code);
  }

  #settle(open: Open, outcome: Outcome): void {
    const { ports, sightings, onAnswer, tally } = this.#parts;
    const { life, client, call, consistency } = open.asking;
    this.#open.delete(open);
    const { startMs } = open;
    const operation = { client, member: life.name, call, outcome, startMs, endMs: ports.clock.now() };
    ports.trace(`c${client} of ${life.name} ${describeOutcome(outcome)}`);
    this.history.push(operation);
    tally.add(`sdk ${call.kind === 'range' ? `${consistency} read` : call.kind} ${outcome.kind}`);
    if (outcome.kind !== 'ok') tally.add(`sdk code ${outcome.code}`);
    sightings.learn(call, outcome);
    if (outcome.kind === 'ok') onAnswer(operation);
    open.done.resolve(operation);
    if (this.#open.size > 0) return;
    this.#idle.resolve();
    this.#idle = createDeferred();
  }

  #complain({ asking: { life, client, call } }: Open, checker: string, complaint: string): void {
    this.#parts.findings.add(checker, `c${client} of ${life.name} ${describeCall(call)}: ${complaint}`);
  }
}

function complaintAbout({ code, outcome, message }: QuorateError, { life, call }: SdkAsking): string | undefined {
  const isHonest = HONEST_CODES.has(code) || (code === 'CLOSED' && life.isOver);
  if (!isHonest) return `rejected with ${message}`;
  return isRead(call) && outcome !== 'notApplied' ? `a read is told to be ${outcome}` : undefined;
}
