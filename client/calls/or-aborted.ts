/** Work that somebody waits for, who may stop waiting. */
import { QuorateError } from '../core/quorate-error.js';

/** `work`, unless the signal is aborted first: then it rejects with CANCELED, and `abandon` ends what goes on. */
export function orAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  abandon?: () => Promise<void>,
): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      void abandon?.();
      reject(canceled(signal));
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

export function canceled(signal: AbortSignal): QuorateError {
  return new QuorateError('CANCELED', { outcome: 'notApplied', cause: signal.reason });
}
