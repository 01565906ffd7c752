/** Reads for those who wait anyway: a cluster without a leader is no reason to give up, they wait for that to end too. */
import { orAborted } from '../lib/aborted.js';
import { QuorateError } from '../lib/quorate-error.js';

/** Asks again whenever `read` was not confirmed in time, until `signal` is aborted. */
export async function patientRead<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (;;) {
    try {
      return await orAborted(read(), signal);
    } catch (error) {
      if (!(error instanceof QuorateError) || error.code !== 'TIMEOUT') throw error;
    }
  }
}
