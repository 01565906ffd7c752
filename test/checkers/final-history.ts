/**
 * What one member holds when all is quiet: asked for at the end of a run, of one member alone, it says how unknown calls
 * ended. A member that forgot something, or kept what nobody wrote, is found out by it.
 */
import type { KeyValue } from './operation.js';

export interface FinalHistory {
  /** The store revision of the member. */
  readonly revision: number;
  /** Every key-value that is there at `revision`, and no other. */
  readonly current: readonly KeyValue[];
  /** Earlier versions, of these keys or of deleted ones, as far as they were looked up; empty is fine. */
  readonly past: readonly KeyValue[];
}
