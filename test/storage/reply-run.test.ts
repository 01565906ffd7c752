/** Replies in runs come back one by one, as they were, whatever shared a batch and wherever their client had come to. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Outcome, StateWrite } from '../../server/state/result.js';
import { SessionTable } from '../../server/state/session/session-table.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import { applied, dumpState, entries, hard, openStore, putRevision, SYNC } from './member-kit.js';

const plain: Outcome = { ok: true, result: { kind: 'put', prevKv: undefined } };
const otherwise: Outcome = { ok: false, code: 'LEASE_NOT_FOUND', detail: 'lease 7' };

/** One write of one of two sessions. `settledBack`: how many of its latest replies are not settled. */
const step = fc.record({
  session: fc.integer({ min: 1, max: 2 }),
  isPlain: fc.boolean(),
  settledBack: fc.integer({ min: 0, max: 40 }),
  endsBatch: fc.boolean(),
});

async function saved(steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[]) {
  const store = await openStore(new MemoryEngine());
  await store.load();
  const table = new SessionTable();
  let writes: StateWrite[] = [1, 2].flatMap(() => {
    const opened = table.open({ kind: 'sessionOpen', clientName: 'c', ttlMs: 1000 });
    return 'writes' in opened ? opened.writes : [];
  });
  let index = 0;
  let revision = 1;
  const save = async (): Promise<void> => {
    index += 1;
    const point = applied(index, 1, revision);
    await store.save(
      { hardState: hard(1, index), entries: entries(index, index, 1), state: { writes, applied: point } },
      SYNC,
    );
    writes = [];
  };
  const next = [1, 1];
  for (const { session, isPlain, settledBack, endsBatch } of steps) {
    const sequence = next[session - 1] ?? 0;
    next[session - 1] = sequence + 1;
    const stamp = { session, sequence, settled: Math.max(0, sequence - 1 - settledBack) };
    const admission = table.admit(stamp);
    expect(admission.kind).toBe('apply');
    if (isPlain) writes.push(putRevision((revision += 1)));
    writes.push(table.keep(stamp, isPlain ? plain : otherwise, revision));
    if (endsBatch) await save();
  }
  await save();
  const { sessions: records } = await dumpState(await store.openState());
  return { table, records };
}

function contents(table: SessionTable) {
  return [...table.all()].map(({ info, replies }) => ({ info, replies: [...replies] }));
}

test('the sessions of a restart are those that were', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const { table, records } = await saved(steps);
      const restored = new SessionTable();
      for (const record of records) restored.restore(record);
      restored.finishRestore();
      expect(contents(restored)).toEqual(contents(table));
    }),
  );
});

test('puts of one session that follow each other in a batch take one record', async () => {
  const steps = Array.from({ length: 1_500 }, () => ({ session: 1, isPlain: true, settledBack: 40, endsBatch: false }));
  const { records } = await saved(steps);
  const replies = records.flatMap((record) => (record.kind === 'putReply' ? [record.reply] : []));
  expect(replies).toEqual([expect.objectContaining({ sequence: 1_500, revision: 1_501, before: 1_499 })]);
});
