import { describe, expect, it } from 'vitest';
import { REQUEST_WRITE_BYTES_MAX, REQUEST_WRITES_MAX } from '../../../server/state/mvcc/write-limits.js';
import { StateMachine } from '../../../server/state/state-machine.js';
import { del, put, txn } from '../commands.js';

const delEverything = del('\0', '\0');

function codeOf({ outcome }: ReturnType<StateMachine['apply']>): string {
  return outcome.ok ? 'ok' : outcome.code;
}

describe('what one request may write', () => {
  it(`a delete of ${REQUEST_WRITES_MAX} keys is done, of one more refused, and nothing changed`, () => {
    const machine = StateMachine.create({ members: [] });
    for (let i = 0; i <= REQUEST_WRITES_MAX; i += 1) machine.apply(put(`k${i}`, ''));
    const { revision } = machine;
    expect(codeOf(machine.apply(delEverything))).toBe('TOO_MANY_WRITES');
    expect(codeOf(machine.apply(txn([delEverything])))).toBe('TOO_MANY_WRITES');
    expect(machine.revision).toBe(revision);
    machine.apply(del('k0'));
    const applied = machine.apply(delEverything);
    expect(codeOf(applied)).toBe('ok');
    expect(applied.writes).toHaveLength(REQUEST_WRITES_MAX);
  });

  it('puts that keep large values count with these values', () => {
    const machine = StateMachine.create({ members: [] });
    const large = 'v'.repeat(1_500_000);
    const keys = Array.from({ length: 128 }, (_, i) => `k${i}`);
    for (const key of keys) machine.apply(put(key, large));
    const keepAll = keys.map((key) => ({ ...put(key, ''), ignoreValue: true }));
    expect(keys.length * large.length).toBeGreaterThan(REQUEST_WRITE_BYTES_MAX);
    expect(codeOf(machine.apply(txn(keepAll)))).toBe('TOO_MANY_WRITES');
    expect(codeOf(machine.apply(txn(keepAll.slice(0, 60))))).toBe('ok');
  });
});
