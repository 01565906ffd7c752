/**
 * A stream of the session to one member besides the main one, for reads that any member may answer. When it ends, what it
 * has not answered is handed back: such reads are asked elsewhere.
 */
import { type Refusal, SessionLedger } from '../core/session-ledger.js';
import type { Clock } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { Connection, Metadata } from '../transport/transport.js';
import type { AnswerReader } from '../wire/answer-reader.js';
import { cancelRequest, requestsFrame } from '../wire/client-frames.js';
import { eachReply, FAILURE_FIELD, readFailure } from '../wire/server-frames.js';
import type { CallerStats } from './caller.js';
import { Exchange } from './exchange.js';
import type { PendingCall } from './pending-call.js';

const FRAME_BYTES_MAX = 512 * 1024;
/** A member that owes a read and is silent for so many seconds is left: another one can answer at once. */
const SILENT_LOOKS_MAX = 1;

export interface ReadLineHooks {
  onAnswer(call: PendingCall, reader: AnswerReader): void;
  onRefusal(call: PendingCall, refusal: Refusal): void;
  /** The member cannot answer it now; another may. */
  onReturned(call: PendingCall): void;
  /** Once, and the last thing: with whatever was not answered. */
  onEnd(unanswered: readonly PendingCall[]): void;
}

export interface ReadLineOptions {
  readonly member: string;
  readonly connection: Connection;
  readonly metadata: Metadata;
  readonly sessionId: bigint;
  readonly clientName: string;
  readonly namespaceLength: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly stats: CallerStats;
}

export class ReadLine {
  readonly #options: ReadLineOptions;
  readonly #hooks: ReadLineHooks;
  readonly #ledger: SessionLedger<PendingCall>;
  readonly #exchange: Exchange;
  #isOpen = false;
  #isFlushDue = false;
  #isSending = false;

  constructor(options: ReadLineOptions, hooks: ReadLineHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#ledger = new SessionLedger(options.random);
    this.#exchange = new Exchange(
      { ...options, silentLooksMax: SILENT_LOOKS_MAX },
      {
        onWelcome: (welcome) => {
          this.#isOpen = true;
          this.#ledger.begin(welcome);
        },
        onReplies: (bytes) => this.#onReplies(bytes),
        onLeadership: () => undefined,
        onEnd: () => this.#end(),
        isOwed: () => this.#ledger.inFlightCount > 0,
      },
    );
  }

  /** The member has said welcome. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  submit(call: PendingCall): void {
    call.giveUp = () => {
      const outcome = this.#ledger.giveUp(call);
      this.#flushSoon();
      return outcome;
    };
    this.#ledger.submit(call);
    this.#flushSoon();
  }

  /** Ends it from here. */
  leave(): void {
    this.#exchange.leave();
    this.#end();
  }

  #end(): void {
    this.#isOpen = false;
    this.#hooks.onEnd(this.#ledger.everything());
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#options.clock.defer(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#isOpen || this.#isSending) return;
    const { clock, member, stats } = this.#options;
    const now = clock.now();
    const cancels = this.#ledger.takeCancels().map((number) => cancelRequest(this.#ledger.nextNumber(), number));
    const calls = this.#ledger.take(now, FRAME_BYTES_MAX);
    if (cancels.length + calls.length === 0) return;
    for (const call of calls) call.isSentTo(member, now);
    stats.sent += calls.length;
    stats.frames += 1;
    this.#isSending = true;
    this.#exchange.send(requestsFrame([...cancels, ...calls], 0), () => {
      this.#isSending = false;
      if (this.#ledger.waitingCount > 0) this.#flush();
    });
  }

  #onReplies(bytes: Uint8Array): void {
    eachReply(bytes, this.#options.namespaceLength, (number, field, reader) => {
      const call = this.#ledger.answered(number);
      if (call === undefined) return;
      if (field !== FAILURE_FIELD) return this.#hooks.onAnswer(call, reader);
      const refusal = readFailure(reader);
      if (refusal.retryable) this.#hooks.onReturned(call);
      else this.#hooks.onRefusal(call, refusal);
    });
    if (this.#ledger.waitingCount > 0) this.#flushSoon();
  }
}
