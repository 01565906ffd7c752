/** Moves money from one account to another, provided that neither has changed since both were read. */
import type { Compare, KeyValue, Operation, Put, Txn } from '../../checkers/operation.js';
import { balanceOf, OPENING_BALANCE } from './bank.js';
import { between, pickSome } from './draw.js';
import { fresh, type Play, succeeded, type Turn } from './turn.js';

export const transfer: Play = async (turn) => {
  const { random, keys, tally } = turn;
  const { key, rangeEnd, accounts } = keys.bank();
  const read = await turn.insist(() => ({ kind: 'range', key, rangeEnd, revision: 0, limit: 0, read: 'linearizable' }));
  if (read?.outcome.kind !== 'ok') return;
  const [from, to] = pickSome(random, kvsOf(read), 2);
  if (from === undefined || to === undefined) {
    await turn.ask(opening(turn, accounts));
    return;
  }
  const moved = await turn.ask(move(turn, from, to));
  if (succeeded(moved)) tally.add('transfers');
};

function opening(turn: Turn, accounts: readonly string[]): Txn {
  return {
    kind: 'txn',
    compares: accounts.map((key): Compare => ({ key, target: 'create', is: 'equal', operand: 0 })),
    success: accounts.map((key) => balance(turn, key, OPENING_BALANCE)),
    failure: [],
  };
}

function move(turn: Turn, from: KeyValue, to: KeyValue): Txn {
  const amount = between(turn.random, 1, 30);
  return {
    kind: 'txn',
    compares: [from, to].map(
      ({ key, modRevision }): Compare => ({ key, target: 'mod', is: 'equal', operand: modRevision }),
    ),
    success: [
      balance(turn, from.key, balanceOf(from.value) - amount),
      balance(turn, to.key, balanceOf(to.value) + amount),
    ],
    failure: [],
  };
}

function balance(turn: Turn, key: string, amount: number): Put {
  return { kind: 'put', key, value: fresh(turn, String(amount)) };
}

function kvsOf({ outcome }: Operation): readonly KeyValue[] {
  return outcome.kind === 'ok' && outcome.answer.kind === 'range' ? outcome.answer.kvs : [];
}
