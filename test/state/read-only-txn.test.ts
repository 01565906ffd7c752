import { expect, it } from 'vitest';
import { isReadOnlyTxn, isSerializableTxn } from '../../server/state/read-only-txn.js';
import { del, put, range, txn } from './commands.js';

const local = range('a', '', { serializable: true });
const linear = range('a');

it.each([
  ['no op at all', txn([]), true, true],
  ['only serializable ranges', txn([local], [local]), true, true],
  ['a linearizable range', txn([local, linear]), true, false],
  ['a linearizable range in the other branch', txn([local], [linear]), true, false],
  ['a put', txn([local, put('a')]), false, false],
  ['a delete in the other branch', txn([], [del('a')]), false, false],
  ['a nested txn, even if it only reads', txn([txn([local])]), false, false],
])('%s', (_, command, isReadOnly, isSerializable) => {
  expect(isReadOnlyTxn(command)).toBe(isReadOnly);
  expect(isSerializableTxn(command)).toBe(isSerializable);
});
