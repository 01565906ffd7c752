/**
 * What the error of a call says about its outcome. A call `failed` only when it surely did not and will never happen;
 * everything that leaves a doubt is `unknown`. Judging an unknown call as failed would make checkers cry wolf; judging
 * too many failed calls as unknown would blind them.
 */
import { status } from '@grpc/grpc-js';
import type { Program } from './etcd.js';

export class CallError extends Error {
  override readonly name = 'CallError';

  constructor(
    readonly outcome: 'failed' | 'unknown',
    readonly code: number,
    readonly text: string,
  ) {
    super(`${status[code] ?? code}: ${text}`);
  }
}

/** Refusals that come before anything is proposed. */
const refusalsOfAll = [
  'etcdserver: too many requests',
  'etcdserver: no leader',
  'etcdserver: leader changed',
  'raft proposal dropped',
];

/** etcd may stop while a proposal is on its way, and reports both with one text; Quorate promises more. */
const refusals: Readonly<Record<Program, readonly string[]>> = {
  etcd: refusalsOfAll,
  quorate: [...refusalsOfAll, 'etcdserver: server stopped'],
};

const refusalCodes: readonly number[] = [status.INVALID_ARGUMENT, status.FAILED_PRECONDITION, status.OUT_OF_RANGE];

export function outcomeOf(program: Program, code: number, text: string): 'failed' | 'unknown' {
  if (wasNeverSent(code, text)) return 'failed';
  if (refusals[program].includes(text)) return 'failed';
  return refusalCodes.includes(code) && text.startsWith('etcdserver: ') ? 'failed' : 'unknown';
}

/** What grpc-js says when the call never had a connection to go out on. */
function wasNeverSent(code: number, text: string): boolean {
  if (code === status.UNAVAILABLE) return text.startsWith('No connection established');
  return code === status.DEADLINE_EXCEEDED && text.includes('Waiting for LB pick');
}
