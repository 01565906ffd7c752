/** Who wrote what: a value under its key belongs to one call, so whoever sees it knows that the call happened. */
import { describeOperation } from './describe.js';
import type { Operation } from './operation.js';
import { putsOf } from './operation-facts.js';

export class WrittenValues {
  /** By value, then by key. */
  readonly #writers = new Map<string, Map<string, Operation>>();
  /** Of a history that no checker can judge. */
  readonly duplicates: readonly string[];

  constructor(history: readonly Operation[]) {
    const duplicates: string[] = [];
    for (const operation of history) {
      for (const { key, value } of putsOf(operation.call)) {
        const byKey = this.#writers.get(value) ?? new Map<string, Operation>();
        this.#writers.set(value, byKey);
        const other = byKey.get(key) ?? operation;
        if (other !== operation) {
          duplicates.push(
            `two calls write ${key}=${value}: ${describeOperation(other)}; ${describeOperation(operation)}`,
          );
        }
        byKey.set(key, other);
      }
    }
    this.duplicates = duplicates;
  }

  writerOf(key: string, value: string): Operation | undefined {
    return this.#writers.get(value)?.get(key);
  }

  /** The keys that the value was written under. */
  keysOf(value: string): readonly string[] {
    return [...(this.#writers.get(value)?.keys() ?? [])];
  }
}
