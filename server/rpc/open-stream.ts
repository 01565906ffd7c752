/**
 * Runs what a stream is told by, until the client, this member or the work itself ends it. However that is, nobody
 * attends to the stream any more then, and its client learns why.
 */
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import type { Logger } from '../lib/logger.js';
import { QuorateError } from '../lib/quorate-error.js';
import { wireStatusOf } from './errors.js';
import type { StreamEnds } from './stream-ends.js';

export interface StreamPorts {
  readonly ends: StreamEnds;
  readonly logger: Logger;
}

export type OpenedStream = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/**
 * `work` rejects with what its signal was aborted with, by `end` or from outside, or with what went wrong. `method`: for the
 * log.
 */
export function openStream(
  call: OpenedStream,
  { ends, logger }: StreamPorts,
  method: string,
  work: (signal: AbortSignal, end: (error: QuorateError) => void) => Promise<void>,
): void {
  const aborter = new AbortController();
  const end = (error: QuorateError): void => aborter.abort(error);
  call.on('cancelled', () => end(new QuorateError('CANCELED')));
  const forget = ends.attend(call.metadata, end);
  work(aborter.signal, end)
    .catch((error: unknown) => {
      const status = wireStatusOf(error);
      if (status.isUnforeseen) logger.error('a request failed for no foreseen reason', { method, error });
      if (!call.cancelled) call.emit('error', status);
    })
    .finally(forget);
}
