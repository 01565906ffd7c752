/** The order that the server claims, revision by revision. */
import { describeOperation } from './describe.js';
import type { Operation, Range } from './operation.js';
import { type Answered, isAnswered } from './operation-facts.js';
import type { Placed } from './real-time.js';

/** All that happened at one revision: the write that made it, what was read then, and what was compacted then. */
export interface Slot {
  readonly revision: number;
  /** Nobody knows who made the revision. Nobody made the first one, the empty store. */
  readonly isGap: boolean;
  readonly write: Operation | undefined;
  /** Answered from this revision, whichever one they were about. */
  readonly reads: readonly Answered[];
  /** Ranges about this revision that were answered later: what they show can be judged at once. */
  readonly looks: readonly Answered[];
  /** In the order in which they can have happened. */
  readonly compacts: readonly Answered[];
}

interface Contents {
  readonly writes: Operation[];
  readonly reads: Answered[];
  readonly looks: Answered[];
  readonly compacts: Answered[];
}

/** Every revision from the first one to the last that anybody saw; `unknowns` calls may have made some of them. */
export function slotsFrom(
  placed: readonly Placed[],
  firstRevision: number,
  unknowns: number,
): { readonly slots: readonly Slot[]; readonly violations: readonly string[] } {
  const contents = new Map<number, Contents>();
  contentsAt(contents, firstRevision);
  for (const { operation, revision, isWrite } of placed) {
    const { writes, reads, compacts } = contentsAt(contents, revision);
    if (isWrite) writes.push(operation);
    else if (isAnswered(operation)) (operation.call.kind === 'compact' ? compacts : reads).push(operation);
    const { call } = operation;
    if (call.kind === 'range' && isAnswered(operation) && isLookBack(call, revision)) {
      contentsAt(contents, Math.max(firstRevision, call.revision)).looks.push(operation);
    }
  }
  const violations = [...contents].flatMap(([revision, { writes }]) => madeTwice(revision, writes));
  const gaps = gapsIn(contents, firstRevision, unknowns);
  if (gaps.length > unknowns) violations.push(...gaps.map((revision) => `revision ${revision} was made by no call`));
  else for (const revision of gaps) contentsAt(contents, revision);
  const slots = [...contents].map(([revision, { writes, reads, looks, compacts }]) => ({
    revision,
    isGap: writes.length === 0 && revision !== firstRevision,
    write: writes[0],
    reads,
    looks,
    compacts: compacts.toSorted((a, b) => targetOf(a) - targetOf(b)),
  }));
  return { slots: slots.sort((a, b) => a.revision - b.revision), violations };
}

function contentsAt(contents: Map<number, Contents>, revision: number): Contents {
  const known = contents.get(revision);
  if (known !== undefined) return known;
  const created = { writes: [], reads: [], looks: [], compacts: [] };
  contents.set(revision, created);
  return created;
}

/** The revisions that no write is known for; of a history with more of them than can be filled, one too many. */
function gapsIn(contents: ReadonlyMap<number, Contents>, firstRevision: number, unknowns: number): readonly number[] {
  const last = [...contents.keys()].reduce((a, b) => Math.max(a, b));
  const gaps: number[] = [];
  for (let revision = firstRevision + 1; revision <= last && gaps.length <= unknowns; revision += 1) {
    if ((contents.get(revision)?.writes.length ?? 0) === 0) gaps.push(revision);
  }
  return gaps;
}

/** A range about a revision before the one that it was answered from. */
export function isLookBack({ revision }: Range, answeredFrom: number): boolean {
  return revision > 0 && revision <= answeredFrom;
}

function madeTwice(revision: number, writes: readonly Operation[]): readonly string[] {
  if (writes.length < 2) return [];
  return [`revision ${revision} was made by ${writes.map(describeOperation).join(', and by ')}`];
}

function targetOf({ call }: Operation): number {
  return call.kind === 'compact' ? call.revision : 0;
}
