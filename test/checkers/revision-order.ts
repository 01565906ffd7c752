/**
 * The main judge. Every answer carries a revision, so the server itself claims one order of all writes. The claim is
 * put to the test: the order is replayed through the specification, every answer must be the one that the specification
 * gives at that point, and the order must agree with the clock. Calls with an unknown outcome stand where somebody saw
 * their values; revisions that are still missing must have been made by one of the others.
 */
import { checkCompaction, revisionsRefusedFrom } from './compaction-claims.js';
import { describeOperation } from './describe.js';
import { type FinalHistory, readsFrom } from './final-history.js';
import { GapFillers, isWriteCall } from './gap-fillers.js';
import type { Operation } from './operation.js';
import { type Answered, hasWritten, isAnswered, isFitting } from './operation-facts.js';
import { checkRealTime, Floors, type Placed } from './real-time.js';
import { replay } from './replay.js';
import { Sightings } from './sightings.js';
import { slotsFrom } from './slots.js';
import { WrittenValues } from './written-values.js';

export interface RevisionOrderContext {
  readonly finalHistory?: FinalHistory | undefined;
  /** Of the empty store; 1 when absent. */
  readonly firstRevision?: number | undefined;
}

/** One sentence for each violation; none when all is well. */
export function checkRevisionOrder(
  history: readonly Operation[],
  { finalHistory, firstRevision = 1 }: RevisionOrderContext = {},
): readonly string[] {
  const values = new WrittenValues(history);
  if (values.duplicates.length > 0) return values.duplicates;
  const all = [...history, ...(finalHistory === undefined ? [] : readsFrom(finalHistory))].filter(isAnswered);
  const strange = all.flatMap((operation) => strangeness(operation, firstRevision));
  const answered = all.filter((operation) => strangeness(operation, firstRevision).length === 0);
  const sightings = new Sightings(values, answered);
  const seen = sightings.placed();
  const placed = [...answered.map(placeOf), ...seen];
  const floors = new Floors([...placed, ...revisionsRefusedFrom(history)]);
  const unplaced = history.filter((operation) => isLost(operation) && !sightings.has(operation));
  const { slots, violations } = slotsFrom(placed, firstRevision, unplaced.length);
  const inDoubt = slots.flatMap(({ isGap, revision }) => (isGap ? [revision] : []));
  const fillers = new GapFillers({ unplaced, placed: seen, history, answered, floors, inDoubt });
  return [
    ...strange,
    ...sightings.violations,
    ...checkRealTime(placed, floors),
    ...checkCompaction(history, floors, firstRevision),
    ...violations,
    ...replay(slots, fillers, firstRevision),
  ];
}

/**
 * The revisions that no call is known to have made. Reads of the whole store at each of them and at the one before,
 * added to the history before it is judged, save the judge from guessing; without them it may find too much to guess.
 */
export function revisionsInDoubt(history: readonly Operation[], firstRevision = 1): readonly number[] {
  const answered = history.filter(isAnswered).filter((operation) => strangeness(operation, firstRevision).length === 0);
  const sightings = new Sightings(new WrittenValues(history), answered);
  const { slots } = slotsFrom([...answered.map(placeOf), ...sightings.placed()], firstRevision, history.length);
  return slots.filter(({ isGap }) => isGap).map(({ revision }) => revision);
}

/** A write of which nobody knows whether it happened. */
function isLost({ call, outcome }: Operation): boolean {
  return outcome.kind === 'unknown' && isWriteCall(call);
}

function strangeness(operation: Answered, firstRevision: number): readonly string[] {
  const { call, outcome } = operation;
  const revisionMin = hasWritten(operation) ? firstRevision + 1 : firstRevision;
  if (isFitting(call, outcome.answer) && outcome.revision >= revisionMin) return [];
  return [
    `${describeOperation(operation)}: no such call can get such an answer in a store that began at ${firstRevision}`,
  ];
}

function placeOf(operation: Answered): Placed {
  return { operation, revision: operation.outcome.revision, isWrite: hasWritten(operation) };
}
