/** Points of history: every write stands at one (main, sub), every read looks from one. */
import type { KeyValue, Revision } from '../result.js';

/** The store revision of an empty store; the first write makes 2. */
export const FIRST_REVISION = 1;
/** The compacted revision of a store that was never compacted. */
export const NEVER_COMPACTED = -1;

/** One kept write, as the disk has it: what a rebuild, a fetch of old values and the hash are fed with. */
export interface RevisionRecord {
  readonly revision: Revision;
  /** Then only key and modRevision of `kv` mean anything. */
  readonly tombstone: boolean;
  readonly kv: KeyValue;
}

/** The point after the last write of `main`. */
export function afterAllOf(main: number): Revision {
  return { main, sub: Number.MAX_SAFE_INTEGER };
}

/** Whether the write (main, sub) is visible at the point `at`. */
export function isVisibleAt(at: Revision, main: number, sub: number): boolean {
  return main < at.main || (main === at.main && sub <= at.sub);
}
