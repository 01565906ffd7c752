/** A call that its caller waits for. Settles its promise exactly once. */
import { type ErrorCode, errorCodes } from '../core/error-code.js';
import type { Outcome } from '../core/outcome.js';
import { QuorateError } from '../core/quorate-error.js';
import { LedgerEntry } from '../core/session-ledger.js';
import { framedLengthMax, type FramedRequest, requestFields } from '../wire/client-frames.js';
import type { Request } from '../wire/request.js';
import type { Decode } from './caller.js';

const NOTHING = Buffer.alloc(0);

export class PendingCall extends LedgerEntry implements FramedRequest {
  readonly isWrite: boolean;
  readonly frameBytesMax: number;
  readonly decode: Decode;
  readonly freshness: Buffer | undefined;
  field: number;
  body: Buffer;
  /** What the member is told; set when it is sent. */
  timeoutMs = 0;
  /** The member that it was sent to last. */
  member: string | undefined;
  /** Tells whoever sends it that nobody waits for it any more, and what can be said of the outcome then. */
  giveUp: () => Outcome = () => this.outcome;
  readonly #resolve: (answer: unknown) => void;
  readonly #reject: (error: QuorateError) => void;
  #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;

  constructor(
    request: Request<unknown>,
    freshness: Buffer | undefined,
    resolve: (answer: unknown) => void,
    reject: (error: QuorateError) => void,
    field = requestFields[request.kind],
  ) {
    super();
    this.isWrite = request.isWrite;
    this.body = request.body;
    this.decode = request.decode;
    this.field = field;
    this.freshness = freshness;
    this.frameBytesMax = framedLengthMax(this);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  override becomeVoid(): void {
    super.becomeVoid();
    this.field = requestFields.void;
    this.body = NOTHING;
  }

  /**
   * It is about to be sent. A void takes as long as it takes: the time of the caller is over, and a void that the member
   * gave up for it could never settle what it is there to settle.
   */
  isSentTo(member: string, now: number): void {
    this.member = member;
    const isBounded = this.deadlineAt !== Infinity && !this.isVoid;
    this.timeoutMs = isBounded ? Math.max(1, Math.ceil(this.deadlineAt - now)) : 0;
  }

  /** Calls `onAbort` when the signal is aborted before the call is over. */
  watch(signal: AbortSignal, onAbort: () => void): void {
    this.#signal = signal;
    this.#onAbort = onAbort;
    signal.addEventListener('abort', onAbort);
  }

  resolve(answer: unknown): void {
    this.#unwatch();
    this.#resolve(answer);
  }

  reject(code: ErrorCode, detail: string, cause?: unknown): void {
    this.#unwatch();
    const { attempts, member } = this;
    const outcome = this.isWrite ? this.outcome : 'notApplied';
    // Nothing happened and the time was too short: the same call may well succeed later.
    const isLate = code === 'DEADLINE_EXCEEDED' && outcome === 'notApplied';
    const retryable = isLate || (errorCodes[code].retryable && outcome !== 'applied');
    const facts = { detail, outcome, attempts, member, retryable };
    this.#reject(new QuorateError(code, cause === undefined ? facts : { ...facts, cause }));
  }

  #unwatch(): void {
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = undefined;
    this.#onAbort = undefined;
  }
}
