/** The refusal half of an outcome: a caller's fault, told the same way on every member, and nothing changed. */
import type { ErrorCode } from '../lib/quorate-error.js';
import type { Outcome } from './result.js';

export type Refusal = Extract<Outcome, { readonly ok: false }>;

/** `detail` is for people: it names the limit and the value. */
export function refuse(code: ErrorCode, detail: string): Refusal {
  return { ok: false, code, detail };
}
