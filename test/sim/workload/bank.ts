/** Money moves between the accounts of a bank, and the sum stays what it was: in every answer that shows them all. */
import type { Operation, RangeAnswer } from '../../checkers/operation.js';
import type { Findings } from './findings.js';
import { saidBy } from './values.js';

export const OPENING_BALANCE = 100;

export function balanceOf(value: string): number {
  return Number(saidBy(value));
}

/** Answers that show a whole bank at once: of ranges over exactly its accounts, without a limit. */
export function checkSum({ client, member, call, outcome }: Operation, accounts: number, findings: Findings): void {
  if (call.kind !== 'range' || call.limit > 0 || !/^b\.\d+\.$/.test(call.key)) return;
  if (outcome.kind !== 'ok' || outcome.answer.kind !== 'range') return;
  const { kvs } = outcome.answer;
  if (kvs.length === 0 || (kvs.length === accounts && sumOf(kvs) === accounts * OPENING_BALANCE)) return;
  const message = `c${client} saw ${kvs.length} of ${accounts} accounts of ${call.key} with ${sumOf(kvs)} in all`;
  findings.add('bank', `${message} at ${member}, revision ${outcome.revision}`);
}

function sumOf(kvs: RangeAnswer['kvs']): number {
  return kvs.reduce((sum, { value }) => sum + balanceOf(value), 0);
}
