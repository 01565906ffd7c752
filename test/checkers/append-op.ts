/**
 * Transactions over lists, as clients make them of guarded key-value transactions: a key's value is its whole list, and
 * appending is writing the longer list provided that the key is still as it was read.
 */

/** One attempt. An attempt that is made again is another record, with other elements. */
export interface AppendRecord {
  readonly client: number;
  /** In the order in which they take place inside the transaction. */
  readonly ops: readonly AppendOp[];
  /**
   * `failed`: it surely never happened, as when its guard did not hold. `unknown`: it may have happened, and if so its
   * reads, which its guard vouches for, are true.
   */
  readonly outcome: 'ok' | 'failed' | 'unknown';
  /** Of the guarded transaction: reads that were made before it to learn the lists do not count. */
  readonly startMs: number;
  readonly endMs: number;
}

export type AppendOp =
  /** No element is appended twice, to whatever key, by whatever attempt. */
  | { readonly kind: 'append'; readonly key: string; readonly element: string }
  | { readonly kind: 'read'; readonly key: string; readonly list: readonly string[] };

const separator = ' ';

/** Elements hold no space. The value of a key that is not there stands for the empty list. */
export function encodeList(list: readonly string[]): string {
  return list.join(separator);
}

export function decodeList(value: string): readonly string[] {
  return value === '' ? [] : value.split(separator);
}
