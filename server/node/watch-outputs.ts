/** A watch stream to read with `for await`, for recipes that run on the member itself. */
import { abortError } from '../lib/aborted.js';
import type { ByteString } from '../lib/bytes.js';
import { createDeferred } from '../lib/deferred.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { WatchOutput, WatchSource, WatchSpec } from './member.js';

/**
 * What the watchers of `specs` are told. Ends only by its reader, or by throwing: what `signal` was aborted with, STOPPED
 * when this member cannot tell any more, TOO_MANY_REQUESTS when it has no room for another watcher.
 */
export async function* watchOutputs(
  watches: Pick<WatchSource, 'watch'>,
  specs: readonly WatchSpec[],
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchOutput, never> {
  let wake = createDeferred<void>();
  let failure: QuorateError | undefined;
  const fail = (error: QuorateError): void => {
    failure = error;
    wake.resolve();
  };
  const aborted = (): void => {
    if (signal !== undefined) fail(abortError(signal));
  };
  if (signal?.aborted === true) throw abortError(signal);
  signal?.addEventListener('abort', aborted);
  const stream = watches.watch({ readable: () => wake.resolve(), ended: () => fail(new QuorateError('STOPPED')) });
  try {
    for (const spec of specs) stream.create(spec);
    for (;;) {
      wake = createDeferred();
      if (failure !== undefined) throw failure;
      const output = stream.take();
      if (output === undefined) await wake.promise;
      else if (output.kind === 'refused') throw new QuorateError('TOO_MANY_REQUESTS', 'too many watchers');
      else yield output;
    }
  } finally {
    stream.close();
    signal?.removeEventListener('abort', aborted);
  }
}

export function watchOf(key: ByteString, rangeEnd: ByteString, startRevision: number): WatchSpec {
  const wishes = { noPut: false, noDelete: false, prevKv: false, progressNotify: false, fragment: false };
  return { ...wishes, key, rangeEnd, startRevision };
}
