import { describe, expect, it } from 'vitest';
import type { RevisionRecord } from '../../server/state/mvcc/revision.js';
import { StateRebuild } from '../../server/state/state-rebuild.js';
import { compact, del, kv, put, range } from './commands.js';
import { MachineOnDisk } from './machine-on-disk.js';

const record = (main: number, sub = 0): RevisionRecord => ({
  revision: { main, sub },
  tombstone: false,
  kv: kv('a', '', 2, main, main - 1),
});

describe('a rebuild', () => {
  it('of nothing is an empty store', () => {
    const machine = new StateRebuild({ revision: 1, compactedRevision: -1, members: [] }).finish();
    expect([machine.revision, machine.compactedRevision, machine.members()]).toEqual([1, -1, []]);
  });

  it('gives every answer and the hash back, however the records are sliced', () => {
    const real = new MachineOnDisk();
    for (let at = 0; at < 40; at += 1) real.apply(at % 7 === 6 ? del(`k${at % 5}`) : put(`k${at % 5}`, `v${at}`));
    real.apply(compact(20));
    const answers = () => {
      const at = (revision: number) => real.range(range('\0', '\0', { revision }));
      return [real.hash(), ...Array.from({ length: real.machine.revision - 19 }, (_, index) => at(20 + index))];
    };
    const before = answers();
    for (const slice of [1, 2, 7, 1_000]) {
      real.restart(slice);
      expect(answers()).toEqual(before);
    }
    real.removeAll();
    real.restart();
    expect(answers()).toEqual(before);
  });

  it('takes nothing but the key and the revision from a tombstone', () => {
    const rebuild = new StateRebuild({ revision: 3, compactedRevision: -1, members: [] });
    rebuild.add([record(2), { ...record(3), tombstone: true }]);
    const machine = rebuild.finish();
    const answer = machine.openRange(range('a'));
    expect(answer.ok && answer.cursor.result()).toEqual({ kvs: [], more: false, count: 0 });
    expect(machine.apply(put('a')).events[0]?.kv).toEqual(kv('a', '', 4, 4, 1));
  });

  it('goes on counting where it was, also when nothing of the last revision is left', () => {
    const real = new MachineOnDisk();
    real.apply(put('a'));
    real.apply(del('a'));
    real.apply(put('b'));
    real.apply(compact(4));
    real.removeAll();
    real.restart();
    expect(real.apply(put('a')).events[0]?.kv).toEqual(kv('a', '', 5, 5, 1));
  });

  it('does not take records out of order, twice, or beyond the revision', () => {
    const rebuild = new StateRebuild({ revision: 4, compactedRevision: -1, members: [] });
    rebuild.add([record(2), record(3), record(3, 1)]);
    expect(() => rebuild.add([record(3, 1)])).toThrow(/order/);
    expect(() => rebuild.add([record(2)])).toThrow(/order/);
    expect(() => rebuild.add([record(5)])).toThrow(/beyond/);
  });

  it.each([
    [0, -1, /starts at revision 1/],
    [3, 4, /compacted beyond/],
  ])('does not believe in revision %i compacted at %i', (revision, compactedRevision, message) => {
    expect(() => new StateRebuild({ revision, compactedRevision, members: [] })).toThrow(message);
  });
});
