/**
 * A transaction that clears everything from a key on, as etcd allows it beside puts of the same keys: it may write a key
 * twice. What it puts at last is there afterwards, so the revision shows.
 */
import type { TxnOp } from '../../checkers/operation.js';
import { chance } from './draw.js';
import { fresh, type Play } from './turn.js';

export const sweep: Play = (turn) => {
  const { key, rangeEnd, names } = turn.keys.swept(turn.random);
  const before = names.slice(1).filter(() => chance(turn.random, 50));
  const after = names.slice(0, 1);
  const clear: TxnOp = { kind: 'deleteRange', key, rangeEnd };
  const put = (name: string): TxnOp => ({ kind: 'put', key: name, value: fresh(turn) });
  return turn.insist(() => {
    return { kind: 'txn', compares: [], success: [...before.map(put), clear, ...after.map(put)], failure: [] };
  });
};
