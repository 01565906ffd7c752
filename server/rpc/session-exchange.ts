/**
 * One exchange of one client, whatever carries its frames: opens a session or goes on with one, has its requests answered
 * and their replies sent.
 *
 *     first      nothing has come yet
 *     opening    the session is being registered, or looked for; requests wait
 *     open       requests are answered
 *     leaving    the member stops: what is in flight is answered, nothing else is taken
 *     over       nothing is said or heard any more
 *
 * While too many requests wait for their replies to be written, no further ones are taken.
 */
import type { Open } from '@quorate/proto/quorate/v1/session.js';
import { InvariantError } from '../lib/assert.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Member, RequestOptions } from '../node/member.js';
import type { Leadership, SessionMember } from '../node/session-member.js';
import type { SessionInfo } from '../state/result.js';
import { MalformedMessage } from './codec.js';
import type { LongCalls } from './long-calls.js';
import type { RequestGate } from './request-gate.js';
import type { Content } from './session-answers.js';
import { failureOf } from './session-failure.js';
import { goodbyeFrame, leadershipFrame, readClientFrame, type SizedRequest, welcomeFrame } from './session-frames.js';
import { leadershipToWire } from './session-leadership.js';
import type { SessionExchange, SessionSink } from './session-port.js';
import { failureContent, SessionReplies } from './session-replies.js';
import type { SessionRequests } from './session-requests.js';

export const protocolVersion = 1;
/** Of one exchange: beyond it no further requests are taken. */
export const requestsInFlightMax = 1_024;

export interface ExchangeParts {
  readonly member: Pick<Member, 'isLearner'>;
  readonly sessions: SessionMember;
  readonly requests: SessionRequests;
  readonly gate: RequestGate;
  readonly longCalls: LongCalls;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What came in one go. */
interface Frame {
  readonly requests: readonly SizedRequest[];
  readonly settled: number;
  /** Set: the member has no room for it. */
  readonly refusal: QuorateError | undefined;
  /** Counted by the gate until the last request is answered; 0 where it was refused. */
  readonly bytes: number;
  /** The next one to be taken. */
  next: number;
  unanswered: number;
}

interface InFlight {
  readonly number: number;
  readonly frame: Frame;
  readonly isWrite: boolean;
  abandon: () => void;
  /** Its reply waits to be written. */
  isAnswered: boolean;
}

const nothing = (): void => undefined;

export class Exchange implements SessionExchange {
  readonly #sink: SessionSink;
  readonly #parts: ExchangeParts;
  readonly #replies: SessionReplies;
  readonly #inFlight = new Map<number, InFlight>();
  /** Frames with requests that were not taken. */
  readonly #unread: Frame[] = [];
  #stage: 'first' | 'opening' | 'open' | 'leaving' | 'over' = 'first';
  #session = 0;
  #settled = 0;
  #lastNumber = 0;
  #isPaused = false;
  #isHalfClosed = false;
  #goodbye: QuorateError | undefined;
  #lastLeadership = '';
  #stopListening = nothing;
  #forget = nothing;

  constructor(sink: SessionSink, parts: ExchangeParts) {
    const { gate, clock, longCalls } = parts;
    this.#sink = sink;
    this.#parts = parts;
    this.#replies = new SessionReplies({
      sink,
      gate,
      clock,
      idle: () => this.#maybeEnd(),
      failed: (error) => this.#bug(error),
    });
    this.#forget = longCalls.attend((error) => this.#leave(error));
  }

  receive(bytes: Buffer): void {
    if (this.#stage === 'leaving' || this.#stage === 'over') return;
    try {
      const says = readClientFrame(bytes);
      if (says.kind === 'open') this.#open(says.open);
      else if (says.kind === 'requests') this.#take(says.requests, Number(says.settled), bytes.length);
      else this.#end(new QuorateError('UNIMPLEMENTED', 'a frame of a kind that this member does not know'));
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#end(new QuorateError('INVALID_FRAME', error.message));
    }
  }

  halfClosed(): void {
    this.#isHalfClosed = true;
    this.#maybeEnd();
  }

  drained(): void {
    this.#replies.drained();
  }

  close(): void {
    if (this.#stage === 'over') return;
    this.#stage = 'over';
    this.#stopListening();
    this.#forget();
    this.#replies.close();
    for (const { abandon } of this.#inFlight.values()) abandon();
    const open = [...this.#inFlight.values()].map(({ frame }) => frame);
    for (const frame of new Set([...open, ...this.#unread])) this.#leaveGate(frame);
    this.#inFlight.clear();
    this.#unread.length = 0;
  }

  // Opening

  #open({ protocolVersion: version, sessionId, clientName }: Open): void {
    if (this.#stage !== 'first') {
      this.#end(new QuorateError('INVALID_FRAME', 'an exchange is opened once'));
      return;
    }
    const refusal = this.#checkOpen(version);
    if (refusal !== undefined) {
      this.#end(refusal);
      return;
    }
    this.#stage = 'opening';
    this.#flow();
    const { sessions } = this.#parts;
    const found = sessionId === 0n ? sessions.register(clientName) : sessions.find(Number(sessionId));
    found.then(
      (session) => {
        if (session === undefined) this.#end(new QuorateError('SESSION_EXPIRED', `session ${sessionId}`));
        else this.#welcome(session);
      },
      (error: unknown) => this.#endFor(error),
    );
  }

  #checkOpen(version: number): QuorateError | undefined {
    if (version !== protocolVersion) {
      return new QuorateError('UNSUPPORTED_VERSION', `${version}, this member speaks ${protocolVersion}`);
    }
    return this.#parts.member.isLearner ? new QuorateError('NOT_ON_LEARNER') : undefined;
  }

  #welcome({ id, ttlMs, applied, settled }: SessionInfo): void {
    if (this.#stage !== 'opening') return;
    const { sessions } = this.#parts;
    this.#stage = 'open';
    this.#session = id;
    this.#settled = settled;
    const leadership = leadershipToWire(sessions.leadership);
    this.#lastLeadership = textOf(leadership);
    const frame = welcomeFrame({
      protocolVersion,
      sessionId: BigInt(id),
      clusterId: sessions.clusterId,
      memberId: sessions.memberId,
      leadership,
      sessionTtlMs: BigInt(ttlMs),
      windowReplies: sessions.window.replies,
      windowBytes: BigInt(sessions.window.bytes),
      requestsInFlight: requestsInFlightMax,
      appliedSequence: BigInt(applied),
    });
    this.#replies.begin(frame);
    this.#stopListening = sessions.onLeadershipChange((changed) => this.#tellLeadership(changed));
    this.#proceed();
  }

  #tellLeadership(changed: Leadership): void {
    const leadership = leadershipToWire(changed);
    const text = textOf(leadership);
    if (text === this.#lastLeadership) return;
    this.#lastLeadership = text;
    this.#replies.say(leadershipFrame(leadership));
  }

  // Requests

  #take(requests: readonly SizedRequest[], settled: number, bytes: number): void {
    if (this.#stage === 'first') {
      this.#end(new QuorateError('INVALID_FRAME', 'requests before the exchange is opened'));
      return;
    }
    if (!Number.isSafeInteger(settled)) {
      this.#end(new QuorateError('INVALID_FRAME', `settled up to ${settled}`));
      return;
    }
    const refusal = this.#enter(bytes);
    const counted = refusal === undefined ? bytes : 0;
    this.#unread.push({ requests, settled, refusal, bytes: counted, next: 0, unanswered: requests.length });
    this.#proceed();
  }

  #enter(bytes: number): QuorateError | undefined {
    try {
      this.#parts.gate.enter(bytes);
      return undefined;
    } catch (error) {
      if (error instanceof QuorateError) return error;
      throw error;
    }
  }

  /** Takes requests as long as there is room. */
  #proceed(): void {
    for (let frame = this.#unread[0]; frame !== undefined; frame = this.#unread[0]) {
      this.#settled = Math.max(this.#settled, frame.settled);
      while (this.#stage === 'open' && frame.next < frame.requests.length && this.#hasRoom) {
        const request = frame.requests[frame.next];
        frame.next += 1;
        if (request !== undefined) this.#start(request, frame);
      }
      if (this.#stage !== 'open' || frame.next < frame.requests.length) break;
      this.#unread.shift();
      if (frame.requests.length === 0) this.#leaveGate(frame);
    }
    this.#flow();
    this.#maybeEnd();
  }

  get #hasRoom(): boolean {
    return this.#inFlight.size < requestsInFlightMax;
  }

  #start(sized: SizedRequest, frame: Frame): void {
    const { number: wireNumber, request, sequence, timeoutMs } = sized.request;
    const number = Number(wireNumber);
    if (!Number.isSafeInteger(number) || number <= this.#lastNumber) {
      this.#end(new QuorateError('INVALID_FRAME', `request ${wireNumber} after request ${this.#lastNumber}`));
      return;
    }
    this.#lastNumber = number;
    if (request?.$case === 'cancel') {
      this.#cancel(Number(request.value.number));
      this.#answered(frame);
      return;
    }
    const entry: InFlight = { number, frame, isWrite: sequence !== 0n, abandon: nothing, isAnswered: false };
    this.#inFlight.set(number, entry);
    if (frame.refusal !== undefined) {
      this.#fail(entry, frame.refusal);
      return;
    }
    const options: RequestOptions = timeoutMs === 0 ? {} : { deadline: this.#parts.clock.now() + timeoutMs };
    const writer = { session: this.#session, settled: this.#settled };
    const { answer, abandon } = this.#parts.requests.ask(sized, writer, options);
    entry.abandon = abandon;
    void answer.then(
      (content) => this.#reply(entry, content),
      (error: unknown) => this.#fail(entry, error),
    );
  }

  /** Whoever has its reply already gets it all the same. */
  #cancel(number: number): void {
    const entry = this.#inFlight.get(number);
    if (entry === undefined || entry.isAnswered) return;
    this.#inFlight.delete(number);
    entry.abandon();
    this.#answered(entry.frame);
  }

  #reply(entry: InFlight, content: Content): void {
    if (this.#inFlight.get(entry.number) !== entry) return;
    entry.isAnswered = true;
    this.#replies.add({ number: entry.number, content, written: () => this.#written(entry) });
  }

  #fail(entry: InFlight, error: unknown): void {
    if (error instanceof InvariantError) throw error;
    const known = error instanceof QuorateError ? error : this.#unforeseen(error);
    this.#reply(entry, failureContent(failureOf(known, entry.isWrite)));
  }

  #unforeseen(error: unknown): QuorateError {
    this.#parts.logger.error('a request failed for no foreseen reason', { method: 'Exchange', error });
    return new QuorateError('OUTCOME_UNKNOWN', 'internal error');
  }

  #written({ number, frame }: InFlight): void {
    this.#inFlight.delete(number);
    this.#answered(frame);
    this.#proceed();
  }

  #answered(frame: Frame): void {
    frame.unanswered -= 1;
    if (frame.unanswered === 0) this.#leaveGate(frame);
  }

  #leaveGate({ refusal, bytes }: Frame): void {
    if (refusal === undefined) this.#parts.gate.leave(bytes);
  }

  #flow(): void {
    const isReading = this.#stage === 'first' || this.#stage === 'open';
    const mustPause = !isReading || this.#unread.length > 0 || !this.#hasRoom;
    if (mustPause === this.#isPaused || this.#stage === 'over') return;
    this.#isPaused = mustPause;
    if (mustPause) this.#sink.pause();
    else this.#sink.resume();
  }

  // The end

  /** The member stops: what is in flight is answered first. */
  #leave(error: QuorateError): void {
    if (this.#stage !== 'open') {
      this.#end(error);
      return;
    }
    this.#stage = 'leaving';
    this.#goodbye = error;
    this.#flow();
    for (const frame of this.#unread.splice(0)) this.#refuseRest(frame, error);
    this.#maybeEnd();
  }

  #refuseRest(frame: Frame, error: QuorateError): void {
    for (const { request } of frame.requests.slice(frame.next)) {
      const number = Number(request.number);
      if (request.request?.$case === 'cancel' || this.#inFlight.has(number)) {
        this.#answered(frame);
        continue;
      }
      const isWrite = request.sequence !== 0n;
      const entry: InFlight = { number, frame, isWrite, abandon: nothing, isAnswered: false };
      this.#inFlight.set(number, entry);
      this.#fail(entry, error);
    }
    if (frame.requests.length === 0) this.#leaveGate(frame);
  }

  #maybeEnd(): void {
    const isLeaving = this.#stage === 'leaving' || this.#isHalfClosed;
    if (!isLeaving || this.#stage === 'opening' || this.#stage === 'over') return;
    if (this.#inFlight.size > 0 || this.#unread.length > 0 || !this.#replies.isIdle) return;
    this.#end(this.#goodbye);
  }

  #endFor(error: unknown): void {
    if (error instanceof InvariantError) throw error;
    this.#end(error instanceof QuorateError ? error : this.#unforeseen(error));
  }

  #bug(error: unknown): void {
    if (this.#stage !== 'over') this.#endFor(error);
  }

  /** What was not answered by now never is. */
  #end(goodbye: QuorateError | undefined): void {
    if (this.#stage === 'over') return;
    if (goodbye !== undefined) this.#sink.write(goodbyeFrame({ failure: failureOf(goodbye, false) }));
    this.close();
    this.#sink.end();
  }
}

function textOf({
  leaderId,
  term,
  clientUrls,
}: {
  leaderId: bigint;
  term: bigint;
  clientUrls: readonly string[];
}): string {
  return `${leaderId}/${term}/${clientUrls.join()}`;
}
