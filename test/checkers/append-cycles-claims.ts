/** What one transaction says about one key, once what it did itself is told apart from what it saw of others. */
import { describeList, describeRecord } from './append-cycles-describe.js';
import type { Findings } from './append-cycles-findings.js';
import { type ReadOp, type Seen, sharedLength } from './append-cycles-seen.js';
import type { AppendRecord } from './append-op.js';

export interface Claim {
  readonly record: AppendRecord;
  readonly key: string;
  /** What was there before the record's own appends: so many elements of `list`. */
  readonly baseLength: number;
  /** As it was read last. After the base, it holds what the record had appended by then. */
  readonly list: readonly string[];
  /** What the record appended after that read. */
  readonly added: readonly string[];
}

interface Draft {
  readonly own: string[];
  last: { readonly list: readonly string[]; readonly baseLength: number } | undefined;
  isBroken: boolean;
}

/** Of the keys that the record read, and of which its reads make sense. */
export function claimsOf(record: AppendRecord, { appended, unsound }: Seen, findings: Findings): readonly Claim[] {
  const claims: Claim[] = [];
  for (const [key, { own, last, isBroken }] of draftsOf(record, unsound, findings)) {
    if (last === undefined || isBroken) continue;
    const { list, baseLength } = last;
    const early = own.find((element) => {
      const place = list.indexOf(element);
      return place !== -1 && place < baseLength;
    });
    if (early !== undefined) {
      const what = `internal: it reads ${early} in ${key} ${describeList(list)} before it appends it itself`;
      findings.add(`early ${early}`, () => `${describeRecord(record)}: ${what}`);
      continue;
    }
    const edge = baseLength === 0 ? undefined : list[baseLength - 1];
    const source = edge === undefined ? undefined : appended.get(edge);
    if (source?.next !== undefined && !list.includes(source.next)) {
      const what = `intermediate read: ${key} ends with ${edge}, and ${source.next} was appended together with it`;
      findings.add(`middle ${edge}`, () => `${describeRecord(record)}: ${what}, by ${describeRecord(source.record)}`);
      continue;
    }
    claims.push({ record, key, baseLength, list, added: own.slice(list.length - baseLength) });
  }
  return claims;
}

function draftsOf(record: AppendRecord, unsound: Seen['unsound'], findings: Findings): ReadonlyMap<string, Draft> {
  const drafts = new Map<string, Draft>();
  for (const op of record.ops) {
    const draft = drafts.get(op.key) ?? { own: [], last: undefined, isBroken: false };
    drafts.set(op.key, draft);
    if (op.kind === 'append') draft.own.push(op.element);
    else if (unsound.has(op)) draft.isBroken = true;
    else if (follows(op.list, draft)) draft.last = { list: op.list, baseLength: op.list.length - draft.own.length };
    else {
      draft.isBroken = true;
      const contradiction = contradictionOf(op, draft);
      findings.add(`inside ${op.key} ${record.client} ${record.startMs}`, () => {
        return `${describeRecord(record)}: internal: ${contradiction}`;
      });
    }
  }
  return drafts;
}

/** A list that is read ends with the record's own appends, and nothing else has changed since it was last read. */
function follows(list: readonly string[], { own, last }: Draft): boolean {
  const baseLength = list.length - own.length;
  if (baseLength < 0 || own.some((element, place) => list[baseLength + place] !== element)) return false;
  return last === undefined || (last.baseLength === baseLength && sharedLength(list, last.list) >= baseLength);
}

function contradictionOf({ key, list }: ReadOp, { own, last }: Draft): string {
  const read = last === undefined ? [] : [`read ${describeList(last.list)}`];
  const appended = own.length === 0 ? [] : [`appended ${own.join(' ')}`];
  return `it reads ${key} as ${describeList(list)} after it ${[...read, ...appended].join(' and ')} itself`;
}
