/** Whatever happens to a stored record, a start says so. It never takes damage for the end of the log. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { byteStringFrom } from '../../server/lib/bytes.js';
import type { EngineOp } from '../../server/storage/engine.js';
import { MemoryIdentityFile } from '../../server/storage/identity.js';
import {
  appliedSubkey,
  compactedSubkey,
  logKey,
  metaKey,
  replySubkey,
  revisionSubkey,
  sessionClockSubkey,
  sessionSubkey,
  stateKey,
} from '../../server/storage/keys.js';
import { MemoryDisk } from '../../server/storage/memory-disk.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import { entryOp, hardStateOp, metaPut, stateOp, statePut } from '../../server/storage/record-ops.js';
import { StorageCorruptionError } from '../../server/storage/storage-errors.js';
import { encodeApplied } from '../../server/storage/codec.js';
import {
  applied,
  dumpMember,
  entries,
  entry,
  failureOf,
  hard,
  meta,
  openStore,
  putRevision,
  session,
  sessionReply,
  stateUpTo,
  SYNC,
  type MemberDump,
} from './member-kit.js';

let disk: MemoryDisk;
let identityFile: MemoryIdentityFile;
let whole: MemberDump;

beforeEach(async () => {
  disk = new MemoryDisk();
  identityFile = new MemoryIdentityFile();
  const store = await openStore(new MemoryEngine(disk), { identityFile });
  await store.load();
  await store.save({ hardState: hard(2, 6), entries: [...entries(1, 4, 1), ...entries(5, 9, 2)] }, SYNC);
  await store.save({ state: stateUpTo(0, 6, 2) }, SYNC);
  const compacted = { kind: 'compacted', revision: 3 } as const;
  await store.save({ maintenance: [compacted, session(1), sessionReply(1, 1)], trimTo: meta(3, 1) }, SYNC);
  await store.close();
  whole = await find(disk);
});

async function find(on: MemoryDisk): Promise<MemberDump> {
  const copy = new MemoryDisk({}, on.table.clone());
  const store = await openStore(new MemoryEngine(copy), { identityFile });
  return dumpMember(await store.load(), store);
}

/** What the start says after these operations of the damage. */
async function damaged(...ops: readonly EngineOp[]): Promise<StorageCorruptionError> {
  const copy = new MemoryDisk({}, disk.table.clone());
  copy.table.apply(ops);
  const failure = await failureOf(find(copy));
  if (failure instanceof StorageCorruptionError) return failure;
  throw failure;
}

function remove(key: Buffer): EngineOp {
  return { type: 'del', key };
}

describe('the log', () => {
  test.each([4, 5, 7, 8])('entry %i missing before the end is a hole, named by its index', async (index) => {
    const failure = await damaged(remove(logKey(1, index)));
    expect(failure.index).toBe(index);
    expect(failure.message).toContain(`log entry ${index} is missing`);
  });

  test('a hole of several entries is named by its first one', async () => {
    const failure = await damaged(...[5, 6, 7].map((index) => remove(logKey(1, index))));
    expect(failure.index).toBe(5);
  });

  test('a log that ends before what is committed or applied is refused', async () => {
    const failure = await damaged(...[6, 7, 8, 9].map((index) => remove(logKey(1, index))));
    expect(failure.message).toMatch(/the log ends at 5/);
    const committed = await damaged(hardStateOp(hard(2, 10)));
    expect(committed.message).toContain('entry 10 is committed, but the log ends at 9');
    expect(committed.index).toBe(10);
  });

  test('an entry with a damaged record is named by its index', async () => {
    for (const index of [4, 6, 9]) {
      const record = Buffer.from(disk.table.get(byteStringFrom(logKey(1, index))) ?? Buffer.alloc(0));
      record.writeUInt8(record.readUInt8(7) ^ 0x40, 7);
      const failure = await damaged({ type: 'put', key: logKey(1, index), value: record });
      expect(failure.index).toBe(index);
      expect(failure.message).toContain(`log entry ${index} is corrupt`);
    }
  });

  test('an entry under the key of another one is refused, also with a right checksum', async () => {
    const other = disk.table.get(byteStringFrom(logKey(1, 6))) ?? Buffer.alloc(0);
    expect((await damaged({ type: 'put', key: logKey(1, 7), value: other })).index).toBe(7);
    const forged = metaPut(logKey(1, 7), Buffer.from(other.subarray(4)));
    expect((await damaged(forged)).message).toContain('it says it is entry 6');
  });

  test('a term that falls is refused', async () => {
    expect((await damaged(entryOp(1, entry(8, 1)))).message).toContain('log entry 8 has term 1');
    expect((await damaged(metaPut(logKey(1, 9), Buffer.from([0xff, 0xff])))).index).toBe(9);
  });

  test('a log newer than the hard state is refused: a vote may have been lost', async () => {
    expect((await damaged(hardStateOp(hard(1, 6)))).message).toContain('the log ends in term 2');
  });

  test('an applied point off the log is refused', async () => {
    const at = (index: number, term: number): EngineOp =>
      statePut(1, appliedSubkey, encodeApplied(applied(index, term, 7)));
    expect((await damaged(at(2, 1))).message).toContain('the log begins after 3');
    expect((await damaged(at(10, 2))).message).toContain('the log ends at 9');
    expect((await damaged(at(6, 1))).message).toContain('term 1 of index 6');
    expect((await damaged(at(3, 2))).message).toContain('term 2 of index 3');
  });
});

describe('the replicated state', () => {
  const revision = (main: number, sub = 0): Buffer => stateKey(1, revisionSubkey({ main, sub }));

  test.each([4, 5, 6, 7])('revision %i missing after the compacted one is a hole, named', async (main) => {
    const failure = await damaged(remove(revision(main)));
    expect(failure.message).toContain(`revision ${main} is missing`);
  });

  test('revisions up to the compacted one may be missing', async () => {
    disk.table.apply([remove(revision(2)), remove(revision(3))]);
    expect((await find(disk)).state.revisions.map((stored) => stored.revision.main)).toEqual([4, 5, 6, 7]);
    disk.table.apply([
      stateOp(1, { kind: 'compacted', revision: 7 }),
      ...[4, 5, 6, 7].map((main) => remove(revision(main))),
    ]);
    expect((await find(disk)).state.revisions).toEqual([]);
  });

  test('a sub-revision missing, out of place or beyond the applied revision is refused', async () => {
    const put = (main: number, sub: number): EngineOp => stateOp(1, putRevision(main, sub));
    expect((await damaged(put(5, 2))).message).toContain('revision 6 is missing');
    expect((await damaged(remove(revision(5)), put(5, 1))).message).toContain('revision 5 is missing');
    expect((await damaged(put(8, 0))).message).toContain('revision 8 is stored, but the state is at 7');
    expect((await damaged(stateOp(1, { kind: 'compacted', revision: 8 }))).message).toContain('compacted at 8');
  });

  test('the applied point missing is refused', async () => {
    expect((await damaged(remove(stateKey(1, appliedSubkey)))).message).toContain('the applied point is missing');
  });

  test('a lost compacted revision shows as soon as a compaction has deleted anything', async () => {
    const failure = await damaged(remove(stateKey(1, compactedSubkey)), remove(revision(2)));
    expect(failure.message).toContain('revision 2 is missing');
  });

  test('a record under an unknown key, or under another revision, is refused', async () => {
    const strange = Buffer.from([3, 1]);
    expect((await damaged(statePut(1, strange, Buffer.from([0xff])))).message).toContain('corrupt');
    expect((await damaged(statePut(1, Buffer.from([4, 1]), Buffer.alloc(0)))).message).toContain('unknown key');
    const other = disk.table.get(byteStringFrom(revision(5))) ?? Buffer.alloc(0);
    expect((await damaged(statePut(1, revisionSubkey({ main: 6, sub: 0 }), other.subarray(4)))).message).toContain(
      'it says it is 5',
    );
  });

  test('a session or a reply that stands in the place of another is refused', async () => {
    const placed = (subkey: Buffer, from: Buffer): EngineOp => {
      const record = disk.table.get(byteStringFrom(stateKey(1, from))) ?? Buffer.alloc(0);
      return statePut(1, subkey, record.subarray(4));
    };
    expect((await damaged(placed(sessionSubkey(2), sessionSubkey(1)))).message).toContain('belongs elsewhere');
    expect((await damaged(placed(replySubkey(1, 2), replySubkey(1, 1)))).message).toContain('belongs elsewhere');
    expect((await damaged(statePut(1, sessionClockSubkey, Buffer.from([0xff])))).message).toContain('corrupt');
  });

  test('readRevisions refuses a damaged record', async () => {
    const store = await openStore(new MemoryEngine(disk), { identityFile });
    await store.load();
    disk.table.apply([{ type: 'put', key: revision(5), value: Buffer.from('damage') }]);
    expect((await failureOf(store.readRevisions([{ main: 5, sub: 0 }]))).name).toBe('StorageCorruptionError');
  });
});

test('any flipped bit or cut of any record is found', async () => {
  const records = disk.table.entries('\0', '\xff');
  const damage = fc.record({ which: fc.nat(), at: fc.nat(), bit: fc.nat(7), isCut: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(damage, async ({ which, at, bit, isCut }) => {
      const [key, record] = records[which % records.length] ?? ['', Buffer.alloc(1)];
      const offset = at % record.length;
      const flipped = Buffer.from(record);
      flipped.writeUInt8(record.readUInt8(offset) ^ (1 << bit), offset);
      const value = isCut ? record.subarray(0, offset) : flipped;
      await damaged({ type: 'put', key: Buffer.from(key, 'latin1'), value });
    }),
    { numRuns: 500, seed: 7 },
  );
});

test('any missing record is found, but for what a crash before it would not have written', async () => {
  const unnoticed: string[] = [];
  for (const [key] of disk.table.entries('\0', '\xff')) {
    const copy = new MemoryDisk({}, disk.table.clone());
    copy.table.apply([{ type: 'del', key: Buffer.from(key, 'latin1') }]);
    await find(copy).then(
      () => unnoticed.push(key),
      (error: unknown) => expect(error).toBeInstanceOf(StorageCorruptionError),
    );
  }
  const expected = [
    // The newest entry, never committed: as if it had not been appended.
    logKey(1, 9),
    // The compacted revision, as long as nothing was deleted for it.
    stateKey(1, compactedSubkey),
    ...[1n, 0xfedc_ba98_7654_3210n].map((id) => memberKey(id)),
    // Old revisions, as if a compaction had deleted them.
    ...[2, 3].map((main) => stateKey(1, revisionSubkey({ main, sub: 0 }))),
    // A session without replies, as if it had expired; a lost reply is found when the state is made of the records.
    stateKey(1, sessionSubkey(1)),
    stateKey(1, replySubkey(1, 1)),
  ];
  expect(unnoticed).toEqual(expected.map(byteStringFrom));
  expect(whole.entries.length).toBe(6);
  expect(Object.keys(metaKey).length).toBe(4);
});

function memberKey(id: bigint): Buffer {
  const subkey = Buffer.alloc(9);
  subkey[0] = 3;
  subkey.writeBigUInt64BE(id, 1);
  return stateKey(1, subkey);
}
