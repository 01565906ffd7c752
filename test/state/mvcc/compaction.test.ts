/** Physical removal: what goes, what pins hold, in which slices. */
import { describe, expect, it } from 'vitest';
import { Compaction } from '../../../server/state/mvcc/compaction.js';
import { RevisionWriter } from '../../../server/state/mvcc/revision-writer.js';
import { Store } from '../../../server/state/mvcc/store.js';
import type { PendingRange } from '../../../server/state/result.js';
import { compact, del, put, range, txn } from '../commands.js';
import { keyOf, MachineOnDisk, opened } from '../machine-on-disk.js';

function onDisk(real: MachineOnDisk): string[] {
  return real.records().map(({ revision, kv }) => `${kv.key}@${keyOf(revision)}`);
}

/** Until pins or the end stop it. */
function removeWhatMayGo(real: MachineOnDisk): void {
  while (real.machine.hasCompactionWork) real.compactionStep(2);
}

function storeAfter(...commands: (ReturnType<typeof put> | ReturnType<typeof del>)[]): Store {
  const store = new Store();
  for (const command of commands) {
    const writer = new RevisionWriter(store, 'delete');
    if (command.kind === 'put') writer.put(command);
    else writer.deleteRange(command);
  }
  return store;
}

describe('compaction', () => {
  it('keeps what reads from the compacted revision on can see, and every write from there', () => {
    const real = new MachineOnDisk();
    [put('a'), put('a'), put('b'), del('b'), put('c'), del('c'), put('a')].forEach((command) => real.apply(command));
    real.apply(compact(7));
    expect(onDisk(real).length).toBe(7);
    removeWhatMayGo(real);
    expect(onDisk(real)).toEqual(['a@3/0', 'c@7/0', 'a@8/0']);
    real.apply(compact(8));
    removeWhatMayGo(real);
    expect(onDisk(real)).toEqual(['a@8/0']);
  });

  it('forgets deleted keys in memory too', () => {
    const store = storeAfter(put('a'), put('b'), del('a'), put('c'));
    const compaction = new Compaction(store);
    store.compact(5);
    expect(store.keys.size).toBe(3);
    while (!compaction.step(1).done);
    expect(store.keys.size).toBe(2);
  });

  it('walks no more keys and tells no more removals than a slice has, oldest first', () => {
    const store = storeAfter(
      ...Array.from({ length: 50 }, () => put('hot')),
      ...['a', 'b', 'z'].map((key) => put(key)),
    );
    const compaction = new Compaction(store);
    store.compact(store.revision);
    const told: number[] = [];
    const lengths: number[] = [];
    for (let done = false; !done; ) {
      const slice = compaction.step(8);
      done = slice.done;
      lengths.push(slice.writes.length);
      for (const write of slice.writes) if (write.kind === 'deleteRevision') told.push(write.revision.main);
    }
    expect(told).toEqual(Array.from({ length: 49 }, (_, at) => at + 2));
    expect(Math.max(...lengths)).toBe(8);
    expect(compaction.removedTo).toBe(store.revision);
  });

  it('has no work before the first compaction, and again none after', () => {
    const real = new MachineOnDisk();
    real.apply(put('a'));
    expect([real.machine.hasCompactionWork, real.compactionStep(1)]).toEqual([false, true]);
    real.apply(compact(2));
    expect(real.machine.hasCompactionWork).toBe(true);
    removeWhatMayGo(real);
    expect([real.machine.hasCompactionWork, real.machine.removedRevision]).toEqual([false, 2]);
  });

  it('that comes while another is under way is carried out after it', () => {
    const real = new MachineOnDisk();
    for (const key of ['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c']) real.apply(put(key));
    real.apply(compact(6));
    real.compactionStep(1);
    real.apply(compact(10));
    expect(real.compactionStep(1)).toBe(false);
    removeWhatMayGo(real);
    expect(onDisk(real)).toEqual(['a@8/0', 'b@9/0', 'c@10/0']);
  });

  it('goes on after a restart, also when only a part had reached the disk', () => {
    const real = new MachineOnDisk();
    for (const command of [put('a'), put('a'), del('a'), put('b'), put('b'), put('c')]) real.apply(command);
    real.apply(compact(7));
    const { writes } = real.machine.compactionStep(100);
    expect(writes.length).toBe(4);
    for (let kept = 0; kept < writes.length; kept += 1) {
      real.restart();
      expect(
        real.range(range('\0', '\0')).kvs.map((kv) => kv.key),
        `${kept} of the writes`,
      ).toEqual(['b', 'c']);
      real.save(writes.slice(kept, kept + 1));
    }
    real.restart();
    removeWhatMayGo(real);
    expect(onDisk(real)).toEqual(['b@6/0', 'c@7/0']);
  });
});

describe('pins', () => {
  it('keep what a read between two writes of one revision needs', () => {
    const real = new MachineOnDisk();
    real.apply(put('a', 'old'));
    // The range stands before the second write of its own revision.
    const applied = real.apply(txn([put('b', 'new'), range('a'), put('a', 'new')]));
    const pending = pendingOf(applied.outcome);
    const pin = real.machine.pin(pending.at);
    real.apply(compact(3));
    removeWhatMayGo(real);
    expect(real.finish(opened(real.machine.openRange(pending.query, pending.at))).kvs[0]?.value).toBe('old');
    pin.release();
    removeWhatMayGo(real);
    expect(onDisk(real)).toEqual(['b@3/0', 'a@3/1']);
  });

  it('are counted', () => {
    const real = new MachineOnDisk();
    real.apply(put('a'));
    real.apply(put('a'));
    const pins = [real.machine.pin({ main: 2, sub: 0 }), real.machine.pin({ main: 2, sub: 0 })];
    real.apply(compact(3));
    removeWhatMayGo(real);
    pins[0]?.release();
    pins[0]?.release();
    expect(real.machine.hasCompactionWork).toBe(false);
    expect(onDisk(real).length).toBe(2);
    pins[1]?.release();
    expect(real.machine.hasCompactionWork).toBe(true);
  });

  it('cannot bring back what is gone', () => {
    const real = new MachineOnDisk();
    real.apply(put('a'));
    real.apply(put('a'));
    real.apply(compact(3));
    removeWhatMayGo(real);
    expect(() => real.machine.pin({ main: 2, sub: 0 })).toThrow(/not kept/);
    expect(() => real.machine.openRange(range('a'), { main: 2, sub: 0 })).toThrow(/not kept/);
  });
});

function pendingOf(outcome: ReturnType<MachineOnDisk['apply']>['outcome']): PendingRange {
  const result = outcome.ok && outcome.result.kind === 'txn' ? outcome.result.results[1] : undefined;
  if (result?.kind !== 'range') throw new Error('no range');
  return result;
}
