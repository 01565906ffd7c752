/**
 * What the error of a call says about its outcome. A call `failed` only when it surely did not and will never happen;
 * everything that leaves a doubt is `unknown`. Judging an unknown call as failed would make checkers cry wolf; judging
 * too many failed calls as unknown would blind them.
 */
import { type ServiceError, status } from '@grpc/grpc-js';

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

/** A member of Quorate names its own code in this trailer, and promises that all but one code are definite. */
const codeTrailer = 'quorate-code';
const unknownCode = 'OUTCOME_UNKNOWN';

/** etcd's refusals that come before anything is proposed, besides those for bad input. */
const refusals = ['etcdserver: too many requests', 'etcdserver: no leader', 'raft proposal dropped'];
const badInput: readonly number[] = [status.INVALID_ARGUMENT, status.FAILED_PRECONDITION, status.OUT_OF_RANGE];

export type CallFault = Pick<ServiceError, 'code' | 'details' | 'metadata'>;

export function outcomeOf({ code, details, metadata }: CallFault): 'failed' | 'unknown' {
  const [named] = metadata.get(codeTrailer);
  if (named !== undefined) return named === unknownCode ? 'unknown' : 'failed';
  if (wasNeverSent(code, details) || refusals.includes(details)) return 'failed';
  return badInput.includes(code) && details.startsWith('etcdserver: ') ? 'failed' : 'unknown';
}

/** What grpc-js says when the call never had a connection to go out on. */
function wasNeverSent(code: number, details: string): boolean {
  if (code === status.UNAVAILABLE) return details.startsWith('No connection established');
  return code === status.DEADLINE_EXCEEDED && details.includes('Waiting for LB pick');
}
