import { QuorateError } from '../core/quorate-error.js';
import type { Clock } from '../lib/clock.js';

/** Resolves after `ms`; rejects with CANCELED when the signal is aborted first. */
export function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer.cancel();
      reject(new QuorateError('CANCELED', { outcome: 'notApplied', cause: signal?.reason }));
    };
    const timer = clock.setTimer(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
