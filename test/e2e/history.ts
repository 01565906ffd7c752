/**
 * What clients saw, as data: every call with its times and its outcome, and every fault. A history is kept in memory
 * for the checkers and, line by line, in a file (JSON lines, one HistoryRecord each, in order of their end) that they
 * can read later. Times are milliseconds of the test process's monotonic clock, with fractions.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import type { AppendRecord } from '../checkers/append-op.js';
import type { Operation } from '../checkers/operation.js';
import { hasWritten, isAnswered } from '../checkers/operation-facts.js';

export type HistoryRecord = RunRecord | OperationRecord | ListRecord | FaultRecord;

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

export interface OperationRecord extends Operation {
  readonly type: 'operation';
}

/** A transaction over lists, as its client understood it; the call itself is an operation besides. */
export interface ListRecord extends AppendRecord {
  readonly type: 'append';
}

export class History {
  readonly operations: Operation[] = [];
  readonly appends: AppendRecord[] = [];
  readonly #file: WriteStream;
  readonly #waiting = new Set<(operation: Operation) => void>();

  constructor(
    run: RunRecord,
    readonly path: string,
  ) {
    this.#file = createWriteStream(path);
    this.#write(run);
  }

  addOperation(operation: Operation): void {
    this.operations.push(operation);
    this.#write({ type: 'operation', ...operation });
    for (const notify of this.#waiting) notify(operation);
  }

  addAppend(append: AppendRecord): void {
    this.appends.push(append);
    this.#write({ type: 'append', ...append });
  }

  addFault(fault: FaultRecord): void {
    this.#write(fault);
  }

  /** The next write that is acknowledged and was started at `startedSince` or later. Rejects after `timeoutMs`. */
  untilAcknowledged(startedSince: number, timeoutMs: number): Promise<Operation> {
    return new Promise((resolve, reject) => {
      const settle = (operation?: Operation): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        if (operation === undefined) reject(new Error(`no write was acknowledged for ${timeoutMs} ms`));
        else resolve(operation);
      };
      const look = (operation: Operation): void => {
        if (isAcknowledged(operation) && operation.startMs >= startedSince) settle(operation);
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

/** Whether it wrote, and its client was told so. */
export function isAcknowledged(operation: Operation): boolean {
  return isAnswered(operation) && hasWritten(operation);
}
