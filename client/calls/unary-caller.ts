/**
 * Requests one by one, as etcd's members take them. Nobody there knows a request from its repetition: so a write is sent
 * again only while every attempt before has surely come to nothing.
 */
import { backoffMs } from '../core/backoff.js';
import type { ErrorCode } from '../core/error-code.js';
import type { MemberRotation } from '../core/member-rotation.js';
import { outcomeAfter } from '../core/outcome.js';
import { QuorateError } from '../core/quorate-error.js';
import { RetryBudget } from '../core/retry-budget.js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { CallStatus, Connection, Metadata } from '../transport/transport.js';
import { AnswerReader } from '../wire/answer-reader.js';
import { MalformedMessage } from '../wire/byte-reader.js';
import { isSessionOnly, type Request, type RequestKind, type SessionOnlyKind } from '../wire/request.js';
import { faultOf } from './call-faults.js';
import type { Caller, CallerEvent, CallerStats, CallOptions } from './caller.js';
import { Deadlines } from './deadlines.js';
import { PendingCall } from './pending-call.js';

const methods: Readonly<Record<Exclude<RequestKind, SessionOnlyKind>, string>> = {
  range: '/etcdserverpb.KV/Range',
  put: '/etcdserverpb.KV/Put',
  deleteRange: '/etcdserverpb.KV/DeleteRange',
  txn: '/etcdserverpb.KV/Txn',
  compact: '/etcdserverpb.KV/Compact',
  leaseGrant: '/etcdserverpb.Lease/LeaseGrant',
  leaseRevoke: '/etcdserverpb.Lease/LeaseRevoke',
  leaseTimeToLive: '/etcdserverpb.Lease/LeaseTimeToLive',
};

const WAITING_MAX = 65_536;
/** A read that one member does not answer for so long is asked of the next. */
const READ_ATTEMPT_MS = 2_000;

/** Where tokens come from. */
export interface Tokens {
  metadata(): Metadata;
  /** The one that was used is no good any more. Rejects with QuorateError. */
  refresh(): Promise<void>;
}

export interface UnaryCallerOptions {
  readonly rotation: MemberRotation;
  readonly connectionTo: (address: string) => Connection;
  readonly tokens: Tokens;
  readonly namespaceLength: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly stats: CallerStats;
  readonly onEvent: (event: CallerEvent) => void;
}

/** A call, and what is under way for it. */
class UnaryCall extends PendingCall {
  readonly method: string;
  /** Gives the present attempt up. Undefined: none is under way. */
  cancel: (() => void) | undefined;
  timer: Timer | undefined;
  /** Attempts that came to nothing, also those that were never sent. */
  failures = 0;
  /** Why it is being given up: what can be said of the outcome is known once the attempt has ended. */
  ending: { readonly code: ErrorCode; readonly detail: string; readonly cause: unknown } | undefined;
  isOver = false;

  constructor(request: Request<unknown>, resolve: (answer: unknown) => void, reject: (error: QuorateError) => void) {
    super(request, undefined, resolve, reject);
    this.method = isSessionOnly(request.kind) ? '' : methods[request.kind];
  }
}

export class UnaryCaller implements Caller {
  readonly #options: UnaryCallerOptions;
  readonly #clock: Clock;
  readonly #stats: CallerStats;
  readonly #deadlines: Deadlines<UnaryCall>;
  readonly #budget = new RetryBudget();
  readonly #calls = new Set<UnaryCall>();
  #isClosing = false;
  #onIdle: (() => void) | undefined;

  constructor(options: UnaryCallerOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#stats = options.stats;
    this.#deadlines = new Deadlines(options.clock, (call) => this.#expire(call));
  }

  call<Answer>(request: Request<Answer>, { signal, timeout = this.#options.timeoutMs }: CallOptions): Promise<Answer> {
    if (this.#isClosing) return Promise.reject(new QuorateError('CLOSED'));
    if (signal?.aborted === true) {
      return Promise.reject(new QuorateError('CANCELED', { outcome: 'notApplied', cause: signal.reason }));
    }
    if (isSessionOnly(request.kind)) {
      return Promise.reject(new QuorateError('UNSUPPORTED', { detail: 'grants need members that keep sessions' }));
    }
    if (this.#calls.size >= WAITING_MAX) {
      return Promise.reject(
        new QuorateError('TOO_MANY_WAITING', { detail: `at most ${WAITING_MAX} calls wait at a time` }),
      );
    }
    this.#budget.deposit();
    return new Promise((resolve, reject) => {
      const call = new UnaryCall(request, resolve as (answer: unknown) => void, reject);
      call.deadlineAt = this.#clock.now() + timeout;
      if (signal !== undefined) call.watch(signal, () => this.#giveUp(call, 'CANCELED', '', signal.reason));
      this.#calls.add(call);
      this.#deadlines.add(call);
      this.#attempt(call);
    });
  }

  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    if (this.#calls.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.setTimer(resolve, timeoutMs);
        this.#onIdle = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    for (const call of this.#calls) this.#giveUp(call, 'CLOSED', 'the client was closed first');
    this.#deadlines.stop();
  }

  /** Counts as of now. */
  count(): void {
    this.#stats.inFlight = this.#calls.size;
    this.#stats.waiting = 0;
  }

  #attempt(call: UnaryCall): void {
    if (call.isOver) return;
    const { rotation, connectionTo, tokens, namespaceLength } = this.#options;
    const member = rotation.current;
    call.member = member;
    call.attempts += 1;
    this.#stats.sent += 1;
    this.#stats.frames += 1;
    if (call.attempts > 1) this.#stats.retries += 1;
    const remainingMs = Math.max(1, call.deadlineAt - this.#clock.now());
    const attemptMs = call.isWrite ? remainingMs : Math.min(remainingMs, READ_ATTEMPT_MS);
    const options = { timeoutMs: Math.min(attemptMs, 2 ** 31), metadata: tokens.metadata() };
    const cancel = connectionTo(member).unary(call.method, call.body, options, (status, answer) => {
      if (call.cancel !== cancel) return;
      call.cancel = undefined;
      if (call.isOver) return;
      if (status.name === 'OK' && answer !== undefined) this.#answered(call, new AnswerReader(answer, namespaceLength));
      else this.#failed(call, member, status);
    });
    call.cancel = cancel;
  }

  #answered(call: UnaryCall, reader: AnswerReader): void {
    let answer: unknown;
    try {
      answer = call.decode(reader);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      call.outcome = 'applied';
      return this.#reject(call, 'UNRECOGNIZED', error.message);
    }
    if (reader.revision > this.#stats.seenRevision) this.#stats.seenRevision = reader.revision;
    this.#over(call);
    call.resolve(answer);
  }

  #failed(call: UnaryCall, member: string, status: CallStatus): void {
    const fault = faultOf(status);
    const { ending } = call;
    if (ending !== undefined) {
      call.outcome = outcomeAfter(call.outcome, status.wasSent ? 'lost' : 'notSent');
      if (!status.wasSent) call.attempts -= 1;
      return this.#reject(call, ending.code, ending.detail, ending.cause);
    }
    call.outcome = outcomeAfter(call.outcome, fault.end);
    if (fault.end === 'notSent') call.attempts -= 1;
    call.failures += 1;
    if (fault.isOfMember) this.#options.rotation.failed(member);
    if (fault.code === 'INVALID_AUTH_TOKEN' && this.#mayRetry(call)) return this.#retryWithNewToken(call);
    const pauseMs = backoffMs(call.failures, this.#options.random);
    const isInTime = this.#clock.now() + pauseMs < call.deadlineAt;
    if (!fault.retryable || !isInTime || !this.#mayRetry(call)) return this.#reject(call, fault.code, fault.detail);
    this.#options.onEvent({ kind: 'retry', member, code: fault.code });
    call.timer = this.#clock.setTimer(() => this.#attempt(call), pauseMs);
  }

  /** What was never sent adds nothing to anybody's load. */
  #mayRetry(call: UnaryCall): boolean {
    if (call.isWrite && call.outcome !== 'notApplied') return false;
    return call.attempts === 0 || this.#budget.withdraw();
  }

  #retryWithNewToken(call: UnaryCall): void {
    this.#options.tokens.refresh().then(
      () => this.#attempt(call),
      (error: QuorateError) => {
        if (!call.isOver) this.#reject(call, error.code, error.detail);
      },
    );
  }

  #expire(call: UnaryCall): void {
    // Nothing came for all that time: the next call had better turn to somebody else.
    if (call.cancel !== undefined && call.member !== undefined) this.#options.rotation.failed(call.member);
    this.#giveUp(call, 'DEADLINE_EXCEEDED', '');
  }

  #giveUp(call: UnaryCall, code: ErrorCode, detail: string, cause?: unknown): void {
    if (call.cancel === undefined) return this.#reject(call, code, detail, cause);
    call.ending ??= { code, detail, cause };
    call.cancel();
  }

  #reject(call: UnaryCall, code: ErrorCode, detail: string, cause?: unknown): void {
    this.#over(call);
    call.reject(code, detail, cause);
  }

  #over(call: UnaryCall): void {
    call.isOver = true;
    call.timer?.cancel();
    this.#deadlines.remove(call);
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.#onIdle?.();
  }
}
