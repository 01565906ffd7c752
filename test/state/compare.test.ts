/**
 * What each compare says, written down by hand. A row names the results that hold, out of E(qual), N(otEqual),
 * G(reater), L(ess), so it stands for four cases.
 */
import { describe, expect, it } from 'vitest';
import type { Compare, CompareResult } from '../../server/state/command.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { del, put, txn } from './commands.js';

const RESULTS: readonly (readonly [string, CompareResult])[] = [
  ['E', 'equal'],
  ['N', 'notEqual'],
  ['G', 'greater'],
  ['L', 'less'],
];

const HISTORY = [
  put('once', 'm'), // 2
  put('twice', 'a'), // 3
  put('twice', 'z'), // 4
  put('again', 'm'), // 5
  del('again'), // 6
  put('again', 'm'), // 7
  put('empty', ''), // 8
  put('gone', 'm'), // 9
  del('gone'), // 10
  put('bytes', '\0\xff'), // 11
  put('r/a', '1'), // 12
  put('r/b', '1'), // 13
  put('r/b', '1'), // 14
  put('r/c', '2'), // 15
];

type Row =
  | readonly [key: string, rangeEnd: string, target: 'version' | 'create' | 'mod', operand: number, holds: string]
  | readonly [key: string, rangeEnd: string, target: 'value', operand: string, holds: string]
  | readonly [key: string, rangeEnd: string, target: 'lease', operand: bigint, holds: string];

const ROWS: readonly Row[] = [
  // A key that was put once.
  ['once', '', 'version', -1, 'NG'],
  ['once', '', 'version', 0, 'NG'],
  ['once', '', 'version', 1, 'E'],
  ['once', '', 'version', 2, 'NL'],
  ['once', '', 'create', 1, 'NG'],
  ['once', '', 'create', 2, 'E'],
  ['once', '', 'create', 3, 'NL'],
  ['once', '', 'mod', 1, 'NG'],
  ['once', '', 'mod', 2, 'E'],
  ['once', '', 'mod', 3, 'NL'],
  ['once', '', 'mod', Number.MAX_SAFE_INTEGER, 'NL'],
  ['once', '', 'mod', Number.MIN_SAFE_INTEGER, 'NG'],
  ['once', '', 'value', '', 'NG'],
  ['once', '', 'value', 'l', 'NG'],
  ['once', '', 'value', 'm', 'E'],
  ['once', '', 'value', 'm\0', 'NL'],
  ['once', '', 'value', 'n', 'NL'],
  ['once', '', 'lease', -1n, 'NG'],
  ['once', '', 'lease', 0n, 'E'],
  ['once', '', 'lease', 1n, 'NL'],
  ['once', '', 'lease', 0x7fff_ffff_ffff_ffffn, 'NL'],
  // A key that was put twice.
  ['twice', '', 'version', 1, 'NG'],
  ['twice', '', 'version', 2, 'E'],
  ['twice', '', 'version', 3, 'NL'],
  ['twice', '', 'create', 2, 'NG'],
  ['twice', '', 'create', 3, 'E'],
  ['twice', '', 'create', 4, 'NL'],
  ['twice', '', 'mod', 3, 'NG'],
  ['twice', '', 'mod', 4, 'E'],
  ['twice', '', 'mod', 5, 'NL'],
  ['twice', '', 'value', 'a', 'NG'],
  ['twice', '', 'value', 'z', 'E'],
  ['twice', '', 'value', '\xff', 'NL'],
  // A key that was deleted and put again: it starts anew.
  ['again', '', 'version', 0, 'NG'],
  ['again', '', 'version', 1, 'E'],
  ['again', '', 'version', 2, 'NL'],
  ['again', '', 'create', 5, 'NG'],
  ['again', '', 'create', 7, 'E'],
  ['again', '', 'create', 8, 'NL'],
  ['again', '', 'mod', 6, 'NG'],
  ['again', '', 'mod', 7, 'E'],
  // An empty value is a value.
  ['empty', '', 'version', 1, 'E'],
  ['empty', '', 'value', '', 'E'],
  ['empty', '', 'value', '\0', 'NL'],
  ['empty', '', 'value', 'a', 'NL'],
  // Values are bytes.
  ['bytes', '', 'value', '\0', 'NG'],
  ['bytes', '', 'value', '\0\xfe', 'NG'],
  ['bytes', '', 'value', '\0\xff', 'E'],
  ['bytes', '', 'value', '\0\xff\0', 'NL'],
  ['bytes', '', 'value', '\x01', 'NL'],
  // A key that never was has version, revisions and lease 0, and no value to compare with.
  ['never', '', 'version', -1, 'NG'],
  ['never', '', 'version', 0, 'E'],
  ['never', '', 'version', 1, 'NL'],
  ['never', '', 'create', -1, 'NG'],
  ['never', '', 'create', 0, 'E'],
  ['never', '', 'create', 1, 'NL'],
  ['never', '', 'mod', 0, 'E'],
  ['never', '', 'mod', 1, 'NL'],
  ['never', '', 'lease', -1n, 'NG'],
  ['never', '', 'lease', 0n, 'E'],
  ['never', '', 'lease', 1n, 'NL'],
  ['never', '', 'value', '', ''],
  ['never', '', 'value', 'a', ''],
  ['never', '', 'value', '\0', ''],
  // So has one that was deleted.
  ['gone', '', 'version', 0, 'E'],
  ['gone', '', 'version', 1, 'NL'],
  ['gone', '', 'create', 0, 'E'],
  ['gone', '', 'create', 9, 'NL'],
  ['gone', '', 'mod', 0, 'E'],
  ['gone', '', 'mod', 10, 'NL'],
  ['gone', '', 'value', 'm', ''],
  ['gone', '', 'value', '', ''],
  // A range compare holds when every key of the range satisfies it.
  ['r/', 'r0', 'version', 0, 'NG'],
  ['r/', 'r0', 'version', 1, ''],
  ['r/', 'r0', 'version', 2, ''],
  ['r/', 'r0', 'version', 3, 'NL'],
  ['r/', 'r0', 'create', 11, 'NG'],
  ['r/', 'r0', 'create', 13, ''],
  ['r/', 'r0', 'create', 14, 'N'],
  ['r/', 'r0', 'create', 16, 'NL'],
  ['r/', 'r0', 'mod', 11, 'NG'],
  ['r/', 'r0', 'mod', 12, ''],
  ['r/', 'r0', 'mod', 13, 'N'],
  ['r/', 'r0', 'mod', 16, 'NL'],
  ['r/', 'r0', 'value', '0', 'NG'],
  ['r/', 'r0', 'value', '1', ''],
  ['r/', 'r0', 'value', '15', 'N'],
  ['r/', 'r0', 'value', '3', 'NL'],
  ['r/', 'r0', 'lease', 0n, 'E'],
  ['r/', 'r0', 'lease', 1n, 'NL'],
  ['r/a', 'r/c', 'value', '1', 'E'],
  ['r/a', 'r/b', 'version', 1, 'E'],
  ['r/b', 'r/c', 'version', 2, 'E'],
  ['r/c', '\0', 'mod', 4, ''],
  ['r/c', '\0', 'mod', 3, 'NG'],
  ['t', '\0', 'mod', 4, 'E'],
  ['\0', '\0', 'version', 0, 'NG'],
  ['\0', '\0', 'create', 16, 'NL'],
  ['\0', '\0', 'value', '\xff', 'NL'],
  // A range without a key is a missing key, also when it is upside down.
  ['x', 'z', 'version', 0, 'E'],
  ['x', 'z', 'create', 1, 'NL'],
  ['x', 'z', 'mod', -1, 'NG'],
  ['x', 'z', 'lease', 0n, 'E'],
  ['x', 'z', 'value', '', ''],
  ['x', '\0', 'create', 0, 'E'],
  ['gone', 'gone\0', 'create', 0, 'E'],
  ['r0', 'r/', 'create', 0, 'E'],
  ['r0', 'r/', 'value', '1', ''],
  ['once', 'once', 'version', 0, 'E'],
];

describe('compares', () => {
  const machine = StateMachine.create({ members: [] });
  for (const command of HISTORY) machine.apply(command);

  const cases = ROWS.flatMap((row) => RESULTS.map(([letter, result]) => ({ row, letter, result })));
  it('covers at least 300 cases', () => expect(cases.length).toBeGreaterThanOrEqual(300));

  it.each(cases)('$row $result', ({ row, letter, result }) => {
    expect(holds(machine, compareOf(row, result))).toBe(row[4].includes(letter));
  });

  it('all have to hold, and none holds', () => {
    const yes = compareOf(['once', '', 'version', 1, ''], 'equal');
    const no = compareOf(['once', '', 'version', 1, ''], 'less');
    expect([holds(machine), holds(machine, yes, yes), holds(machine, yes, no), holds(machine, no, yes)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

function compareOf(row: Row, result: CompareResult): Compare {
  const [key, rangeEnd] = row;
  if (row[2] === 'value') return { key, rangeEnd, result, target: row[2], operand: row[3] };
  if (row[2] === 'lease') return { key, rangeEnd, result, target: row[2], operand: row[3] };
  return { key, rangeEnd, result, target: row[2], operand: row[3] };
}

function holds(machine: StateMachine, ...compares: Compare[]): boolean {
  const { outcome } = machine.readTxn(txn([], [], compares));
  if (!outcome.ok || outcome.result.kind !== 'txn') throw new Error('no txn outcome');
  return outcome.result.succeeded;
}
