/**
 * Requests over a session: one stream to one member at a time, everything of one tick in one frame, every write at most
 * once. Drives the ledger: frames out, replies in, streams opened and left, deadlines kept.
 */
import { backoffMs } from '../core/backoff.js';
import type { ErrorCode } from '../core/error-code.js';
import type { MemberRotation } from '../core/member-rotation.js';
import { QuorateError } from '../core/quorate-error.js';
import { type Refusal, SessionLedger } from '../core/session-ledger.js';
import { addressOf } from '../core/endpoints.js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import type { Random } from '../lib/random.js';
import type { Connection, Metadata } from '../transport/transport.js';
import { MalformedMessage } from '../wire/byte-reader.js';
import type { AnswerReader } from '../wire/answer-reader.js';
import { cancelRequest, type FramedRequest, requestFields, requestsFrame } from '../wire/client-frames.js';
import type { Request } from '../wire/request.js';
import {
  eachReply,
  FAILURE_FIELD,
  type Leadership,
  readFailure,
  VOID_FIELD,
  type Welcome,
} from '../wire/server-frames.js';
import { codeOfFailure } from './call-faults.js';
import type { Caller, CallerEvent, CallerStats, CallOptions } from './caller.js';
import { Deadlines } from './deadlines.js';
import { Exchange, type ExchangeEnd, reasonOf } from './exchange.js';
import { freshnessOf, isLocalRead } from './freshness.js';
import { LeaderPatience } from './leader-patience.js';
import { type Opening, openingOf } from './opening.js';
import { PendingCall } from './pending-call.js';
import { ReadLines } from './read-lines.js';

/** Members accept 2 MiB in a message; a single request may be larger than this, and then it goes alone. */
const FRAME_BYTES_MAX = 512 * 1024;
const WAITING_MAX = 65_536;
const NOTHING = Buffer.alloc(0);
/** How long a stream to another member than the leader may take to finish what it has, once the leader's is open. */
const DRAIN_MS = 1_000;

export interface SessionCallerOptions {
  readonly rotation: MemberRotation;
  readonly connectionTo: (address: string) => Connection;
  readonly metadata: () => Metadata;
  readonly clientName: string;
  readonly namespaceLength: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly stats: CallerStats;
  readonly onEvent: (event: CallerEvent) => void;
}

export class SessionCaller implements Caller {
  readonly #options: SessionCallerOptions;
  readonly #clock: Clock;
  readonly #stats: CallerStats;
  readonly #ledger: SessionLedger<PendingCall>;
  readonly #deadlines: Deadlines<PendingCall>;
  readonly #readLines: ReadLines;
  readonly #patience: LeaderPatience;
  #sessionId = 0n;
  #sessionTtlMs = Infinity;
  /** The stream in use. Undefined: none is open. */
  #current: { readonly exchange: Exchange; readonly member: string } | undefined;
  /** A stream that is being opened, to be used once the member says welcome. */
  #opening: { readonly exchange: Exchange; readonly member: string } | undefined;
  /** The leader's stream is open, and takes over when the current one owes nothing any more. */
  #successor: { readonly member: string; readonly welcome: Welcome; readonly exchange: Exchange } | undefined;
  #drainTimer: Timer | undefined;
  #failures = 0;
  #connectTimer: Timer | undefined;
  #holdTimer: Timer | undefined;
  #keepTimer: Timer | undefined;
  #wroteAt = 0;
  #isFlushDue = false;
  #isSending = false;
  #isClosing = false;
  #isClosed = false;
  #term = 0;
  #leaderId = 0n;
  #waiting = 0;
  #onIdle: (() => void) | undefined;
  #onOpening: { readonly resolve: (opening: Opening) => void; readonly reject: (error: Error) => void } | undefined;

  constructor(options: SessionCallerOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#stats = options.stats;
    this.#ledger = new SessionLedger(options.random);
    this.#deadlines = new Deadlines(options.clock, (call) =>
      this.#giveUp(call, 'DEADLINE_EXCEEDED', this.#current === undefined ? 'no member could be reached' : ''),
    );
    this.#readLines = this.#createReadLines();
    this.#patience = new LeaderPatience(options.clock, () => this.#leaveLeaderless());
  }

  /** Reads that any member may answer, on their way to others than the main one. */
  #createReadLines(): ReadLines {
    const { rotation, connectionTo, metadata, clock } = this.#options;
    return new ReadLines({
      addresses: rotation.addresses,
      clock,
      optionsFor: (member) => ({
        ...this.#options,
        member,
        connection: connectionTo(member),
        metadata: metadata(),
        sessionId: this.#sessionId,
      }),
      hooks: {
        onAnswer: (call, reader) => this.#answer(call, reader),
        onRefusal: (call, refusal) => {
          const { code, detail } = codeOfFailure(refusal);
          this.#reject(call, code, detail);
        },
        onReturned: (call) => {
          call.place = 'fresh';
          this.#submit(call);
        },
      },
    });
  }

  /** Turns to the members until one answers. Rejects when the time is over first. */
  start(timeoutMs: number): Promise<Opening> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => {
        this.#onOpening = undefined;
        this.#end();
        reject(new QuorateError('UNAVAILABLE', { outcome: 'notApplied', detail: 'no member answered in time' }));
      }, timeoutMs);
      this.#onOpening = {
        resolve: (opening) => {
          timer.cancel();
          this.#onOpening = undefined;
          resolve(opening);
        },
        reject: (error) => {
          timer.cancel();
          this.#onOpening = undefined;
          this.#end();
          reject(error);
        },
      };
      this.#connect(this.#options.rotation.current);
    });
  }

  call<Answer>(request: Request<Answer>, { signal, timeout = this.#options.timeoutMs }: CallOptions): Promise<Answer> {
    if (this.#isClosing) return Promise.reject(new QuorateError('CLOSED'));
    if (signal?.aborted === true) {
      return Promise.reject(new QuorateError('CANCELED', { outcome: 'notApplied', cause: signal.reason }));
    }
    if (this.#waiting >= WAITING_MAX) {
      return Promise.reject(
        new QuorateError('TOO_MANY_WAITING', { detail: `at most ${WAITING_MAX} calls wait at a time` }),
      );
    }
    return new Promise((resolve, reject) => {
      const freshness = freshnessOf(request, this.#stats.seenRevision);
      const call = new PendingCall(request, freshness, resolve as (answer: unknown) => void, reject);
      call.deadlineAt = this.#clock.now() + timeout;
      if (signal !== undefined) call.watch(signal, () => this.#giveUp(call, 'CANCELED', '', signal.reason));
      this.#waiting += 1;
      this.#deadlines.add(call);
      const main = this.#current?.member;
      if (main !== undefined && isLocalRead(request, this.#stats.seenRevision) && this.#readLines.take(call, main))
        return;
      this.#submit(call);
    });
  }

  #submit(call: PendingCall): void {
    call.giveUp = () => this.#ledger.giveUp(call);
    this.#ledger.submit(call);
    this.#flushSoon();
  }

  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    if (this.#waiting > 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.setTimer(resolve, timeoutMs);
        this.#onIdle = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.#end();
  }

  /** Counts as of now. */
  count(): void {
    this.#stats.inFlight = this.#ledger.inFlightCount;
    this.#stats.waiting = this.#ledger.waitingCount;
  }

  /** Ends everything; whoever still waits is told so. */
  #end(): void {
    if (this.#isClosed) return;
    this.#isClosing = true;
    this.#isClosed = true;
    for (const timer of [this.#connectTimer, this.#holdTimer, this.#keepTimer, this.#drainTimer]) timer?.cancel();
    this.#patience.stop();
    this.#deadlines.stop();
    this.#readLines.close();
    this.#leaveStreams();
    for (const call of this.#ledger.everything()) this.#giveUp(call, 'CLOSED', 'the client was closed first');
  }

  #connect(member: string): void {
    if (this.#isClosed) return;
    const { connectionTo, metadata, clientName } = this.#options;
    const options = {
      connection: connectionTo(member),
      metadata: metadata(),
      sessionId: this.#sessionId,
      clientName,
      clock: this.#clock,
    };
    const exchange: Exchange = new Exchange(options, {
      onWelcome: (welcome) => this.#onWelcome(exchange, member, welcome),
      onReplies: (bytes) => this.#onReplies(bytes),
      onLeadership: (leadership) => this.#onLeadership(member, leadership),
      onEnd: (end) => this.#onEnd(exchange, member, end),
      isOwed: () => this.#ledger.inFlightCount > 0,
    });
    this.#opening = { exchange, member };
  }

  #onWelcome(exchange: Exchange, member: string, welcome: Welcome): void {
    this.#opening = undefined;
    if (this.#current === undefined) return this.#use(exchange, member, welcome);
    // The present stream goes on until it has answered what it has, so that nothing is in doubt for the move's sake.
    this.#successor = { exchange, member, welcome };
    this.#drainTimer = this.#clock.setTimer(() => this.#succeed(), DRAIN_MS);
    if (this.#ledger.inFlightCount === 0) this.#succeed();
  }

  #succeed(): void {
    const { current, successor } = { current: this.#current, successor: this.#successor };
    if (successor === undefined) return;
    this.#drainTimer?.cancel();
    this.#successor = undefined;
    current?.exchange.leave();
    this.#ledger.streamLost();
    this.#use(successor.exchange, successor.member, successor.welcome);
  }

  #use(exchange: Exchange, member: string, welcome: Welcome): void {
    const isNew = this.#sessionId !== welcome.sessionId;
    this.#sessionId = welcome.sessionId;
    this.#sessionTtlMs = welcome.sessionTtlMs;
    if (isNew) this.#ledger.begin(welcome);
    else this.#ledger.resume(welcome);
    this.#current = { exchange, member };
    this.#isSending = false;
    this.#options.logger.debug('connected', { member, sessionId: welcome.sessionId });
    this.#options.onEvent({ kind: 'connected', member });
    this.#onOpening?.resolve('session');
    this.#keepSession();
    this.#onLeadership(member, welcome.leadership);
    this.#flush();
  }

  #onEnd(exchange: Exchange, member: string, end: ExchangeEnd): void {
    const { rotation, logger, onEvent } = this.#options;
    rotation.failed(member);
    if (this.#opening?.exchange === exchange) this.#opening = undefined;
    if (this.#successor?.exchange === exchange) {
      this.#drainTimer?.cancel();
      this.#successor = undefined;
    }
    const wasCurrent = this.#current?.exchange === exchange;
    if (wasCurrent) {
      this.#current = undefined;
      this.#ledger.streamLost();
      this.#stats.reconnects += 1;
    }
    if (this.#decideOpening(end) || this.#isClosed) return;
    if (end.kind === 'goodbye' && end.refusal.code === 'SESSION_EXPIRED') this.#leaveSession();
    // The move to the leader came to nothing: things stay as they are.
    if (this.#current !== undefined) return;
    if (this.#successor !== undefined) return this.#succeed();
    if (this.#opening !== undefined) return;
    const reason = reasonOf(end);
    logger.debug('connection lost', { member, reason });
    onEvent({ kind: 'reconnecting', member, reason });
    this.#reconnect();
  }

  #reconnect(): void {
    this.#connectTimer?.cancel();
    const pauseMs = this.#failures === 0 ? 0 : backoffMs(this.#failures, this.#options.random);
    this.#failures += 1;
    this.#connectTimer = this.#clock.setTimer(() => this.#connect(this.#options.rotation.current), pauseMs);
  }

  /** While nobody has answered yet, some ends tell what the members are. */
  #decideOpening(end: ExchangeEnd): boolean {
    const found = this.#onOpening === undefined ? undefined : openingOf(end);
    if (found === undefined) return false;
    if (found instanceof QuorateError) this.#onOpening?.reject(found);
    else this.#onOpening?.resolve(found);
    return true;
  }

  #onLeadership(member: string, { leaderId, term, clientUrls }: Leadership): void {
    const leader = this.#options.rotation.prefer(clientUrls.map(addressOf));
    if (term > this.#term || (term === this.#term && leaderId !== this.#leaderId)) {
      this.#term = term;
      this.#leaderId = leaderId;
      this.#options.onEvent({ kind: 'leaderChanged', leader: leader ?? clientUrls[0], term });
    }
    if (this.#current?.member !== member) return;
    this.#patience.heard(leaderId !== 0n);
    if (leader !== undefined) this.#moveTo(leader);
  }

  #leaveLeaderless(): void {
    const { rotation } = this.#options;
    const member = this.#current?.member;
    if (member === undefined) return;
    rotation.failed(member);
    this.#moveTo(rotation.current);
  }

  /** The present stream is used until the other one is open. */
  #moveTo(member: string): void {
    const isMoving = this.#opening !== undefined || this.#successor !== undefined;
    if (member !== this.#current?.member && !isMoving) this.#connect(member);
  }

  /** The session is over: what was sent of it is in doubt for ever, and the rest goes on in the next one. */
  #expire(): void {
    this.#sessionId = 0n;
    this.#readLines.leaveAll();
    for (const call of this.#ledger.expired()) {
      call.outcome = 'unknown';
      this.#reject(call, 'SESSION_EXPIRED', '');
    }
    this.#options.onEvent({ kind: 'sessionExpired' });
  }

  /** A session lives by its writes. */
  #keepSession(): void {
    this.#keepTimer?.cancel();
    const periodMs = this.#sessionTtlMs / 3;
    this.#keepTimer = this.#clock.setTimer(() => {
      if (this.#clock.now() - this.#wroteAt >= periodMs / 2 && !this.#isClosing) this.#submitKeepSession();
      this.#keepSession();
    }, periodMs);
  }

  #submitKeepSession(): void {
    const ignore = (): void => undefined;
    const request = { kind: 'put', isWrite: true, consistency: undefined, body: NOTHING, decode: ignore } as const;
    const call = new PendingCall(request, undefined, ignore, ignore, requestFields.keepSession);
    this.#waiting += 1;
    this.#submit(call);
  }

  // Requests out.

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#clock.defer(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    // While a frame is on its way out, the next one collects.
    if (this.#current === undefined || this.#isSending) return;
    if (this.#successor !== undefined) return;
    const now = this.#clock.now();
    // First, because numbers rise within a stream.
    const cancels = this.#ledger.takeCancels().map((number) => cancelRequest(this.#ledger.nextNumber(), number));
    const calls = this.#ledger.take(now, FRAME_BYTES_MAX);
    if (cancels.length + calls.length === 0) return this.#flushWhenAllowed(now);
    const { exchange, member } = this.#current;
    for (const call of calls) {
      call.isSentTo(member, now);
      if (call.isWrite) this.#wroteAt = now;
      if (call.attempts > 1) this.#stats.retries += 1;
    }
    const requests: readonly FramedRequest[] = cancels.length === 0 ? calls : [...cancels, ...calls];
    this.#stats.sent += calls.length;
    this.#stats.frames += 1;
    this.#isSending = true;
    exchange.send(requestsFrame(requests, this.#ledger.settled), () => {
      this.#isSending = false;
      if (this.#ledger.waitingCount > 0) this.#flush();
    });
  }

  #flushWhenAllowed(now: number): void {
    const { heldUntil } = this.#ledger;
    if (heldUntil <= now || this.#ledger.waitingCount === 0) return;
    this.#holdTimer?.cancel();
    this.#holdTimer = this.#clock.setTimer(() => this.#flush(), heldUntil - now);
  }

  // Replies in.

  #onReplies(bytes: Uint8Array): void {
    this.#failures = 0;
    let isExpired = false;
    eachReply(bytes, this.#options.namespaceLength, (number, field, reader) => {
      if (field === FAILURE_FIELD) isExpired = this.#onRefusal(number, readFailure(reader)) || isExpired;
      else this.#onAnswer(number, field, reader);
    });
    if (isExpired) {
      this.#leaveSession();
      return this.#reconnect();
    }
    if (this.#successor !== undefined && this.#ledger.inFlightCount === 0) return this.#succeed();
    if (this.#ledger.waitingCount > 0) this.#flushSoon();
  }

  #onAnswer(number: number, field: number, reader: AnswerReader): void {
    const call = this.#ledger.answered(number);
    if (call === undefined) return;
    if (call.isVoid) {
      // The caller has left, or waits to hear whether an earlier attempt of what was refused came through after all.
      if (call.refusal === undefined) return;
      if (field === VOID_FIELD) {
        const { code, detail } = codeOfFailure(call.refusal);
        call.outcome = 'notApplied';
        return this.#reject(call, code, detail);
      }
    }
    this.#answer(call, reader);
  }

  #answer(call: PendingCall, reader: AnswerReader): void {
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

  /** True: the whole session has expired. */
  #onRefusal(number: number, refusal: Refusal): boolean {
    const { verdict, entry } = this.#ledger.refused(number, refusal, this.#clock.now());
    if (verdict === 'rejected' && entry !== undefined) {
      const { code, detail } = codeOfFailure(refusal);
      this.#reject(entry, code, detail);
    }
    if (verdict === 'again')
      this.#options.onEvent({ kind: 'retry', member: this.#current?.member ?? '', code: refusal.code });
    return verdict === 'expired';
  }

  /** Every stream is one of the session that is over: also the one in use, and one that is being opened. */
  #leaveSession(): void {
    this.#leaveStreams();
    this.#drainTimer?.cancel();
    this.#expire();
  }

  #leaveStreams(): void {
    for (const line of [this.#current, this.#opening, this.#successor]) line?.exchange.leave();
    [this.#current, this.#opening, this.#successor] = [undefined, undefined, undefined];
  }

  // Ends of calls.

  #giveUp(call: PendingCall, code: ErrorCode, detail: string, cause?: unknown): void {
    call.outcome = call.giveUp();
    this.#reject(call, code, detail, cause);
    this.#flushSoon();
  }

  #reject(call: PendingCall, code: ErrorCode, detail: string, cause?: unknown): void {
    this.#over(call);
    call.reject(code, detail, cause);
  }

  #over(call: PendingCall): void {
    this.#deadlines.remove(call);
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#onIdle?.();
  }
}
