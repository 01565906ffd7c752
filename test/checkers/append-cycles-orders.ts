/**
 * The order of a key's elements: the longest list that was read, and what its reader then appended to it. Every other
 * list must be a start of it; what happened and is not in it can only come later.
 */
import type { Claim } from './append-cycles-claims.js';
import { describeList, describeRecord } from './append-cycles-describe.js';
import type { Findings } from './append-cycles-findings.js';
import { type Seen, sharedLength } from './append-cycles-seen.js';
import type { AppendRecord } from './append-op.js';

export interface KeyOrder {
  readonly key: string;
  readonly elements: readonly string[];
  /** Those that agree with the order. */
  readonly claims: readonly Claim[];
  /** What was surely appended, and stands in no list that was read. */
  readonly unseen: readonly Element[];
}

export interface Element {
  readonly element: string;
  readonly record: AppendRecord;
}

export function ordersOf(
  { appended, happened }: Seen,
  claims: readonly Claim[],
  findings: Findings,
): readonly KeyOrder[] {
  const elementsOf = new Map<string, Element[]>();
  for (const record of happened) {
    for (const op of record.ops) {
      if (op.kind === 'append') group(elementsOf, op.key, { element: op.element, record });
    }
  }
  const claimsOf = new Map<string, Claim[]>();
  for (const claim of claims) group(claimsOf, claim.key, claim);
  return [...claimsOf].map(([key, claimsOfKey]) => {
    const { elements, agreeing } = agreed(claimsOfKey, findings);
    const places = new Map(elements.map((element, place) => [element, place]));
    const torn = new Set<AppendRecord>();
    for (const [element, place] of places) {
      const { previous, record } = appended.get(element) ?? {};
      if (record === undefined || previous === undefined || (places.get(previous) ?? Infinity) < place) continue;
      torn.add(record);
      const what = `torn: ${key} holds ${element} without ${previous} before it, in ${describeList(elements)}`;
      findings.add(`torn ${element}`, () => `${describeRecord(record)}: ${what}`);
    }
    const ofKey = elementsOf.get(key) ?? [];
    const unseen = ofKey.filter(({ element, record }) => !places.has(element) && !torn.has(record));
    return { key, elements, claims: agreeing, unseen };
  });
}

function agreed(
  claims: readonly Claim[],
  findings: Findings,
): { readonly elements: readonly string[]; readonly agreeing: readonly Claim[] } {
  const longest = claims.reduce((a, b) => (b.list.length > a.list.length ? b : a));
  const agreeing = claims.filter((claim) => {
    if (sharedLength(claim.list, longest.list) === claim.list.length) return true;
    findings.add(`order ${claim.key}`, () => {
      const lists = [claim, longest].map(({ list, record }) => `${describeList(list)} in ${describeRecord(record)}`);
      return `incompatible orders: ${claim.key} is ${lists.join(', but ')}`;
    });
    return false;
  });
  // Its appends stand right after what it read, so that it never waits for itself below.
  const goesOn = agreeing.find(({ list, added }) => list.length === longest.list.length && added.length > 0);
  return { elements: [...longest.list, ...(goesOn?.added ?? [])], agreeing };
}

function group<T>(groups: Map<string, T[]>, key: string, item: T): void {
  const known = groups.get(key);
  if (known === undefined) groups.set(key, [item]);
  else known.push(item);
}
