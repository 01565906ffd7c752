import type { QuorateError } from '../lib/quorate-error.js';

/** Somebody who waits until this member may answer a read. */
export interface ReadWaiter {
  /** Monotonic ms after which the read is refused. */
  readonly deadline: number;
  /** This member's state is as fresh as it must be. */
  ready(): void;
  failed(error: QuorateError): void;
}
