/** What single commands do and say; the property test covers their combinations. */
import { describe, expect, it } from 'vitest';
import type { Command } from '../../server/state/command.js';
import type { Applied, TxnOpResult } from '../../server/state/result.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { compact, del, kv, put, range, strange, txn } from './commands.js';
import { MachineOnDisk } from './machine-on-disk.js';

function machineAfter(...commands: Command[]): MachineOnDisk {
  const real = new MachineOnDisk();
  for (const command of commands) expect(real.apply(command).outcome).toMatchObject({ ok: true });
  return real;
}

function codeOf({ outcome }: Applied): string {
  return outcome.ok ? 'ok' : outcome.code;
}

function resultsOf({ outcome }: Applied): readonly TxnOpResult[] {
  if (!outcome.ok || outcome.result.kind !== 'txn') throw new Error(`no txn: ${JSON.stringify(outcome)}`);
  return outcome.result.results;
}

describe('put', () => {
  it('makes revision 2 in an empty store', () => {
    const machine = StateMachine.create({ members: [] });
    expect([machine.revision, machine.compactedRevision]).toEqual([1, -1]);
    const revision = { main: 2, sub: 0 };
    expect(machine.apply(put('a', '1'))).toEqual({
      outcome: { ok: true, result: { kind: 'put', prevKv: undefined } },
      revision: 2,
      events: [{ type: 'put', kv: kv('a', '1', 2, 2, 1), revision, prevKv: undefined }],
      writes: [{ kind: 'putRevision', revision, tombstone: false, kv: kv('a', '1', 2, 2, 1) }],
    });
  });

  it('tells the previous value only when asked, the watchers always', () => {
    const real = machineAfter(put('a', '1'));
    const silent = real.apply(put('a', '2'));
    expect(silent.outcome).toEqual({ ok: true, result: { kind: 'put', prevKv: undefined } });
    expect(silent.events[0]?.prevKv).toEqual(kv('a', '1', 2, 2, 1));
    const asked = real.apply(put('a', '3', { prevKv: true }));
    expect(asked.outcome).toEqual({ ok: true, result: { kind: 'put', prevKv: kv('a', '2', 2, 3, 2) } });
  });

  it('starts a key anew after its delete', () => {
    const real = machineAfter(put('a', '1'), put('a', '2'), del('a'), put('a', '3'));
    expect(real.range(range('a')).kvs).toEqual([kv('a', '3', 5, 5, 1)]);
  });

  it('keeps value or lease when told to, and counts as a write', () => {
    const real = machineAfter(put('a', '1'), put('a', '', { ignoreValue: true }));
    expect(real.range(range('a')).kvs).toEqual([kv('a', '1', 2, 3, 2)]);
    real.apply(put('a', '2', { ignoreLease: true }));
    expect(real.range(range('a')).kvs).toEqual([kv('a', '2', 2, 4, 3)]);
  });

  it.each([
    ['without a key', put(''), 'EMPTY_KEY'],
    ['keeping the value of no key', put('b', '', { ignoreValue: true }), 'KEY_NOT_FOUND'],
    ['keeping the lease of no key', put('b', '', { ignoreLease: true }), 'KEY_NOT_FOUND'],
    ['keeping the value of a deleted key', put('gone', '', { ignoreValue: true }), 'KEY_NOT_FOUND'],
    ['with a lease nobody granted', put('a', '', { lease: 7n }), 'LEASE_NOT_FOUND'],
    ['with both wrong', put('b', '', { ignoreValue: true, lease: 7n }), 'LEASE_NOT_FOUND'],
  ])('is refused %s, and nothing changes', (_, command, code) => {
    const real = machineAfter(put('a', '1'), put('gone'), del('gone'));
    const applied = real.apply(command);
    expect(codeOf(applied)).toBe(code);
    expect({ ...applied, outcome: undefined }).toEqual({ outcome: undefined, revision: 4, events: [], writes: [] });
    expect(real.range(range('\0', '\0')).kvs).toEqual([kv('a', '1', 2, 2, 1)]);
  });
});

describe('deleteRange', () => {
  it('of nothing takes no revision', () => {
    const real = machineAfter(put('a', '1'));
    for (const command of [del('b'), del('b', '\0'), del('z', 'a'), del('a', 'a')]) {
      expect(real.apply(command)).toEqual({
        outcome: { ok: true, result: { kind: 'deleteRange', deleted: 0, prevKvs: [] } },
        revision: 2,
        events: [],
        writes: [],
      });
    }
  });

  it('deletes in key order, all in one revision', () => {
    const real = machineAfter(put('b', '1'), put('a', '2'), put('c', '3'));
    const applied = real.apply(del('a', 'c', { prevKv: true }));
    expect(applied.outcome).toEqual({
      ok: true,
      result: { kind: 'deleteRange', deleted: 2, prevKvs: [kv('a', '2', 3, 3, 1), kv('b', '1', 2, 2, 1)] },
    });
    expect(
      applied.events.map(({ type, kv: { key, modRevision }, revision }) => [type, key, modRevision, revision]),
    ).toEqual([
      ['delete', 'a', 5, { main: 5, sub: 0 }],
      ['delete', 'b', 5, { main: 5, sub: 1 }],
    ]);
    expect(real.range(range('\0', '\0')).kvs).toEqual([kv('c', '3', 4, 4, 1)]);
  });

  it.each([
    ['a', '', ['a']],
    ['a', '\0', ['a', 'a\0', 'b', '\xff', '\xff\xff']],
    ['a', 'b', ['a', 'a\0']],
    ['\xff', '\0', ['\xff', '\xff\xff']],
    ['\0', '\0', ['\0', 'a', 'a\0', 'b', '\xff', '\xff\xff']],
  ])('from %j to %j takes %j', (key, rangeEnd, taken) => {
    const real = machineAfter(...['\0', 'a', 'a\0', 'b', '\xff', '\xff\xff'].map((one) => put(one)));
    expect(real.apply(del(key, rangeEnd)).events.map((event) => event.kv.key)).toEqual(taken);
  });
});

describe('txn', () => {
  it('shows each op the revision at which it stood', () => {
    const real = machineAfter(put('a', '1'));
    const applied = real.apply(
      txn([del('nope'), range('a'), put('b', '1'), range('b'), range('b', '', { revision: 2 }), txn([range('b')])]),
    );
    const results = resultsOf(applied);
    expect(results.map((one) => (one.kind === 'txn' ? 'txn' : one.revision))).toEqual([2, 2, 3, 3, 3, 'txn']);
    const counts = results.map((one) => {
      if (one.kind !== 'range') return undefined;
      const opened = real.machine.openRange(one.query, one.at);
      return opened.ok ? real.finish(opened.cursor).count : undefined;
    });
    expect(counts).toEqual([undefined, 1, undefined, 1, 0, undefined]);
    expect(applied.revision).toBe(3);
  });

  it('numbers its writes inside one revision', () => {
    const real = machineAfter(put('a'), put('b'));
    const applied = real.apply(txn([put('c'), del('a', 'c'), txn([put('d')])]));
    expect(applied.events.map(({ kv: { key }, revision: { main, sub } }) => [key, main, sub])).toEqual([
      ['c', 4, 0],
      ['a', 4, 1],
      ['b', 4, 2],
      ['d', 4, 3],
    ]);
  });

  it('compares against the state before, in nested ones too', () => {
    const hasA = { key: 'a', rangeEnd: '', result: 'greater', target: 'version', operand: 0 } as const;
    const real = machineAfter();
    const applied = real.apply(txn([put('a'), txn([put('yes')], [put('no')], [hasA])]));
    expect(applied.events.map((event) => event.kv.key)).toEqual(['a', 'no']);
    expect(resultsOf(applied)[1]).toMatchObject({ kind: 'txn', succeeded: false });
  });

  it('clears from a key on and puts, in one revision', () => {
    const real = machineAfter(put('a', '1'), put('b', '1'));
    const applied = real.apply(txn([del('a', '\0'), put('b', '2', { prevKv: true }), range('a', '\0')]));
    expect(resultsOf(applied)).toMatchObject([{ deleted: 2 }, { prevKv: undefined }, { kind: 'range' }]);
    expect(real.range(range('a', '\0')).kvs).toEqual([kv('b', '2', 4, 4, 1)]);
    expect(real.range(range('a', '\0', { revision: 3 })).count).toBe(2);
  });

  it.each<[string, Command, string]>([
    ['a key missing before a lease', txn([put('b', '', { ignoreValue: true, lease: 7n })]), 'KEY_NOT_FOUND'],
    ['a put before any range', txn([range('a', '', { revision: 99 }), put('b', '', { lease: 7n })]), 'LEASE_NOT_FOUND'],
    [
      'the first put that is wrong',
      txn([txn([put('b', '', { lease: 7n })]), put('c', '', { ignoreValue: true })]),
      'LEASE_NOT_FOUND',
    ],
    ['a range of the future', txn([put('b'), range('a', '', { revision: 4 })]), 'FUTURE_REVISION'],
    ['a range of its own revision', txn([put('b'), range('b', '', { revision: 5 })]), 'FUTURE_REVISION'],
    ['a range before the compacted revision', txn([put('b'), range('a', '', { revision: 2 })]), 'COMPACTED'],
    ['a nested range of a negative revision', txn([put('b'), txn([range('a', '', { revision: -1 })])]), 'COMPACTED'],
    ['a key deleted just before', txn([del('a', '\0'), put('a', '', { ignoreValue: true })]), 'KEY_NOT_FOUND'],
    [
      'one deleted by the lower of two deletes',
      txn([del('a', '\0'), del('x', '\0'), put('m', '', { ignoreLease: true })]),
      'KEY_NOT_FOUND',
    ],
    [
      'one deleted by the lower that comes second',
      txn([del('x', '\0'), del('a', '\0'), put('m', '', { ignoreLease: true })]),
      'KEY_NOT_FOUND',
    ],
    ['a key written twice', txn([put('b'), put('b')]), 'DUPLICATE_KEY'],
  ])('is refused as a whole for %s', (_, command, code) => {
    const real = machineAfter(put('a', '1'), put('m', '2'), compact(3));
    const before = real.hash();
    const applied = real.apply(command);
    expect(codeOf(applied)).toBe(code);
    expect({ ...applied, outcome: undefined }).toEqual({ outcome: undefined, revision: 3, events: [], writes: [] });
    expect(real.hash()).toBe(before);
  });

  it.each<[string, Command]>([
    ['a range at the compacted revision', txn([range('a', '', { revision: 3 })])],
    [
      'what only the other branch would refuse',
      txn([put('b')], [put('c', '', { lease: 7n }), range('a', '', { revision: 99 })]),
    ],
    ['a kept value before its delete', txn([put('a', '', { ignoreValue: true }), del('a', '\0')])],
    ['a kept value below what is deleted', txn([del('b', '\0'), put('a', '', { ignoreValue: true })])],
  ])('allows %s', (_, command) => {
    const real = machineAfter(put('a', '1'), put('m', '2'), compact(3));
    expect(codeOf(real.apply(command))).toBe('ok');
  });

  it('reads the current revision by a negative one as long as nothing was compacted', () => {
    const real = machineAfter(put('a'));
    expect(codeOf(real.apply(txn([range('a', '', { revision: -1 })])))).toBe('ok');
    expect(codeOf(real.apply(txn([range('a', '', { revision: -2 })])))).toBe('COMPACTED');
    real.apply(compact(0));
    expect(codeOf(real.apply(txn([range('a', '', { revision: -1 })])))).toBe('COMPACTED');
  });

  it('that only reads is answered without the log, with the same checks', () => {
    const real = machineAfter(put('a'));
    const before = real.machine.revision;
    const query = range('a');
    expect(real.machine.readTxn(txn([query]))).toEqual({
      outcome: {
        ok: true,
        result: {
          kind: 'txn',
          succeeded: true,
          results: [{ kind: 'range', query, at: { main: 2, sub: Number.MAX_SAFE_INTEGER }, revision: 2 }],
        },
      },
      revision: before,
      events: [],
      writes: [],
    });
    expect(codeOf(real.machine.readTxn(txn([range('a', '', { revision: 3 })])))).toBe('FUTURE_REVISION');
    expect(codeOf(real.machine.readTxn(txn([range('')])))).toBe('EMPTY_KEY');
    expect(() => real.machine.readTxn(txn([put('a')]))).toThrow(/writes/);
  });
});

describe('compact', () => {
  it.each([
    [[], -1, 'COMPACTED'],
    [[], -2, 'COMPACTED'],
    [[], 0, 'ok'],
    [[0], 0, 'COMPACTED'],
    [[], 3, 'ok'],
    [[], 4, 'FUTURE_REVISION'],
    [[2], 2, 'COMPACTED'],
    [[2], 1, 'COMPACTED'],
    [[2], 3, 'ok'],
  ])('after %j, to %i: %s', (earlier, revision, code) => {
    const real = machineAfter(put('a'), put('a'), ...earlier.map(compact));
    const applied = real.apply(compact(revision));
    expect([codeOf(applied), applied.revision]).toEqual([code, 3]);
    expect(applied.writes).toEqual(code === 'ok' ? [{ kind: 'compacted', revision }] : []);
    expect(real.machine.compactedRevision).toBe(code === 'ok' ? revision : (earlier[0] ?? -1));
  });

  it('counts for reads at once', () => {
    const real = machineAfter(put('a', '1'), put('a', '2'), put('a', '3'), compact(3));
    const codeAt = (revision: number) => {
      const answer = real.machine.openRange(range('a', '', { revision }));
      return answer.ok ? real.finish(answer.cursor).kvs[0]?.value : answer.code;
    };
    expect([-5, 0, 1, 2, 3, 4, 5].map(codeAt)).toEqual([
      '3',
      '3',
      'COMPACTED',
      'COMPACTED',
      '2',
      '3',
      'FUTURE_REVISION',
    ]);
  });
});

describe('whatever stands in the log', () => {
  it.each<[string, Command, string]>([
    ['an unknown version', { kind: 'unknown', version: 9 }, 'UNKNOWN_COMMAND'],
    ['an unknown kind', strange({ kind: 'dance' }), 'UNKNOWN_COMMAND'],
    ['an unknown op inside a txn', txn([strange({ kind: 'compact', revision: 1 })]), 'UNKNOWN_COMMAND'],
    ['a deleteRange without a key', del('', '\0'), 'EMPTY_KEY'],
    ['a compaction to no number', compact(Number.NaN), 'INVALID_REVISION'],
    ['a range at no number', txn([range('a', '', { revision: Number.NaN })]), 'INVALID_REVISION'],
    ['a negative limit', txn([range('a', '', { limit: -7 })]), 'ok'],
    ['10,000 ops', txn(Array.from({ length: 10_000 }, (_, at) => put(`k${at}`))), 'ok'],
    ['a hundred thousand ops', txn(Array.from({ length: 100_000 }, (_, at) => put(`k${at}`))), 'TOO_MANY_OPS'],
  ])('%s has an outcome', (_, command, code) => {
    const real = machineAfter(put('a'));
    const twin = machineAfter(put('a'));
    const applied = real.apply(command);
    expect(codeOf(applied)).toBe(code);
    expect(twin.apply(command)).toEqual(applied);
  });
});
