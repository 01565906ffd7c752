/** The transaction that a load appends to lists with: it holds only while every list is as it was seen. */
import { encodeList } from './append-op.js';
import type { Txn } from './operation.js';

export interface SeenList {
  readonly key: string;
  readonly modRevision: number;
  readonly list: readonly string[];
}

export function appendTxn(seen: readonly SeenList[], added: readonly (SeenList & { readonly element: string })[]): Txn {
  return {
    kind: 'txn',
    compares: seen.map(({ key, modRevision }) => ({ key, target: 'mod', is: 'equal', operand: modRevision })),
    success: added.map(({ key, list, element }) => ({ kind: 'put', key, value: encodeList([...list, element]) })),
    failure: [],
  };
}
