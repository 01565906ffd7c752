/** Key-values that were shown to somebody, against those that were written. */
import { describeKeyValue, describeOperation } from './describe.js';
import type { KeyValue, Operation } from './operation.js';
import { type Answered, looksOf } from './operation-facts.js';
import type { Placed } from './real-time.js';
import type { WrittenValues } from './written-values.js';

export class Sightings {
  readonly #values: WrittenValues;
  /** Where calls with an unknown outcome were seen to stand. */
  readonly #revisions = new Map<Operation, number>();
  readonly #violations: string[] = [];
  /** Told about already. */
  readonly #told = new Set<string>();

  constructor(values: WrittenValues, answered: readonly Answered[]) {
    this.#values = values;
    for (const operation of answered) {
      for (const { answer } of looksOf(operation)) for (const kv of answer.kvs) this.#add(kv, operation);
    }
  }

  get violations(): readonly string[] {
    return this.#violations;
  }

  has(unknown: Operation): boolean {
    return this.#revisions.has(unknown);
  }

  placed(): readonly Placed[] {
    return [...this.#revisions].map(([operation, revision]) => ({ operation, revision, isWrite: true }));
  }

  #add(kv: KeyValue, seenBy: Operation): void {
    const writer = this.#values.writerOf(kv.key, kv.value);
    if (writer === undefined) {
      const others = this.#values.keysOf(kv.value);
      const elsewhere = others.length === 0 ? '' : ` there, but under ${others.join(', ')}`;
      this.#tell(kv, seenBy, `nobody wrote that${elsewhere}`);
    } else if (writer.outcome.kind === 'failed') {
      this.#tell(kv, seenBy, `it was written by a call that failed: ${describeOperation(writer)}`);
    } else if (writer.outcome.kind === 'unknown') {
      const known = this.#revisions.get(writer) ?? kv.modRevision;
      this.#revisions.set(writer, known);
      if (known !== kv.modRevision) {
        this.#tell(
          kv,
          seenBy,
          `it was also seen at revision ${known}, so it happened twice: ${describeOperation(writer)}`,
        );
      }
    }
  }

  #tell(kv: KeyValue, seenBy: Operation, complaint: string): void {
    const shown = describeKeyValue(kv);
    if (this.#told.has(shown)) return;
    this.#told.add(shown);
    this.#violations.push(`${describeOperation(seenBy)} shows ${shown}: ${complaint}`);
  }
}
