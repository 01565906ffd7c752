/**
 * Keeps leases alive: each is renewed on its own schedule, over one stream that all of them share and that nothing else
 * uses. A member that does not answer is left long before any lease is in danger.
 */
import { backoffMs } from '../core/backoff.js';
import type { LeaseId } from '../core/ids.js';
import { LeaseDeadline, type LeaseState, type Moment } from '../core/lease-deadline.js';
import type { MemberRotation } from '../core/member-rotation.js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { CallStatus, Connection, Stream } from '../transport/transport.js';
import { keepAliveAnswer, keepAliveMessage } from '../wire/lease-wire.js';
import { faultOf } from './call-faults.js';
import type { Tokens } from './unary-caller.js';

const METHOD = '/etcdserverpb.Lease/LeaseKeepAlive';
/** A renewal that is not answered for a sixth of the ttl, at most so long, is sent to another member. */
const ANSWER_MS_MAX = 2_000;
/** When a renewal was held back, until it is looked at again. */
const RETRY_MS = 50;
const answerMs = (ttlMs: number): number => Math.min(ANSWER_MS_MAX, ttlMs / 6);

/** A lease that is kept alive. */
export interface HeldLease {
  readonly id: LeaseId;
  readonly state: LeaseState;
  readonly remainingMs: number;
  readonly ttlMs: number;
}

/** What keeps leases alive, wherever it runs. */
export interface Keeper<Held extends HeldLease = HeldLease> {
  /** `sent`: just before the grant was sent. */
  keep(id: LeaseId, sent: Moment, ttlMs: number, events: LeaseEvents): Held;
  /** The lease is renewed no more. */
  release(lease: Held): void;
  /** The wall clock says that the machine may have slept: only a renewal tells. */
  verify(lease: Held): void;
  close(): void;
}

export interface LeaseKeeperOptions {
  readonly rotation: MemberRotation;
  /** To connections that carry nothing but renewals. */
  readonly connectionTo: (address: string) => Connection;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether a renewal that is due may be sent now; it is asked again a little later. Default: always. */
  readonly mayRenew?: (lease: HeldLease) => boolean;
}

export interface LeaseEvents {
  /** A renewal that was sent at `sent` was answered, when so much was left of the time before it. */
  onRenewed(marginMs: number, sent: Moment): void;
  /** Two thirds of the ttl have passed without an answer, or the machine may have slept. */
  onRisk(remainingMs: number): void;
  /** Once, and the last thing. */
  onLost(): void;
}

/** One lease as its keeper sees it. */
export class KeptLease implements HeldLease {
  readonly id: LeaseId;
  readonly #clock: Clock;
  readonly #events: LeaseEvents;
  readonly #deadline: LeaseDeadline;
  /** When the renewals were sent that the present stream has not answered, in order. */
  #unanswered: Moment[] = [];
  #renewTimer: Timer | undefined;
  #lossTimer: Timer | undefined;
  #riskTimer: Timer | undefined;
  #isOver = false;

  constructor(id: LeaseId, deadline: LeaseDeadline, clock: Clock, events: LeaseEvents) {
    this.id = id;
    this.#deadline = deadline;
    this.#clock = clock;
    this.#events = events;
  }

  get state(): LeaseState {
    const state = this.#deadline.state(momentOf(this.#clock));
    // Whoever looks first finds out, also before the timer can run.
    if (state === 'lost') this.lose();
    return state;
  }

  get remainingMs(): number {
    return this.#deadline.remainingMs(momentOf(this.#clock));
  }

  get ttlMs(): number {
    return this.#deadline.ttlMs;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** When the next renewal is to be sent. */
  get dueAt(): number {
    return this.#deadline.renewAt;
  }

  /** By when the oldest renewal under way must be answered, or the member is left. Infinity: none is under way. */
  get answerDueAt(): number {
    const oldest = this.#unanswered[0];
    return oldest === undefined ? Infinity : oldest.now + answerMs(this.ttlMs);
  }

  schedule(renew: () => void): void {
    const now = this.#clock.now();
    this.#renewTimer?.cancel();
    this.#lossTimer?.cancel();
    this.#riskTimer?.cancel();
    this.#renewTimer = this.#clock.setTimer(renew, Math.max(0, this.#deadline.renewAt - now));
    this.#awaitLoss();
    const riskAt = this.#deadline.renewAt + this.#deadline.ttlMs / 3;
    this.#riskTimer = this.#clock.setTimer(() => this.#events.onRisk(this.remainingMs), Math.max(0, riskAt - now));
  }

  renewLater(renew: () => void, pauseMs: number): void {
    this.#renewTimer?.cancel();
    this.#renewTimer = this.#clock.setTimer(renew, pauseMs);
  }

  /** Timers may come a little early by the clock that counts. */
  #awaitLoss(): void {
    const leftMs = Math.max(1, this.#deadline.lostAt - this.#clock.now());
    this.#lossTimer = this.#clock.setTimer(() => {
      if (this.state !== 'lost') this.#awaitLoss();
    }, leftMs);
  }

  sent(): void {
    this.#unanswered.push(momentOf(this.#clock));
  }

  /** The stream is gone, and with it whatever it would have answered. */
  streamLost(): void {
    this.#unanswered = [];
  }

  /** The oldest renewal that waits was answered, if not a later one: to believe that is safe. */
  answered(ttlMs: number): void {
    const sent = this.#unanswered.shift();
    if (sent === undefined || this.#isOver) return;
    if (ttlMs === 0) return this.lose();
    const marginMs = this.remainingMs;
    this.#deadline.renewed(sent, ttlMs);
    this.#events.onRenewed(marginMs, sent);
  }

  lose(): void {
    this.#deadline.end();
    if (this.#isOver) return;
    this.stop();
    this.#events.onLost();
  }

  /** Nothing more is done for it. */
  stop(): void {
    this.#isOver = true;
    this.#renewTimer?.cancel();
    this.#lossTimer?.cancel();
    this.#riskTimer?.cancel();
  }
}

export class LeaseKeeper implements Keeper<KeptLease> {
  readonly #options: LeaseKeeperOptions;
  readonly #clock: Clock;
  readonly #leases = new Map<LeaseId, KeptLease>();
  #stream: Stream | undefined;
  #member = '';
  #failures = 0;
  #openTimer: Timer | undefined;
  #answerTimer: Timer | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** The leases that are kept alive. */
  get leases(): readonly KeptLease[] {
    return [...this.#leases.values()];
  }

  keep(id: LeaseId, granted: Moment, ttlMs: number, events: LeaseEvents): KeptLease {
    const lease: KeptLease = new KeptLease(id, new LeaseDeadline(granted, ttlMs), this.#clock, {
      ...events,
      onRenewed: (marginMs, sent) => {
        this.#schedule(lease);
        events.onRenewed(marginMs, sent);
      },
      onLost: () => {
        this.#forget(lease);
        events.onLost();
      },
    });
    this.#leases.set(id, lease);
    this.#schedule(lease);
    return lease;
  }

  release(lease: KeptLease): void {
    lease.stop();
    this.#forget(lease);
  }

  close(): void {
    for (const lease of this.#leases.values()) lease.stop();
    this.#leases.clear();
    this.#leave();
  }

  #schedule(lease: KeptLease): void {
    lease.schedule(() => this.#renew(lease));
  }

  #forget(lease: KeptLease): void {
    this.#leases.delete(lease.id);
    if (this.#leases.size === 0) this.#leave();
  }

  #renew(lease: KeptLease): void {
    if (lease.isOver) return;
    if (this.#options.mayRenew?.(lease) === false) return lease.renewLater(() => this.#renew(lease), RETRY_MS);
    if (this.#stream === undefined) {
      // The stream that is about to open renews all that are due.
      this.#openSoon(0);
      return;
    }
    lease.sent();
    this.#stream.send(keepAliveMessage(lease.id));
    this.#answerTimer ??= this.#clock.setTimer(() => this.#lookForAnswers(), answerMs(lease.ttlMs));
  }

  verify(lease: KeptLease): void {
    if (lease.answerDueAt === Infinity) this.#renew(lease);
  }

  #openSoon(pauseMs: number): void {
    this.#openTimer ??= this.#clock.setTimer(() => {
      this.#openTimer = undefined;
      this.#open();
    }, pauseMs);
  }

  #open(): void {
    if (this.#leases.size === 0 || this.#stream !== undefined) return;
    const { rotation, connectionTo, tokens } = this.#options;
    this.#member = rotation.current;
    const stream = connectionTo(this.#member).stream(METHOD, tokens.metadata(), {
      onMessage: (bytes) => {
        if (this.#stream === stream) this.#onAnswer(bytes);
      },
      onEnd: (status) => {
        if (this.#stream === stream) this.#onEnd(status);
      },
    });
    this.#stream = stream;
    const now = this.#clock.now();
    for (const lease of this.#leases.values()) {
      if (lease.dueAt <= now) this.#renew(lease);
    }
  }

  #onAnswer(bytes: Uint8Array): void {
    let answer: ReturnType<typeof keepAliveAnswer>;
    try {
      answer = keepAliveAnswer(bytes);
    } catch {
      return this.#lost();
    }
    this.#failures = 0;
    this.#leases.get(answer.id)?.answered(answer.ttlMs);
  }

  #onEnd(status: CallStatus): void {
    if (faultOf(status).code !== 'INVALID_AUTH_TOKEN') return this.#lost();
    this.#leave();
    this.#options.tokens.refresh().then(
      () => this.#openSoon(0),
      () => this.#lost(),
    );
  }

  #lookForAnswers(): void {
    const soonest = this.leases.reduce((least, { answerDueAt }) => Math.min(least, answerDueAt), Infinity);
    this.#answerTimer = undefined;
    if (soonest <= this.#clock.now()) return this.#lost();
    if (soonest === Infinity) return;
    this.#answerTimer = this.#clock.setTimer(() => this.#lookForAnswers(), soonest - this.#clock.now());
  }

  #lost(): void {
    this.#options.rotation.failed(this.#member);
    this.#leave();
    const pauseMs = this.#failures === 0 ? 0 : backoffMs(this.#failures, this.#options.random);
    this.#failures += 1;
    this.#openSoon(pauseMs);
  }

  #leave(): void {
    this.#answerTimer?.cancel();
    this.#answerTimer = undefined;
    this.#openTimer?.cancel();
    this.#openTimer = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    for (const lease of this.#leases.values()) lease.streamLost();
    stream?.cancel();
  }
}

export function momentOf(clock: Clock): Moment {
  return { now: clock.now(), wall: clock.wallTime() };
}
