/**
 * Whether the calls on each register can be put into one order that explains every answer and agrees with the clock. It
 * looks at values alone, never at the order that revisions claim: so a member that lies about revisions does not
 * deceive it. Serializable reads and reads of old revisions are left out.
 */
import { describeOperation } from './describe.js';
import { type Register, type RegisterCall, registersIn, type State } from './linearizable-register.js';
import { Search, seenBy, type Verdict } from './linearizable-search.js';
import type { Operation } from './operation.js';

/** The number of orders grows fast: a register retires after so many calls. */
export const REGISTER_OPERATIONS_MAX = 200;

/** Different sets of calls that were tried as the beginning of the order, for one register. */
const stepsMax = 100_000;

/** One sentence for each register that is not linearizable or could not be decided; throws when there are too many calls. */
export function checkLinearizability(history: readonly Operation[]): readonly string[] {
  return registersIn(history).flatMap((register) => {
    const { key, calls, values } = register;
    if (calls.length > REGISTER_OPERATIONS_MAX) {
      throw new Error(
        `register ${key} has ${calls.length} operations, more than REGISTER_OPERATIONS_MAX = ${REGISTER_OPERATIONS_MAX}`,
      );
    }
    const verdict = new Search(calls, values.length, stepsMax).run();
    if (verdict === 'possible') return [];
    if (verdict === 'undecided')
      return [`${key}: undecided: ${stepsMax} steps did not tell if its calls have an order`];
    return [complaint(register)];
  });
}

/** Names the first answer that has no place, and what could have been there instead. */
function complaint({ key, calls, values }: Register): string {
  const answered = calls.filter(({ isOptional }) => !isOptional);
  const byEnd = answered.toSorted((a, b) => a.operation.endMs - b.operation.endMs);
  const search = (count: number): { verdict: Verdict; state: State } => {
    const run = new Search(onlyFirst(byEnd.slice(0, count), calls), values.length, stepsMax);
    return { verdict: run.run(), state: run.state };
  };
  let [possible, impossible] = [0, byEnd.length];
  while (impossible - possible > 1) {
    const middle = (possible + impossible) >>> 1;
    if (search(middle).verdict === 'possible') possible = middle;
    else impossible = middle;
  }
  const culprit = byEnd[possible];
  if (culprit === undefined) return `${key}: no order`;
  const name = (state: State): string => (values[state] === undefined ? 'nothing' : `${key}=${values[state]}`);
  const seen = seenBy(culprit.ways[0]);
  return (
    `${key}: ${describeOperation(culprit.operation)} has no place in any order: ` +
    `what was answered before can leave ${name(search(possible).state)}` +
    (seen === undefined ? '' : `; ${name(seen)} was ${makersOf(seen, calls)}`)
  );
}

/** What was answered later may have happened or not. */
function onlyFirst(first: readonly RegisterCall[], calls: readonly RegisterCall[]): readonly RegisterCall[] {
  const answered = new Set(first);
  return calls.flatMap((call) => {
    if (answered.has(call)) return [call];
    return call.ways.some(({ sets }) => sets !== undefined) ? [{ ...call, isOptional: true }] : [];
  });
}

function makersOf(state: State, calls: readonly RegisterCall[]): string {
  const makers = calls.filter(({ ways }) => ways.some(({ sets }) => sets === state));
  if (makers.length === 0) return state === 0 ? 'true only at first' : 'written by no call that may have happened';
  return `made by ${makers.map(({ operation }) => describeOperation(operation)).join('; ')}`;
}
