/**
 * What clients saw, as data: every call with its times and its outcome, and every fault. A history is kept in memory
 * for the checks and, line by line, in a file (JSON lines, one HistoryRecord each, in order of their end) that other
 * checkers can read later. Times are milliseconds of the test process's monotonic clock, with fractions.
 */
import { createWriteStream, type WriteStream } from 'node:fs';

export type HistoryRecord = RunRecord | OperationRecord | FaultRecord;

/** The first line. */
export interface RunRecord {
  readonly type: 'run';
  readonly program: string;
  readonly seed: number;
  readonly startedAt: string;
}

export interface FaultRecord {
  readonly type: 'fault';
  readonly kind: 'kill' | 'restart';
  readonly member: string;
  readonly atMs: number;
}

/** Calls of one client do not overlap. A call that happened did so after `startMs`; if answered, before `endMs`. */
export interface OperationRecord {
  readonly type: 'operation';
  readonly client: number;
  /** The member that was asked. */
  readonly member: string;
  readonly call: Call;
  readonly outcome: Outcome;
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * `value` is unique in a history: no two calls write the same one.
 * `cas` writes `value` at `key` and at `logKey`, which no other call writes, provided that `key` was last written at
 * revision `expected` (0: never).
 */
export type Call =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | {
      readonly kind: 'cas';
      readonly key: string;
      readonly logKey: string;
      readonly value: string;
      readonly expected: number;
    }
  /** A linearizable read of one key. */
  | { readonly kind: 'get'; readonly key: string };

export type WriteCall = Exclude<Call, { kind: 'get' }>;

/** `revision` is always the one in the answer's header. */
export type Outcome =
  /** The write happened, at `revision`. */
  | { readonly kind: 'acknowledged'; readonly revision: number }
  /** The condition of a `cas` did not hold at `revision`: nothing was written. */
  | { readonly kind: 'refused'; readonly revision: number }
  /** What a `get` found; without `found` there was no such key. */
  | {
      readonly kind: 'read';
      readonly revision: number;
      readonly found?: { readonly value: string; readonly modRevision: number };
    }
  /** It surely did not and will not happen. */
  | { readonly kind: 'failed'; readonly code: number; readonly text: string }
  /** It may have happened, or may still happen. */
  | { readonly kind: 'unknown'; readonly code: number; readonly text: string };

export class History {
  readonly operations: OperationRecord[] = [];
  readonly #file: WriteStream;
  readonly #waiting = new Set<(operation: OperationRecord) => void>();

  constructor(
    run: RunRecord,
    readonly path: string,
  ) {
    this.#file = createWriteStream(path);
    this.#write(run);
  }

  addOperation(operation: OperationRecord): void {
    this.operations.push(operation);
    this.#write(operation);
    for (const notify of this.#waiting) notify(operation);
  }

  addFault(fault: FaultRecord): void {
    this.#write(fault);
  }

  /** The next write that is acknowledged and was started at `startedSince` or later. Rejects after `timeoutMs`. */
  untilAcknowledged(startedSince: number, timeoutMs: number): Promise<OperationRecord> {
    return new Promise((resolve, reject) => {
      const settle = (operation?: OperationRecord): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        if (operation === undefined) reject(new Error(`no write was acknowledged for ${timeoutMs} ms`));
        else resolve(operation);
      };
      const look = (operation: OperationRecord): void => {
        if (operation.outcome.kind === 'acknowledged' && operation.startMs >= startedSince) settle(operation);
      };
      const timer = setTimeout(settle, timeoutMs);
      this.#waiting.add(look);
    });
  }

  /** Resolves when the file is complete. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#file.end(resolve));
  }

  #write(record: HistoryRecord): void {
    this.#file.write(`${JSON.stringify(record)}\n`);
  }
}
