/** What guards a write: that a grant is current, and that no newer token was here. */
import { describe, expect, it } from 'vitest';
import type { Compare, TxnOp } from '../../../server/state/command.js';
import type { Applied } from '../../../server/state/result.js';
import { StateMachine } from '../../../server/state/state-machine.js';
import { acquire } from '../grant-wishes.js';
import { del, expire, grant, put, range, revoke, txn } from '../commands.js';

const TERM = 3;

function machine(): StateMachine {
  const made = StateMachine.create({ members: [] });
  made.apply(grant(1n), TERM);
  made.apply(grant(2n), TERM);
  return made;
}

function isCurrent(token: number, rest: Partial<Compare> = {}): Compare {
  return { key: 'n', rangeEnd: '', result: 'equal', target: 'grant', operand: token, ...rest } as Compare;
}

function fence(token: number, key = 'mark'): TxnOp {
  return { kind: 'fence', key, token };
}

function codeOf({ outcome }: Applied): string {
  return outcome.ok ? 'ok' : outcome.code;
}

function succeeded({ outcome }: Applied): boolean {
  return outcome.ok && outcome.result.kind === 'txn' && outcome.result.succeeded;
}

describe('a transaction that needs a current grant', () => {
  it('runs while the token holds, and not before, after, or with another one', () => {
    const state = machine();
    const guarded = (token: number): boolean => succeeded(state.apply(txn([put('k')], [], [isCurrent(token)])));
    expect(guarded(1)).toBe(false);
    state.apply(acquire('a', 1n), TERM);
    state.apply(acquire('b', 2n), TERM);
    expect([guarded(1), guarded(2), guarded(0)]).toEqual([true, false, false]);
    state.apply(expire(TERM, 1n), TERM);
    expect([guarded(1), guarded(2)]).toEqual([false, true]);
    state.apply(revoke(2n), TERM);
    expect(guarded(2)).toBe(false);
    expect(succeeded(state.apply(txn([], [], [isCurrent(2, { result: 'notEqual' })])))).toBe(true);
  });

  it('does not run for a lost grant that still keeps others out', () => {
    const state = machine();
    state.apply(acquire('a', 1n, { lockDelayMs: 1000 }), TERM);
    state.apply(acquire('b', 2n), TERM);
    state.apply(expire(TERM, 1n), TERM);
    expect([...(state.grants.queue('n')?.granted ?? [])]).toMatchObject([
      { attempt: 'a', barsUntilMs: Number.MAX_SAFE_INTEGER },
    ]);
    expect(succeeded(state.apply(txn([], [], [isCurrent(1)])))).toBe(false);
    expect(succeeded(state.apply(txn([], [], [isCurrent(2)])))).toBe(false);
  });

  it.each([{ result: 'less' }, { result: 'greater' }, { rangeEnd: 'o' }] as const)('refuses %o', (rest) => {
    expect(codeOf(machine().apply(txn([], [], [isCurrent(1, rest)])))).toBe('INVALID_COMPARE');
  });
});

describe('a fence', () => {
  it('raises its mark, lets the same token through, and nothing below', () => {
    const state = machine();
    const told = [3, 3, 5, 4, 3, 6].map((token) => codeOf(state.apply(txn([fence(token), put('k', `${token}`)]))));
    expect(told).toEqual(['ok', 'ok', 'ok', 'FENCED', 'FENCED', 'ok']);
    const mark = state.openRange(range('mark'));
    expect(mark.ok && mark.cursor.result()).toMatchObject({ kvs: [{ value: '6', version: 3 }] });
  });

  it('changes nothing when it fails, whatever stands beside it', () => {
    const state = machine();
    state.apply(txn([fence(9)]));
    const { revision } = state;
    expect(codeOf(state.apply(txn([put('a'), txn([fence(8), put('b')]), del('c')])))).toBe('FENCED');
    expect(state.revision).toBe(revision);
  });

  it('is not asked on the branch that is not taken', () => {
    const state = machine();
    state.apply(txn([fence(9)]));
    expect(codeOf(state.apply(txn([put('k')], [fence(1)])))).toBe('ok');
  });

  it('does not take another value for a mark', () => {
    const state = machine();
    for (const value of ['', 'x', '01', '-1', '1.5', '99999999999999999']) {
      state.apply(put('mark', value));
      expect(codeOf(state.apply(txn([fence(7)])))).toBe('FENCED');
    }
  });

  it.each([
    ['no key', fence(1, ''), 'EMPTY_KEY'],
    ['no token', fence(0), 'INVALID_GRANT'],
    ['half a token', fence(1.5), 'INVALID_GRANT'],
    ['a token below zero', fence(-1), 'INVALID_GRANT'],
  ])('with %s is refused', (_, op, code) => {
    expect(codeOf(machine().apply(txn([op])))).toBe(code);
  });

  it('counts as a put of its key', () => {
    expect(codeOf(machine().apply(txn([fence(1), put('mark')])))).toBe('DUPLICATE_KEY');
    expect(codeOf(machine().apply(txn([fence(1), fence(2)])))).toBe('DUPLICATE_KEY');
  });
});
