/**
 * Reads inside a kept reply are kept as what they read. As long as history goes back that far they can be read again; a
 * compaction ends that, at the same entry on every member, whatever each of them has removed by then.
 */
import { afterAllOf } from '../mvcc/revision.js';
import { type Refusal, refuse } from '../refusal.js';
import type { Outcome, Revision, TxnOpResult } from '../result.js';

/** Undefined while the reply can be given again. */
export function checkAge(outcome: Outcome, compactedRevision: number): Refusal | undefined {
  if (!outcome.ok || outcome.result.kind !== 'txn') return undefined;
  const lost = firstLost(outcome.result.results, compactedRevision);
  if (lost === undefined) return undefined;
  return refuse('REPLY_TOO_OLD', `it reads revision ${lost.main}, compacted up to ${compactedRevision}`);
}

function firstLost(results: readonly TxnOpResult[], compactedRevision: number): Revision | undefined {
  for (const result of results) {
    if (result.kind === 'range' && isLost(result.at, compactedRevision)) return result.at;
    const lost = result.kind === 'txn' ? firstLost(result.results, compactedRevision) : undefined;
    if (lost !== undefined) return lost;
  }
  return undefined;
}

/** Of the compacted revision itself only its end is kept: a read may stand between two of its writes. */
function isLost({ main, sub }: Revision, compactedRevision: number): boolean {
  return main < compactedRevision || (main === compactedRevision && sub !== afterAllOf(main).sub);
}
