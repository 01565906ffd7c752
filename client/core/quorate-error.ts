/** The one error of this package. Programs read `code` and `outcome`; the message is for people. */
import { type ErrorCode, errorCodes } from './error-code.js';
import type { Outcome } from './outcome.js';

export interface ErrorFacts {
  /** What exactly was wrong, for people. */
  readonly detail?: string | undefined;
  /** Default: what one attempt that ended with the code tells. */
  readonly outcome?: Outcome | undefined;
  /** Default: what the table says of the code. */
  readonly retryable?: boolean | undefined;
  /** How often the request was sent. */
  readonly attempts?: number | undefined;
  /** The member that spoke last. */
  readonly member?: string | undefined;
  readonly cause?: unknown;
}

/** Shared by all copies of this package in a process, so that an error of one is known to the others. */
const brand = Symbol.for('@quorate/client/QuorateError');

export class QuorateError extends Error {
  override readonly name: string = 'QuorateError';
  readonly code: ErrorCode;
  readonly detail: string;
  /** Whether the write happened. Of a read: `notApplied`. */
  readonly outcome: Outcome;
  /** The same call, made again, may succeed. Of a write whose outcome is unknown this does not make it safe. */
  readonly retryable: boolean;
  readonly attempts: number;
  readonly member: string | undefined;

  constructor(code: ErrorCode, facts: ErrorFacts = {}) {
    const known = errorCodes[code];
    const { detail = '' } = facts;
    super(`${code}: ${detail === '' ? known.meaning : detail}`, 'cause' in facts ? { cause: facts.cause } : undefined);
    this.code = code;
    this.detail = detail;
    this.outcome = facts.outcome ?? known.outcome;
    this.retryable = facts.retryable ?? known.retryable;
    this.attempts = facts.attempts ?? 0;
    this.member = facts.member;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** Whether `error` is of this package, and of `code` if one is given. Works across copies of the package. */
export function isQuorateError(error: unknown, code?: ErrorCode): error is QuorateError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  return code === undefined || ('code' in error && error.code === code);
}
