/**
 * Who appended what, and what was seen of it. Tells which transactions happened: those that were answered, and of the
 * unknown ones those of which a transaction that happened has seen an element.
 */
import { describeList, describeRecord } from './append-cycles-describe.js';
import type { Findings } from './append-cycles-findings.js';
import type { AppendOp, AppendRecord } from './append-op.js';

export interface Appended {
  readonly record: AppendRecord;
  readonly key: string;
  /** What the same record appended to the same key just before and just after. */
  readonly previous: string | undefined;
  readonly next: string | undefined;
}

export interface Seen {
  readonly appended: ReadonlyMap<string, Appended>;
  /** As they were recorded: of two calls of a client that took no time, this tells which was first. */
  readonly happened: readonly AppendRecord[];
  /** Reads that hold what no list can hold: nothing more is concluded from them. */
  readonly unsound: ReadonlySet<AppendOp>;
}

export type ReadOp = Extract<AppendOp, { kind: 'read' }>;

export function lookAt(records: readonly AppendRecord[], findings: Findings): Seen {
  const appended = appendedIn(records, findings);
  const queue = records.filter(({ outcome }) => outcome === 'ok');
  const happened = new Set(queue);
  const unsound = new Set<AppendOp>();
  const scans = new Map<string, Scan>();
  // Grows while it is walked: a record that was seen to have happened has seen others.
  for (const record of queue) {
    for (const op of record.ops) {
      if (op.kind === 'append') continue;
      const scan = scans.get(op.key) ?? new Scan();
      scans.set(op.key, scan);
      const isSound = scan.take(op.list, (element, isAgain) => {
        const source = appended.get(element);
        const fault = faultOf(op, element, source, isAgain);
        if (fault !== undefined) {
          findings.add(`${op.key} ${element}`, () => `${describeRecord(record)}: ${fault}`);
        } else if (source?.record.outcome === 'unknown' && !happened.has(source.record)) {
          happened.add(source.record);
          queue.push(source.record);
        }
        return fault === undefined;
      });
      if (!isSound) unsound.add(op);
    }
  }
  return { appended, happened: records.filter((record) => happened.has(record)), unsound };
}

function appendedIn(records: readonly AppendRecord[], findings: Findings): ReadonlyMap<string, Appended> {
  const appended = new Map<string, Appended>();
  for (const record of records) {
    const own = record.ops.filter((op) => op.kind === 'append');
    for (const [place, { key, element }] of own.entries()) {
      const known = appended.get(element);
      if (known !== undefined) {
        const both = () => `${describeRecord(known.record)}, and ${describeRecord(record)}`;
        findings.add(`twice ${element}`, () => `the history itself is wrong, ${element} is appended twice: ${both()}`);
      }
      const previous = own.findLast((other, at) => at < place && other.key === key)?.element;
      const next = own.find((other, at) => at > place && other.key === key)?.element;
      appended.set(element, { record, key, previous, next });
    }
  }
  return appended;
}

function faultOf(
  { key, list }: ReadOp,
  element: string,
  source: Appended | undefined,
  isAgain: boolean,
): string | undefined {
  if (source?.key === key && source.record.outcome !== 'failed' && !isAgain) return undefined;
  const where = `${key} ${describeList(list)}`;
  if (isAgain) return `duplicate: ${element} stands twice in ${where}`;
  if (source === undefined) return `garbage: ${element} in ${where} was appended by nobody`;
  const by = describeRecord(source.record);
  if (source.key !== key) return `garbage: ${element} in ${where} was appended to ${source.key}, by ${by}`;
  return `aborted read: ${element} in ${where} is of a failed transaction, ${by}`;
}

/** The lists that were read of one key. Of a list that goes on from the longest one only the new end is looked at. */
class Scan {
  #longest: readonly string[] = [];
  /** How many elements of the longest list come before the first unsound one. */
  #soundLength = 0;
  readonly #elements = new Set<string>();

  /** Whether all of the list is sound. */
  take(list: readonly string[], look: (element: string, isAgain: boolean) => boolean): boolean {
    const shared = sharedLength(list, this.#longest);
    if (shared === list.length) return shared <= this.#soundLength;
    const isLonger = shared === this.#longest.length;
    const before = isLonger ? this.#elements : new Set(list.slice(0, shared));
    let soundLength = Math.min(shared, this.#soundLength);
    for (const [place, element] of list.entries()) {
      if (place < shared) continue;
      if (look(element, before.has(element)) && soundLength === place) soundLength += 1;
      before.add(element);
    }
    if (isLonger) {
      this.#longest = list;
      this.#soundLength = soundLength;
    }
    return soundLength === list.length;
  }
}

/** How many elements at their start two lists have in common. */
export function sharedLength(a: readonly string[], b: readonly string[]): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length += 1;
  return length;
}
