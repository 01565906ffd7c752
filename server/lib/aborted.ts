/** Waits that are given up: why, and when. */
import { createDeferred } from './deferred.js';
import { QuorateError } from './quorate-error.js';

/** What `signal` was aborted with; CANCELED where that says nothing. */
export function abortError({ reason }: AbortSignal): QuorateError {
  return reason instanceof QuorateError ? reason : new QuorateError('CANCELED');
}

/** `work`, unless `signal` is aborted first: then its error, and what becomes of `work` is nobody's business. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const aborted = createDeferred<never>();
  const abort = (): void => aborted.reject(abortError(signal));
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
