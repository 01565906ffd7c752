import { describe, expect, it } from 'vitest';
import {
  checkCompact,
  checkDeleteRange,
  checkPut,
  checkRange,
  checkTxn,
  TXN_DEPTH_MAX,
  TXN_OPS_MAX,
} from '../../server/state/check-request.js';
import type { Compare, TxnCommand, TxnOp } from '../../server/state/command.js';
import { compact, del, put, range, strange, txn } from './commands.js';

const compare: Compare = { key: 'a', rangeEnd: '', result: 'equal', target: 'version', operand: 0 };
const times = <T>(count: number, draw: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => draw(at));
const ranges = (count: number): TxnOp[] => times(count, () => range('a'));
const nested = (depth: number, inner: TxnOp): TxnOp => (depth === 0 ? inner : txn([nested(depth - 1, inner)]));

describe('requests that are wrong by themselves', () => {
  it.each([
    ['put without a key', checkPut(put('')), 'EMPTY_KEY'],
    ['put with ignoreValue and a value', checkPut(put('a', 'v', { ignoreValue: true })), 'VALUE_PROVIDED'],
    ['put with ignoreLease and a lease', checkPut(put('a', 'v', { ignoreLease: true, lease: 1n })), 'LEASE_PROVIDED'],
    ['put, the key before the value', checkPut(put('', 'v', { ignoreValue: true })), 'EMPTY_KEY'],
    [
      'put, the value before the lease',
      checkPut(put('a', 'v', { ignoreValue: true, ignoreLease: true, lease: 1n })),
      'VALUE_PROVIDED',
    ],
    ['put', checkPut(put('a', 'v', { lease: 1n })), undefined],
    ['put that keeps value and lease', checkPut(put('a', '', { ignoreValue: true, ignoreLease: true })), undefined],
    ['deleteRange without a key', checkDeleteRange(del('', 'z')), 'EMPTY_KEY'],
    ['deleteRange', checkDeleteRange(del('a', 'z')), undefined],
    ['range without a key', checkRange(range('', '\0')), 'EMPTY_KEY'],
    ['range at half a revision', checkRange(range('a', '', { revision: 1.5 })), 'INVALID_REVISION'],
    ['range at no number', checkRange(range('a', '', { revision: Number.NaN })), 'INVALID_REVISION'],
    ['range at a negative revision', checkRange(range('a', '', { revision: -1 })), undefined],
    [
      'range in an unknown order',
      checkRange({ ...range('a'), ...strange({ sortOrder: 'sideways' }), kind: 'range' }),
      'INVALID_SORT_OPTION',
    ],
    [
      'range by an unknown target',
      checkRange({ ...range('a'), ...strange({ sortTarget: 'mood' }), kind: 'range' }),
      'INVALID_SORT_OPTION',
    ],
    ['compact at no number', checkCompact(compact(Number.POSITIVE_INFINITY)), 'INVALID_REVISION'],
    ['compact', checkCompact(compact(-3)), undefined],
  ])('%s', (_, refusal, code) => {
    expect(refusal?.code).toBe(code);
  });
});

/** What the doors allow by default. */
const OPS_MAX = 128;

describe('malformed transactions', () => {
  const half = OPS_MAX / 2;
  it.each<[string, TxnCommand, string | undefined]>([
    ['an empty one', txn([]), undefined],
    ['a key missing in a compare', txn([], [], [{ ...compare, key: '' }]), 'EMPTY_KEY'],
    ['a key missing in an op', txn([range('')]), 'EMPTY_KEY'],
    ['a key missing in the other branch', txn([], [del('')]), 'EMPTY_KEY'],
    ['a key missing far down', txn([nested(5, put(''))]), 'EMPTY_KEY'],
    ['a value too many', txn([put('a', 'v', { ignoreValue: true })]), 'VALUE_PROVIDED'],
    ['a lease too many', txn([put('a', '', { ignoreLease: true, lease: 1n })]), 'LEASE_PROVIDED'],
    ['an unknown op', txn([strange({ kind: 'dance' })]), 'UNKNOWN_COMMAND'],
    [
      'a compare by an unknown target',
      txn([], [], [{ ...compare, ...strange({ target: 'mood' }) }]),
      'INVALID_COMPARE',
    ],
    [
      'a compare with an unknown result',
      txn([], [], [{ ...compare, ...strange({ result: 'odd' }) }]),
      'INVALID_COMPARE',
    ],
    ['as many ops as may be', txn(ranges(OPS_MAX), ranges(OPS_MAX)), undefined],
    ['one op too many', txn(ranges(OPS_MAX + 1)), 'TOO_MANY_OPS'],
    ['one op too many in the other branch', txn([], ranges(OPS_MAX + 1)), 'TOO_MANY_OPS'],
    [
      'one compare too many',
      txn(
        [],
        [],
        times(OPS_MAX + 1, () => compare),
      ),
      'TOO_MANY_OPS',
    ],
    ['too many ops before an empty key', txn([put(''), ...ranges(OPS_MAX)]), 'TOO_MANY_OPS'],
    ['a nested one with what its parent leaves', txn([txn(ranges(OPS_MAX - 1))]), undefined],
    ['a nested one with one op more than that', txn([txn(ranges(OPS_MAX))]), 'TOO_MANY_OPS'],
    ['the longest list of the parent counts', txn([txn(ranges(half + 1))], ranges(half)), 'TOO_MANY_OPS'],
    [
      'the compares of the parent count',
      txn(
        [txn(ranges(half + 1))],
        [],
        times(half, () => compare),
      ),
      'TOO_MANY_OPS',
    ],
    ['siblings do not share what is left', txn([txn(ranges(half)), txn(ranges(half))]), undefined],
    ['as deep as may be', txn([nested(TXN_DEPTH_MAX - 1, range('a'))]), undefined],
    ['one level too deep', txn([nested(TXN_DEPTH_MAX, range('a'))]), 'TXN_TOO_DEEP'],
    ['5,000 levels', txn([nested(5_000, range('a'))]), 'TXN_TOO_DEEP'],
  ])('%s', (_, command, code) => {
    expect(checkTxn(command, OPS_MAX)?.code).toBe(code);
  });

  it('may be as long as apply takes when nobody asks for less', () => {
    expect(checkTxn(txn(times(TXN_OPS_MAX, (at) => put(`k${at}`))))).toBeUndefined();
    expect(checkTxn(txn(ranges(TXN_OPS_MAX + 1)))?.code).toBe('TOO_MANY_OPS');
  });
});

describe('keys written twice in one branch', () => {
  it.each<[string, readonly TxnOp[], boolean]>([
    ['two puts of a key', [put('a'), put('a')], true],
    ['puts of different keys', [put('a'), put('a\0')], false],
    ['a put after its delete', [del('a'), put('a')], true],
    ['a put before its delete', [put('a'), del('a')], true],
    ['a put inside a deleted range', [del('a', 'c'), put('b')], true],
    ['a put at the start of a deleted range', [del('a', 'c'), put('a')], true],
    ['a put at the end of a deleted range', [del('a', 'c'), put('c')], false],
    ['a put beside a deleted key', [del('a'), put('a\0')], false],
    ['a put in the longer of two nested ranges', [del('a', 'z'), del('b', 'c'), put('d')], true],
    ['a put between two deleted ranges', [del('a', 'c'), del('e', 'g'), put('d')], false],
    ['a put in the second of two touching ranges', [del('a', 'c'), del('c', 'e'), put('d')], true],
    ['a put in the first of many ranges', [del('a', 'c'), del('e', 'g'), del('x', 'z'), put('b')], true],
    ['deletes that overlap', [del('a', 'c'), del('b', 'd'), del('a')], false],
    ['a put in a range that is upside down', [del('z', 'a'), put('b')], false],
    ['a put after a delete from a key on', [del('a', '\0'), put('b')], false],
    ['a put before a delete from a key on', [put('b'), del('a', '\0')], false],
    ['a read between', [range('a'), put('a'), range('a')], false],
    ['a put in a nested txn and outside', [txn([put('a')]), put('a')], true],
    ['a put outside and in a nested txn', [put('a'), txn([], [put('a')])], true],
    ['a nested put under a delete', [txn([put('a')]), del('a')], true],
    ['a nested delete over a put', [txn([del('a')]), put('a')], true],
    ['puts in both branches of a nested txn', [txn([put('a')], [put('a')])], false],
    ['a delete and a put in both branches', [txn([del('a')], [put('a')])], false],
    ['two puts in one nested branch', [txn([], [put('a'), put('a')])], true],
    ['puts in two nested txns', [txn([put('a')]), txn([], [put('a')])], true],
    ['a nested put, then a nested delete', [txn([put('a')]), txn([del('a')])], false],
    ['a nested delete, then a nested put', [txn([del('a')]), txn([put('a')])], true],
    ['a nested delete in the other branch, then a nested put', [txn([], [del('a', 'c')]), txn([put('b')])], true],
    ['far down', [nested(8, put('a')), nested(3, put('a'))], true],
    ['far down, different keys', [nested(8, put('a')), nested(3, put('b'))], false],
  ])('%s', (_, ops, isDuplicate) => {
    const code = isDuplicate ? 'DUPLICATE_KEY' : undefined;
    expect(checkTxn(txn(ops))?.code).toBe(code);
    expect(checkTxn(txn([], ops))?.code).toBe(code);
  });

  it('may repeat in the other branch', () => {
    expect(checkTxn(txn([put('a')], [put('a')]))).toBeUndefined();
  });

  it('is told after everything else that is wrong', () => {
    expect(checkTxn(txn([put('a'), put('a')], [put('')]))?.code).toBe('EMPTY_KEY');
  });
});
