/**
 * What the clients of a run have seen of the store, all of them together. It makes their compares hold often enough to
 * be worth making; no check relies on it, and it may well be stale.
 */
import type { Call, KeyValue, Outcome, RangeAnswer, TxnOp } from '../../checkers/operation.js';

/** Of a key as it was after some write; `version` and `createRevision` are not known to who only wrote it. */
export type Sighting = Pick<KeyValue, 'value' | 'modRevision'> & Partial<KeyValue>;

const MISSING: Sighting = { value: '', modRevision: 0, createRevision: 0, version: 0 };

export class Sightings {
  /** The highest revision in any answer's header. */
  #revision = 1;
  readonly #keys = new Map<string, Sighting>();

  get revision(): number {
    return this.#revision;
  }

  /** A key that nobody has seen counts as missing. */
  of(key: string): Sighting {
    return this.#keys.get(key) ?? MISSING;
  }

  learn(call: Call, outcome: Outcome): void {
    if (outcome.kind !== 'ok') return;
    const { revision, answer } = outcome;
    this.#revision = Math.max(this.#revision, revision);
    if (call.kind === 'put') this.#wrote(call.key, call.value, revision);
    else if (call.kind === 'deleteRange') this.#deleted(call.key, call.rangeEnd);
    else if (call.kind === 'range' && answer.kind === 'range') this.#read(call, answer);
    else if (call.kind === 'txn' && answer.kind === 'txn') {
      (answer.succeeded ? call.success : call.failure).forEach((op, place) => {
        const result = answer.results[place];
        if (op.kind === 'range' && result?.kind === 'range') this.#read(op, result);
        else this.#write(op, revision);
      });
    }
  }

  #write(op: TxnOp, revision: number): void {
    if (op.kind === 'put') this.#wrote(op.key, op.value, revision);
    else if (op.kind === 'deleteRange') this.#deleted(op.key, op.rangeEnd);
  }

  #wrote(key: string, value: string, modRevision: number): void {
    if (modRevision >= this.of(key).modRevision) this.#keys.set(key, { value, modRevision });
  }

  #deleted(key: string, rangeEnd: string | undefined): void {
    for (const known of this.#keys.keys()) {
      if (rangeEnd === undefined ? known === key : known >= key && known < rangeEnd) this.#keys.delete(known);
    }
  }

  #read(range: { key: string; rangeEnd?: string; revision: number }, { kvs }: RangeAnswer): void {
    if (range.revision > 0) return;
    for (const kv of kvs) if (kv.modRevision >= this.of(kv.key).modRevision) this.#keys.set(kv.key, kv);
    if (range.rangeEnd === undefined && kvs.length === 0) this.#keys.delete(range.key);
  }
}
