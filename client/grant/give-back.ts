/** Sees to it that nothing is left of an attempt in the cluster, once nobody here wants it any more, whoever waits for what. */
import { pause } from '../api/pause.js';
import type { Caller } from '../calls/caller.js';
import { backoffMs } from '../core/backoff.js';
import type { ErrorCode } from '../core/error-code.js';
import { isQuorateError } from '../core/quorate-error.js';
import type { Clock } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import { grantRelease } from '../wire/grant-wire.js';
import type { LeaseUse } from './lease-pool.js';

export interface GiveBackPorts {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long it is asked for once. */
const ASK_MS = 30_000;
/** Whether it has happened is not known, and it may be asked for again. */
const IN_DOUBT: ReadonlySet<ErrorCode> = new Set(['DEADLINE_EXCEEDED', 'SESSION_EXPIRED', 'UNAVAILABLE']);

/**
 * Asks until the cluster has said so, for as long as the lease lives: others of this client may keep that alive for ever,
 * and may wait for this very attempt to go. In the order of the session a request comes after the acquire, which by then
 * was applied or never will be. Pauses after each failure, longer each time, at most a second. Never rejects.
 */
export async function giveBack(
  { caller, clock, random }: GiveBackPorts,
  attempt: string,
  use: LeaseUse,
): Promise<void> {
  for (let failures = 1; use.lease.state !== 'lost'; failures += 1) {
    try {
      await caller.call(grantRelease(attempt), { timeout: ASK_MS });
      use.end(true);
      return;
    } catch (error) {
      if (!isQuorateError(error) || !IN_DOUBT.has(error.code)) break;
    }
    await pause(clock, backoffMs(failures, random), undefined);
  }
  use.end(false);
}
