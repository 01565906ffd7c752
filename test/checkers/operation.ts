/**
 * What a client asked and what it saw, as plain data (JSON), from the simulator as from real processes. Every checker
 * reads this and nothing else.
 */

export interface Operation {
  /** Calls of one client do not overlap. */
  readonly client: number;
  /** The member that was asked. */
  readonly member: string;
  readonly call: Call | LeaseEnd;
  readonly outcome: Outcome;
  /** True time, in milliseconds. A call that happened did so after `startMs`; if answered, before `endMs`. */
  readonly startMs: number;
  readonly endMs: number;
}

/** Values that are written are unique in a history: no two puts, of whatever call, write the same one. */
export type Call =
  | Put
  | (Range & { readonly read: 'linearizable' | 'serializable' })
  | DeleteRange
  | Txn
  | { readonly kind: 'compact'; readonly revision: number };

export interface Put {
  readonly kind: 'put';
  readonly key: string;
  readonly value: string;
  /** The lease that the key hangs on from now on, by its decimal number; absent: none. */
  readonly lease?: string;
}

/**
 * No call of any client: the store has ended a lease, because it ran out or because somebody revoked it, and with it all
 * keys that hung on it. Only ends that took keys with them stand in a history.
 */
export interface LeaseEnd {
  readonly kind: 'leaseEnd';
  readonly lease: string;
}

/** Of one key, or of key <= k < rangeEnd. */
export interface Range {
  readonly kind: 'range';
  readonly key: string;
  readonly rangeEnd?: string;
  /** 0: the current one. */
  readonly revision: number;
  /** 0: no limit. */
  readonly limit: number;
}

export interface DeleteRange {
  readonly kind: 'deleteRange';
  readonly key: string;
  readonly rangeEnd?: string;
}

export interface Txn {
  readonly kind: 'txn';
  readonly compares: readonly Compare[];
  readonly success: readonly TxnOp[];
  readonly failure: readonly TxnOp[];
}

/** A key that is not there has version, create and mod revision 0 and fails every comparison of its value. */
export type Compare =
  | {
      readonly key: string;
      readonly target: 'version' | 'create' | 'mod';
      readonly is: 'equal' | 'greater' | 'less';
      readonly operand: number;
    }
  | { readonly key: string; readonly target: 'value'; readonly is: 'equal'; readonly operand: string };

export type TxnOp = Put | Range | DeleteRange;

export type Outcome =
  /** `revision` is the one in the answer's header. */
  | { readonly kind: 'ok'; readonly revision: number; readonly answer: Answer }
  /** It surely did not and never will happen. Of a `compact`, COMPACTED and FUTURE_REVISION are answers of the store. */
  | { readonly kind: 'failed'; readonly code: string }
  /** It may have happened, or may still happen. */
  | { readonly kind: 'unknown'; readonly code: string };

export type Answer =
  | { readonly kind: 'put' }
  | RangeAnswer
  | { readonly kind: 'deleteRange'; readonly deleted: number }
  | { readonly kind: 'txn'; readonly succeeded: boolean; readonly results: readonly OpAnswer[] }
  | { readonly kind: 'compact' }
  /** The keys that were deleted, in byte order. */
  | { readonly kind: 'leaseEnd'; readonly keys: readonly string[] };

export type OpAnswer = Exclude<Answer, { kind: 'txn' | 'compact' | 'leaseEnd' }>;

export interface RangeAnswer {
  readonly kind: 'range';
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** Absent: none. */
  readonly lease?: string;
}
