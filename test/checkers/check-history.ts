/** Runs every checker that applies to one history. */
import { checkAppendCycles } from './append-cycles.js';
import type { AppendRecord } from './append-op.js';
import type { FinalHistory } from './final-history.js';
import { checkLinearizability } from './linearizable.js';
import type { Operation } from './operation.js';
import { checkRevisionOrder } from './revision-order.js';

export interface HistoryViolation {
  readonly checker: 'revision order' | 'linearizability' | 'append cycles';
  /** One sentence: client, call, and what contradicts it. */
  readonly message: string;
}

export interface HistoryContext {
  /** The list transactions among the operations, as their client understood them. */
  readonly appends?: readonly AppendRecord[];
  readonly finalHistory?: FinalHistory;
  /** The revision of the empty store that the history started on; 1 when absent. */
  readonly firstRevision?: number;
}

/**
 * Nothing when all is well. The history must hold every write that anybody sent. Keys that begin with `r` are registers
 * and see at most 200 operations each: more throws.
 */
export function checkHistory(
  history: readonly Operation[],
  { appends = [], finalHistory, firstRevision }: HistoryContext = {},
): readonly HistoryViolation[] {
  const said = (checker: HistoryViolation['checker'], messages: readonly string[]): readonly HistoryViolation[] =>
    messages.map((message) => ({ checker, message }));
  return [
    ...said('revision order', checkRevisionOrder(history, { finalHistory, firstRevision })),
    ...said('linearizability', checkLinearizability(history)),
    ...said('append cycles', checkAppendCycles(appends)),
  ];
}
