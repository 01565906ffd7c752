/** Sees to it that nothing is left of an attempt in the cluster, once nobody here wants it any more, whoever waits for what. */
import type { Caller } from '../calls/caller.js';
import type { ErrorCode } from '../core/error-code.js';
import { isQuorateError } from '../core/quorate-error.js';
import { grantRelease } from '../wire/grant-wire.js';
import type { LeaseUse } from './lease-pool.js';

/** How long it is asked for once. */
const ASK_MS = 30_000;
/** Whether it has happened is not known, and it may be asked for again. */
const IN_DOUBT: ReadonlySet<ErrorCode> = new Set(['DEADLINE_EXCEEDED', 'SESSION_EXPIRED', 'UNAVAILABLE']);

/**
 * Asks until the cluster has said so, for as long as the lease lives: others of this client may keep that alive for ever,
 * and may wait for this very attempt to go. In the order of the session a request comes after the acquire, which by then
 * was applied or never will be. Never rejects.
 */
export async function giveBack(caller: Caller, attempt: string, use: LeaseUse): Promise<void> {
  while (use.lease.state !== 'lost') {
    try {
      await caller.call(grantRelease(attempt), { timeout: ASK_MS });
      use.end(true);
      return;
    } catch (error) {
      if (!isQuorateError(error) || !IN_DOUBT.has(error.code)) break;
    }
  }
  use.end(false);
}
