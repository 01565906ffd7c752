/** Transactions: conditions, and one of two lists of operations, in one step. What comes back is typed by its place. */
import type { LeaseId, Revision } from '../core/ids.js';
import { QuorateError } from '../core/quorate-error.js';
import type { Caller, CallOptions } from '../calls/caller.js';
import type { Bytes } from '../wire/bytes.js';
import { isSingleKey, type KeyRange } from '../wire/key-range.js';
import type { KeyValue } from '../wire/key-value.js';
import type { DeleteResult, PutResult, RangeResult } from '../wire/kv-answers.js';
import type { Sort } from '../wire/kv-requests.js';
import type { Condition as WireCondition, Guard, Relation, TxnAnswer, TxnOp } from '../wire/txn-wire.js';
import { type LeaseLike, leaseIdOf } from './lease-like.js';
import type { Requests } from './requests.js';

declare const resultType: unique symbol;

/** An operation of a transaction, and what comes of it. */
export class Op<Result> {
  declare readonly [resultType]: Result;
  /** @internal */
  readonly wire: TxnOp;

  /** @internal */
  constructor(wire: TxnOp) {
    this.wire = wire;
  }
}

export interface PutOptions {
  /** Deletes the key when it ends. */
  readonly lease?: LeaseLike;
  /** Return the key as it was before. */
  readonly prevKv?: boolean;
  /** Keep the lease that the key has. */
  readonly keepLease?: boolean;
}

/** Writes a key. */
export function put(key: Bytes, value: Bytes, options: PutOptions = {}): Op<PutResult> {
  return new Op({ kind: 'put', key, value, options: putFields(options) });
}

export function putFields({ lease, prevKv, keepLease }: PutOptions): {
  readonly lease: LeaseId | undefined;
  readonly prevKv: boolean | undefined;
  readonly keepLease: boolean | undefined;
} {
  return { lease: leaseIdOf(lease), prevKv, keepLease };
}

export interface GetOptions {
  readonly limit?: number;
  readonly keysOnly?: boolean;
  readonly sort?: Sort;
}

/** Reads a key, or a range of them, as it stands at this place of the transaction. */
export function get(key: Bytes): Op<KeyValue | null>;
export function get(range: Exclude<KeyRange, Bytes>, options?: GetOptions): Op<RangeResult>;
export function get(range: KeyRange, options: GetOptions = {}): Op<KeyValue | null> | Op<RangeResult> {
  return isSingleKey(range)
    ? new Op<KeyValue | null>({ kind: 'getOne', key: range })
    : new Op<RangeResult>({ kind: 'getRange', range, options });
}

/** Deletes a key, or a range of them. */
export function del(range: KeyRange, { prevKv = false }: { readonly prevKv?: boolean } = {}): Op<DeleteResult> {
  return new Op({ kind: 'delete', range, prevKv });
}

/**
 * Raises the mark at `key` to the token of a grant, and refuses the whole transaction with FENCED when it is higher already:
 * whoever holds a newer grant was here before. The mark is the value of the key, in decimal.
 */
export function fence(key: Bytes, grant: { readonly token: number }): Op<PutResult> {
  return new Op({ kind: 'fence', key, token: grant.token });
}

/** What must hold of a key. */
export class Condition {
  /** @internal */
  readonly wire: WireCondition;

  /** @internal */
  constructor(wire: WireCondition) {
    this.wire = wire;
  }
}

/** Compares one property of a key. */
export interface Property<Operand> {
  equals(operand: Operand): Condition;
  notEquals(operand: Operand): Condition;
  greaterThan(operand: Operand): Condition;
  lessThan(operand: Operand): Condition;
}

export interface Comparison {
  /** No condition on the value of a key that does not exist is ever true. */
  readonly value: Property<Bytes>;
  /** 0: the key does not exist. */
  readonly version: Property<number>;
  readonly createRevision: Property<Revision>;
  readonly modRevision: Property<Revision>;
  /** Undefined: none. */
  readonly lease: Property<LeaseLike | undefined>;
  exists(): Condition;
  absent(): Condition;
}

/** Begins a condition: `cmp('key').modRevision.equals(revision)`. */
export function cmp(key: Bytes): Comparison {
  const property = <Operand>(make: (is: Relation, operand: Operand) => WireCondition): Property<Operand> => ({
    equals: (operand) => new Condition(make('equal', operand)),
    notEquals: (operand) => new Condition(make('notEqual', operand)),
    greaterThan: (operand) => new Condition(make('greater', operand)),
    lessThan: (operand) => new Condition(make('less', operand)),
  });
  const version = property<number>((is, operand) => ({ key, is, target: 'version', operand }));
  return {
    value: property((is, operand) => ({ key, is, target: 'value', operand })),
    version,
    createRevision: property((is, operand) => ({ key, is, target: 'createRevision', operand })),
    modRevision: property((is, operand) => ({ key, is, target: 'modRevision', operand })),
    lease: property((is, operand) => ({ key, is, target: 'lease', operand: leaseIdOf(operand) })),
    exists: () => version.greaterThan(0),
    absent: () => version.equals(0),
  };
}

type Ops = readonly Op<unknown>[];

/** What comes of each operation, by its place. */
export type Results<List extends Ops> = {
  -readonly [Place in keyof List]: List[Place] extends Op<infer R> ? R : never;
};

/** Which list ran, and what came of it. */
export type TxnResult<Then extends Ops, Else extends Ops> =
  | { readonly ok: true; readonly revision: Revision; readonly results: Results<Then> }
  | { readonly ok: false; readonly revision: Revision; readonly results: Results<Else> };

/** What a transaction may require: a grant or a term of this client. */
export interface Required {
  assertHeld(): void;
  /** @internal */
  readonly guards: readonly Guard[];
}

interface Parts {
  readonly required: readonly Required[];
  readonly conditions: readonly Condition[];
  readonly success: Ops;
  readonly failure: Ops;
}

export class Txn<Then extends Ops = readonly [], Else extends Ops = readonly []> {
  readonly #caller: Caller;
  readonly #requests: Requests;
  readonly #parts: Parts;

  /** @internal */
  constructor(
    caller: Caller,
    requests: Requests,
    parts: Parts = { required: [], conditions: [], success: [], failure: [] },
  ) {
    this.#caller = caller;
    this.#requests = requests;
    this.#parts = parts;
  }

  /**
   * Neither list runs unless the grants are current when the cluster applies the transaction: `commit` rejects with FENCED
   * then, or before anything is sent with GRANT_LOST where this client knows already. Together with those that were given
   * before.
   */
  require(...grants: readonly Required[]): Txn<Then, Else> {
    return this.#with({ required: [...this.#parts.required, ...grants] });
  }

  /** All must hold, together with those that were given before. */
  if(...conditions: readonly Condition[]): Txn<Then, Else> {
    return this.#with({ conditions: [...this.#parts.conditions, ...conditions] });
  }

  /** Runs when all conditions hold. */
  // Awaiting a transaction that is not committed ends in an error, because what `await` passes are no operations.
  // oxlint-disable-next-line unicorn/no-thenable -- the pair to `if` and `else`
  then<const List extends Ops>(...ops: List): Txn<List, Else> {
    checkOps(ops);
    return this.#with({ success: ops });
  }

  /** Runs when some condition does not hold. */
  else<const List extends Ops>(...ops: List): Txn<Then, List> {
    checkOps(ops);
    return this.#with({ failure: ops });
  }

  async commit(options: CallOptions = {}): Promise<TxnResult<Then, Else>> {
    const { required } = this.#parts;
    for (const grant of required) grant.assertHeld();
    const answer = await (required.length === 0 ? this.#plain(options) : this.#guarded(options));
    if (answer === undefined) {
      throw new QuorateError('FENCED', { detail: 'a grant that the transaction requires is not current' });
    }
    const { succeeded, revision, results } = answer;
    // The results were read as what the operations ask for, one for each.
    return { ok: succeeded, revision, results } as TxnResult<Then, Else>;
  }

  #plain(options: CallOptions): Promise<TxnAnswer> {
    const { conditions, success, failure } = this.#parts;
    return this.#caller.call(
      this.#requests.txn(conditions.map(wireOf), success.map(wireOf), failure.map(wireOf)),
      options,
    );
  }

  #guarded(options: CallOptions): Promise<TxnAnswer | undefined> {
    const { required, conditions, success, failure } = this.#parts;
    const guards = required.flatMap((grant) => grant.guards);
    const lists = [conditions.map(wireOf), success.map(wireOf), failure.map(wireOf)] as const;
    return this.#caller.call(this.#requests.guardedTxn(guards, ...lists), options);
  }

  #with<NewThen extends Ops, NewElse extends Ops>(parts: Partial<Parts>): Txn<NewThen, NewElse> {
    return new Txn<NewThen, NewElse>(this.#caller, this.#requests, { ...this.#parts, ...parts });
  }
}

function wireOf<Wire>({ wire }: { readonly wire: Wire }): Wire {
  return wire;
}

function checkOps(ops: Ops): void {
  for (const op of ops as readonly unknown[]) {
    if (op instanceof Op) continue;
    const detail = 'a transaction is made of put(), get() and del(), and sent by commit()';
    throw new QuorateError('INVALID_ARGUMENT', { detail });
  }
}
