/**
 * What the key-value store is: one request after the other. It keeps every version of every key, so that any revision
 * can still be read, and takes requests back, so that a checker can try what an unknown call may have done. Requests
 * that a store refuses for their form (a key put twice, an empty key) are not its business.
 *
 * revision:  1      2      3        4           5
 * request:   -      a:=x   b:=y     delete a    a:=z
 * a:                1      1        -           1 (created at 5)
 */
import type {
  Answer,
  Compare,
  DeleteRange,
  KeyValue,
  LeaseEnd,
  OpAnswer,
  Put,
  Range,
  RangeAnswer,
  Txn,
  TxnOp,
} from './operation.js';

export type Refusal = 'COMPACTED' | 'FUTURE_REVISION';

/** `kv` is undefined where the key was deleted. */
export interface Version {
  readonly revision: number;
  readonly kv: KeyValue | undefined;
}

interface Interval {
  readonly key: string;
  /** Absent or empty: the one key. `\0`: every key from `key` on. */
  readonly rangeEnd?: string;
}

export class KvSpec {
  #revision: number;
  #compacted = -1;
  /** Oldest first. A transaction may write a key twice at one revision. */
  readonly #versions = new Map<string, Version[]>();
  /** Every key that was ever written, sorted. */
  readonly #keys: string[] = [];
  /** One for each version, in the order of writing. */
  readonly #journal: { readonly revision: number; readonly key: string }[] = [];

  /** `revision` is the one of the empty store. */
  constructor(revision = 1) {
    this.#revision = revision;
  }

  get revision(): number {
    return this.#revision;
  }

  /** The key-value at `revision`, after everything that was done then. */
  get(key: string, revision = Infinity): KeyValue | undefined {
    const versions = this.#versions.get(key) ?? [];
    return versions[firstIndex(versions.length, (index) => (versions[index]?.revision ?? 0) > revision) - 1]?.kv;
  }

  /** The versions of a key that were written after `revision`, oldest first. */
  versionsAfter(key: string, revision: number): readonly Version[] {
    const versions = this.#versions.get(key) ?? [];
    return versions.slice(firstIndex(versions.length, (index) => (versions[index]?.revision ?? 0) > revision));
  }

  range(query: Range): RangeAnswer | Refusal {
    return this.#refusalOf(query) ?? this.#answer(query);
  }

  /** Takes the next revision if anything is written, else leaves all as it was. */
  apply(call: Put | DeleteRange | Txn | LeaseEnd): Answer | Refusal {
    const written = this.#journal.length;
    const answer =
      call.kind === 'txn' ? this.#txn(call) : call.kind === 'leaseEnd' ? this.#endLease(call) : this.#run(call);
    if (this.#journal.length > written) this.#revision += 1;
    return answer;
  }

  compact(revision: number): Refusal | undefined {
    if (revision <= this.#compacted) return 'COMPACTED';
    if (revision > this.#revision) return 'FUTURE_REVISION';
    this.#compacted = revision;
    return undefined;
  }

  /** The keys that were written at `revision`, in order. */
  writtenAt(revision: number): readonly string[] {
    const from = firstIndex(this.#journal.length, (index) => (this.#journal[index]?.revision ?? 0) >= revision);
    const to = firstIndex(this.#journal.length, (index) => (this.#journal[index]?.revision ?? 0) > revision);
    return this.#journal.slice(from, to).map(({ key }) => key);
  }

  /** Goes on at `revision`: a later one is taken without a write, with an earlier one all later writes are undone. */
  moveTo(revision: number, compacted = this.#compacted): void {
    for (let last = this.#journal.at(-1); last !== undefined && last.revision > revision; last = this.#journal.at(-1)) {
      this.#versions.get(last.key)?.pop();
      this.#journal.pop();
    }
    this.#revision = revision;
    this.#compacted = compacted;
  }

  get compacted(): number {
    return this.#compacted;
  }

  #refusalOf({ revision }: Range): Refusal | undefined {
    if (revision > this.#revision) return 'FUTURE_REVISION';
    return revision > 0 && revision < this.#compacted ? 'COMPACTED' : undefined;
  }

  #answer(query: Range): RangeAnswer {
    const at = query.revision > 0 ? query.revision : Infinity;
    const all = this.#keysIn(query).flatMap((key) => this.get(key, at) ?? []);
    const kvs = query.limit > 0 ? all.slice(0, query.limit) : all;
    return { kind: 'range', kvs, more: kvs.length < all.length, count: all.length };
  }

  #keysIn({ key, rangeEnd = '' }: Interval): readonly string[] {
    if (rangeEnd === '') return [key];
    const from = firstIndex(this.#keys.length, (index) => (this.#keys[index] ?? '') >= key);
    if (rangeEnd === '\0') return this.#keys.slice(from);
    return this.#keys.slice(
      from,
      firstIndex(this.#keys.length, (index) => (this.#keys[index] ?? '') >= rangeEnd),
    );
  }

  /** Every compare looks at the state before; the operations then see each other's writes. */
  #txn({ compares, success, failure }: Txn): Answer | Refusal {
    const succeeded = compares.every((compare) => holds(compare, this.get(compare.key)));
    const ops = succeeded ? success : failure;
    for (const op of ops) {
      const refusal = op.kind === 'range' ? this.#refusalOf(op) : undefined;
      if (refusal !== undefined) return refusal;
    }
    return { kind: 'txn', succeeded, results: ops.map((op) => this.#run(op)) };
  }

  #run(op: TxnOp): OpAnswer {
    if (op.kind === 'range') return this.#answer(op);
    if (op.kind === 'put') {
      this.#put(op);
      return { kind: 'put' };
    }
    const keys = this.#keysIn(op).filter((key) => this.get(key) !== undefined);
    for (const key of keys) this.#write(key, undefined);
    return { kind: 'deleteRange', deleted: keys.length };
  }

  #put({ key, value, lease }: Put): void {
    const previous = this.get(key);
    const modRevision = this.#revision + 1;
    const createRevision = previous?.createRevision ?? modRevision;
    const kv = { key, value, createRevision, modRevision, version: (previous?.version ?? 0) + 1 };
    this.#write(key, lease === undefined ? kv : { ...kv, lease });
  }

  /** Which leases are alive is not known here: what hangs on this one goes. */
  #endLease({ lease }: LeaseEnd): Answer {
    const keys = this.#keys.filter((key) => this.get(key)?.lease === lease);
    for (const key of keys) this.#write(key, undefined);
    return { kind: 'leaseEnd', keys };
  }

  #write(key: string, kv: KeyValue | undefined): void {
    const revision = this.#revision + 1;
    const versions = this.#versions.get(key);
    if (versions === undefined) {
      this.#versions.set(key, [{ revision, kv }]);
      this.#keys.splice(
        firstIndex(this.#keys.length, (index) => (this.#keys[index] ?? '') > key),
        0,
        key,
      );
    } else versions.push({ revision, kv });
    this.#journal.push({ revision, key });
  }
}

/** A key that is not there has zeros for numbers, and no value that anything could equal. */
export function holds(compare: Compare, kv: KeyValue | undefined): boolean {
  if (compare.target === 'value') return kv !== undefined && kv.value === compare.operand;
  const field = ({ version: 'version', create: 'createRevision', mod: 'modRevision' } as const)[compare.target];
  const order = (kv?.[field] ?? 0) - compare.operand;
  return { equal: order === 0, greater: order > 0, less: order < 0 }[compare.is];
}

/** The first index of which `isBeyond` is true; it stays true from there on. */
export function firstIndex(length: number, isBeyond: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBeyond(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
