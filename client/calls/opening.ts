/** What an end of the first stream says of the members, while none of them has answered yet. */
import { QuorateError } from '../core/quorate-error.js';
import { codeOfFailure, faultOf } from './call-faults.js';
import type { ExchangeEnd } from './exchange.js';

/** What the first member that answers turns out to be. */
export type Opening = 'session' | 'plain';

/** Undefined: the next one may say more. */
export function openingOf(end: ExchangeEnd): Opening | QuorateError | undefined {
  if (end.kind === 'status') {
    const { code, detail } = faultOf(end.status);
    if (code === 'UNIMPLEMENTED') return 'plain';
    const isRefused = code === 'PERMISSION_DENIED' || code === 'AUTHENTICATION_FAILED';
    return isRefused ? new QuorateError(code, { detail }) : undefined;
  }
  if (end.kind !== 'goodbye' || end.refusal.retryable || end.refusal.outcome === 'unknown') return undefined;
  const { code, detail } = codeOfFailure(end.refusal);
  return new QuorateError(code, { detail });
}
