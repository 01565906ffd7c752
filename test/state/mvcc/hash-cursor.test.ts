import { describe, expect, it } from 'vitest';
import type { RevisionRecord } from '../../../server/state/mvcc/revision.js';
import { compact, del, put } from '../commands.js';
import { MachineOnDisk, opened } from '../machine-on-disk.js';

function machine(): MachineOnDisk {
  const real = new MachineOnDisk();
  for (const command of [put('a', '1'), put('a', '2'), put('b', '1'), del('b'), put('c', '1')]) real.apply(command);
  return real;
}

function hashOf(real: MachineOnDisk, records: readonly RevisionRecord[]): number {
  const cursor = opened(real.machine.openHash(0));
  for (const record of records) cursor.add(record);
  return cursor.result();
}

describe('the hash', () => {
  it('is a 32-bit number, the same for the same history, and names what it hashed', () => {
    const hash = machine().hash();
    expect(hash).toBe(machine().hash());
    expect(hash).toBe(hash >>> 0);
    const cursor = opened(machine().machine.openHash(0));
    expect([cursor.revision, cursor.compactedRevision]).toEqual([6, -1]);
    cursor.close();
  });

  it('differs when anything in it differs', () => {
    const real = machine();
    const records = real.records();
    const variants = [
      records,
      records.slice(1),
      records.slice(0, -1),
      ...Object.entries({ value: '9', createRevision: 9, version: 9, lease: 1n }).map(([field, value]) =>
        records.map((record, at) => (at === 1 ? { ...record, kv: { ...record.kv, [field]: value } } : record)),
      ),
      records.map((record, at) => (at === 1 ? { ...record, kv: { ...record.kv, lease: 1n << 40n } } : record)),
      records.map((record, at) => (at === 1 ? { ...record, kv: { ...record.kv, lease: -1n } } : record)),
      records.map((record, at) => (at === 1 ? { ...record, tombstone: true } : record)),
      records.map((record, at) => (at === 0 ? { ...record, kv: { ...record.kv, key: 'c' } } : record)),
    ];
    expect(new Set(variants.map((variant) => hashOf(real, variant))).size).toBe(variants.length);
  });

  it('at a revision does not see what came later', () => {
    const real = machine();
    const before = real.hash(6);
    real.apply(put('a', '3'));
    expect(real.hash(6)).toBe(before);
    expect(real.hash(0)).not.toBe(before);
    expect(real.hash(5)).not.toBe(before);
  });

  it('depends on the compacted revision, not on how far removal has come', () => {
    const [lazy, eager] = [machine(), machine()];
    const before = lazy.hash();
    for (const real of [lazy, eager]) real.apply(compact(6));
    eager.removeAll();
    expect(lazy.records().length).toBeGreaterThan(eager.records().length);
    expect(lazy.hash()).toBe(eager.hash());
    expect(lazy.hash()).not.toBe(before);
  });

  it('under way is not disturbed by compaction and removal', () => {
    const real = machine();
    real.apply(compact(4));
    const expected = real.hash();
    const cursor = opened(real.machine.openHash(0));
    const records = real.records();
    for (const key of ['a', 'b', 'c']) real.apply(put(key, 'later'));
    real.apply(compact(real.machine.revision));
    while (real.machine.hasCompactionWork) real.compactionStep(100);
    for (const record of records) cursor.add(record);
    expect(cursor.result()).toBe(expected);
    real.removeAll();
    expect(real.records().length).toBe(3);
  });

  it.each([
    [-1, 'INVALID_REVISION'],
    [0.5, 'INVALID_REVISION'],
    [3, 'COMPACTED'],
    [4, 'ok'],
    [6, 'ok'],
    [7, 'FUTURE_REVISION'],
  ])('at %d: %s', (revision, code) => {
    const real = machine();
    real.apply(compact(4));
    const answer = real.machine.openHash(revision);
    expect(answer.ok ? 'ok' : answer.code).toBe(code);
  });

  it('wants the records in order and none beyond its revision', () => {
    const real = machine();
    const [first, second, third] = real.records();
    if (first === undefined || second === undefined || third === undefined) throw new Error('no records');
    const cursor = opened(real.machine.openHash(3));
    cursor.add(first);
    expect(() => cursor.add(first)).toThrow(/order/);
    cursor.add(second);
    expect(() => cursor.add(third)).toThrow(/beyond/);
  });
});
