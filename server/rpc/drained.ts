/** Waits until a stream takes more, or nobody wants it to any longer. */
import type { Writable } from 'node:stream';

export function drained(call: Writable, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const go = (): void => {
      call.off('drain', go);
      signal.removeEventListener('abort', go);
      resolve();
    };
    call.on('drain', go);
    signal.addEventListener('abort', go);
  });
}
