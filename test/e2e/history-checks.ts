/**
 * Judges a history of real processes: by the checkers that judge the simulator's, and besides by what every single
 * member holds in the end. Pure; every check has planted faults in its own test.
 */
import type { AppendRecord } from '../checkers/append-op.js';
import { checkHistory } from '../checkers/check-history.js';
import { describeKeyValue, describeOperation } from '../checkers/describe.js';
import type { FinalHistory } from '../checkers/final-history.js';
import type { KeyValue, Operation } from '../checkers/operation.js';
import { isAnswered, putsOf, stepsOf } from '../checkers/operation-facts.js';

export interface Evidence {
  readonly operations: readonly Operation[];
  readonly appends: readonly AppendRecord[];
  /** By the name of the member: all that was ever written, up to one revision. */
  readonly members: Readonly<Record<string, FinalHistory>>;
  /** Of an empty store: the first write makes the next one. */
  readonly firstRevision: number;
}

/** One sentence for each violation, the checker's name first; none when all is well. */
export function violationsOf({ operations, appends, members, firstRevision }: Evidence): readonly string[] {
  const [first] = Object.entries(members);
  if (first === undefined) throw new Error('nothing to check: no member');
  const judged = checkHistory(operations, { appends, finalHistory: first[1], firstRevision });
  const promised = operations.flatMap(promisesOf);
  const possible = new Set(operations.flatMap(possiblePuts));
  return [
    ...judged.map(({ checker, message }) => `${checker}: ${message}`),
    ...Object.entries(members).flatMap((member) => [
      ...lost(member, promised),
      ...phantoms(member, possible),
      ...differences(member, first),
    ]),
  ];
}

type Held = readonly [name: string, history: FinalHistory];

interface Promised {
  readonly operation: Operation;
  readonly put: string;
  readonly revision: number;
}

/** The puts that a client was told had happened. */
function promisesOf(operation: Operation): readonly Promised[] {
  if (!isAnswered(operation)) return [];
  const { revision } = operation.outcome;
  return stepsOf(operation).flatMap(([op]) =>
    op.kind === 'put' ? [{ operation, put: nameOf(op.key, op.value), revision }] : [],
  );
}

/** The puts that may be found in a store. */
function possiblePuts(operation: Operation): readonly string[] {
  if (isAnswered(operation)) return promisesOf(operation).map(({ put }) => put);
  if (operation.outcome.kind === 'failed') return [];
  return putsOf(operation.call).map(({ key, value }) => nameOf(key, value));
}

function lost([name, history]: Held, promised: readonly Promised[]): readonly string[] {
  const held = new Map(allOf(history).map((kv) => [nameOf(kv.key, kv.value), kv.modRevision]));
  return promised.flatMap(({ operation, put, revision }) => {
    const at = held.get(put);
    if (at === revision) return [];
    return [`members: ${describeOperation(operation)}: ${name} has it ${at === undefined ? 'not' : `at ${at}`}`];
  });
}

/** What is there and nobody wrote. */
function phantoms([name, history]: Held, possible: ReadonlySet<string>): readonly string[] {
  return allOf(history)
    .filter(({ key, value }) => !possible.has(nameOf(key, value)))
    .map((kv) => `members: ${name} has ${describeKeyValue(kv)}, which nobody wrote`);
}

function differences([name, history]: Held, [firstName, firstHistory]: Held): readonly string[] {
  const [ours, theirs] = [allOf(firstHistory), allOf(history)];
  for (let index = 0; index < Math.max(ours.length, theirs.length); index += 1) {
    const [our, their] = [describeKeyValue(ours[index]), describeKeyValue(theirs[index])];
    if (our !== their) return [`members: ${firstName} has ${our}, ${name} has ${their}`];
  }
  return [];
}

function allOf({ current, past }: FinalHistory): readonly KeyValue[] {
  return [...past, ...current];
}

function nameOf(key: string, value: string): string {
  return `${key}=${value}`;
}
