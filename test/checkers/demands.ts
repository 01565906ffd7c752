/**
 * What must have been done by calls that nobody knows of: a key that was there and is gone was deleted, one that jumped
 * two versions was put twice. While guesses are made, every demand that is still open must find its calls and the
 * revisions for them.
 */
import type { KeyFacts, Revisions, Stay } from './key-facts.js';
import type { KvSpec } from './kv-spec.js';

export interface Demand {
  readonly key: string;
  readonly kind: 'put' | 'delete';
  /** At one of the revisions in doubt, after this one ... */
  readonly after: number;
  /** ... and at this one at the latest, */
  readonly upTo: number;
  /** this many times. */
  readonly count: number;
}

export function demandsFrom(key: string, facts: KeyFacts, inDoubt: Revisions): readonly Demand[] {
  const found: Demand[] = [];
  let last: Stay | undefined;
  for (const next of facts.stays) {
    if (inDoubt.has(next.from)) found.push({ key, kind: 'put', after: next.from - 1, upTo: next.from, count: 1 });
    if (last !== undefined) found.push(...demandsBetween(key, facts, last, next));
    last = next;
  }
  if (last !== undefined) found.push(...demandOfDelete(key, facts, last, Infinity));
  return found.filter(({ count }) => count > 0).sort((a, b) => a.upTo - b.upTo);
}

function demandsBetween(key: string, facts: KeyFacts, last: Stay, next: Stay): readonly Demand[] {
  const gone = demandOfDelete(key, facts, last, next.from);
  const isOneLife = last.counts?.createRevision === next.counts?.createRevision;
  if (last.counts === undefined || next.counts === undefined || !isOneLife) return gone;
  const others = [facts.puts, facts.maybePuts].map((puts) => puts.countBetween(last.from, next.from));
  const count = others.reduce((rest, known) => rest - known, next.counts.version - last.counts.version);
  return [{ key, kind: 'put', after: last.to, upTo: next.from, count }];
}

/** A version that was gone before the next one came, and nobody is known to have deleted it. */
function demandOfDelete(key: string, facts: KeyFacts, last: Stay, before: number): readonly Demand[] {
  const upTo = facts.absences.firstFrom(last.to + 1);
  if (upTo >= before || facts.deletes.has(upTo) || facts.maybeDeletes.countBetween(last.to, upTo) > 0) return [];
  return [{ key, kind: 'delete', after: last.to, upTo, count: 1 }];
}

/** How many of what is demanded is still to be done after all that `spec` has done at revisions in doubt. */
export function openCount({ key, kind, after, upTo, count }: Demand, spec: KvSpec, inDoubt: Revisions): number {
  const done = spec
    .versionsAfter(key, after)
    .filter(({ revision, kv }) => revision <= upTo && inDoubt.has(revision) && (kv !== undefined) === (kind === 'put'));
  return Math.max(0, count - done.length);
}
