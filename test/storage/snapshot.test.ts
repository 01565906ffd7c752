/** A snapshot travels whole and unchanged, or not at all; what is installed switches in one step. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryIdentityFile } from '../../server/storage/identity.js';
import { stateRange } from '../../server/storage/keys.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import type { MemberStore } from '../../server/storage/member-store.js';
import { CHUNK_BYTES_MAX, CHUNK_BYTES_TARGET, frameChunk, openChunk } from '../../server/storage/snapshot-frame.js';
import { encodeSnapshotHeader } from '../../server/storage/codec.js';
import {
  allChunks,
  applied,
  CLUSTER,
  dumpMember,
  dumpState,
  entries,
  failureOf,
  hard,
  MEMBERS,
  meta,
  NO_SYNC,
  openStore,
  putRevision,
  session,
  sessionReply,
  stateUpTo,
  SYNC,
} from './member-kit.js';

interface Side {
  engine: MemoryEngine;
  readonly identityFile: MemoryIdentityFile;
  store: MemberStore;
}

async function newSide(memberId: bigint, clusterId = CLUSTER): Promise<Side> {
  const engine = new MemoryEngine();
  const identityFile = new MemoryIdentityFile();
  const store = await openStore(engine, { identityFile, memberId, clusterId });
  await store.load();
  return { engine, identityFile, store };
}

let sender: Side;
let receiver: Side;

beforeEach(async () => {
  sender = await newSide(1n);
  receiver = await newSide(2n);
  await sender.store.save({ hardState: hard(3, 40), entries: entries(1, 40, 3), state: stateUpTo(0, 40, 3) }, SYNC);
  await receiver.store.save({ hardState: hard(2, 3), entries: entries(1, 9, 1), state: stateUpTo(0, 3, 1) }, SYNC);
});

/** A power cut at the receiver. */
async function crashReceiver(keepUnsynced = 0): Promise<Awaited<ReturnType<typeof dumpMember>>> {
  receiver.engine = receiver.engine.crash({ keepUnsynced });
  receiver.store = await openStore(receiver.engine, { identityFile: receiver.identityFile, memberId: 2n });
  return dumpMember(await receiver.store.load(), receiver.store);
}

async function receive(chunks: readonly Buffer[]): Promise<void> {
  const writer = await receiver.store.receiveSnapshot();
  for (const chunk of chunks) await writer.writeChunk(chunk);
  await writer.finish();
}

/** How many records of the replicated state the receiver's engine holds in any generation. */
async function recordsByGeneration(): Promise<readonly number[]> {
  const counts: number[] = [];
  for (const generation of [1, 2, 3, 4]) {
    const iterator = receiver.engine.iterate(stateRange(generation));
    counts.push((await iterator.next(1000)).length);
    await iterator.close();
  }
  return counts;
}

describe('from one member to another', () => {
  test("the receiver ends with the sender's state, an empty log after it, and the given hard state", async () => {
    const writer = await receiver.store.receiveSnapshot();
    for (const chunk of await allChunks(sender.store)) await writer.writeChunk(chunk);
    const received = await writer.finish();
    expect(received).toEqual(meta(40, 3));
    expect(receiver.engine.disk.unsyncedBatches).toBe(0);
    await receiver.store.installSnapshot(received, hard(3, 40));
    const expected = await dumpState(await sender.store.openState());
    expect(await dumpState(await receiver.store.openState())).toEqual(expected);
    const found = await crashReceiver();
    expect(found).toEqual({ hardState: hard(3, 40), logStart: meta(40, 3), entries: [], state: expected });
    expect((await receiver.store.readRevisions([{ main: 41, sub: 0 }]))[0]?.kv.key).toBe('k41');
  });

  test('leases travel with it', async () => {
    const lease = { id: 7n, ttlMs: 5000, remainingMs: 300, grantedIndex: 4 };
    const writes = [{ kind: 'putLease', lease } as const];
    await sender.store.save({ entries: entries(41, 41, 3), state: { writes, applied: applied(41, 3, 41) } }, SYNC);
    await receive(await allChunks(sender.store));
    await receiver.store.installSnapshot(meta(41, 3), hard(3, 41));
    expect((await dumpState(await receiver.store.openState())).leases).toEqual([lease]);
  });

  test('sessions travel with it, and their replies', async () => {
    const writes = [session(1), session(2), sessionReply(1, 1), sessionReply(2, 1024)];
    await sender.store.save({ entries: entries(41, 41, 3), state: { writes, applied: applied(41, 3, 41) } }, SYNC);
    await receive(await allChunks(sender.store));
    await receiver.store.installSnapshot(meta(41, 3), hard(3, 41));
    expect((await dumpState(await receiver.store.openState())).sessions).toEqual(writes);
  });

  test('the log goes on after the snapshot', async () => {
    await receive(await allChunks(sender.store));
    await receiver.store.installSnapshot(meta(40, 3), hard(3, 40));
    await receiver.store.save({ entries: entries(41, 42, 3) }, SYNC);
    await receiver.store.save({ state: stateUpTo(40, 42, 3) }, SYNC);
    const found = await crashReceiver();
    expect(found.entries).toEqual(entries(41, 42, 3));
    expect(found.state.revisions.length).toBe(42);
  });

  test('nothing is visible before the installation, and an uninstalled snapshot is gone after a crash', async () => {
    const before = await dumpState(await receiver.store.openState());
    await receive(await allChunks(sender.store));
    expect(await dumpState(await receiver.store.openState())).toEqual(before);
    const found = await crashReceiver(1000);
    expect(found.state).toEqual(before);
    expect(found.entries).toEqual(entries(1, 9, 1));
    expect(await recordsByGeneration()).toEqual([6, 0, 0, 0]);
  });

  test('the old generation is deleted in the background after the installation', async () => {
    await receive(await allChunks(sender.store));
    await receiver.store.installSnapshot(meta(40, 3), hard(3, 40));
    let counts = await recordsByGeneration();
    for (let turn = 0; turn < 1000 && counts[0] !== 0; turn += 1) counts = await recordsByGeneration();
    expect(counts).toEqual([0, 43, 0, 0]);
  });

  test('what a close leaves of the old generation, the next start deletes', async () => {
    await receive(await allChunks(sender.store));
    await receiver.store.installSnapshot(meta(40, 3), hard(3, 40));
    await receiver.store.close();
    receiver.engine = new MemoryEngine(receiver.engine.disk);
    receiver.store = await openStore(receiver.engine, { identityFile: receiver.identityFile, memberId: 2n });
    await receiver.store.load();
    expect(await recordsByGeneration()).toEqual([0, 43, 0, 0]);
  });

  test('a snapshot is a cut: writes, compactions and trims meanwhile do not reach it', async () => {
    const before = await dumpState(await sender.store.openState());
    const reader = await sender.store.openSnapshot();
    const chunks = [await reader.nextChunk()];
    await sender.store.save({ entries: entries(41, 45, 3), state: stateUpTo(40, 45, 3) }, SYNC);
    const gone = { kind: 'deleteRevision', revision: { main: 2, sub: 0 } } as const;
    await sender.store.save({ maintenance: [{ kind: 'compacted', revision: 9 }, gone], trimTo: meta(40, 3) }, SYNC);
    for (let chunk = await reader.nextChunk(); chunk !== undefined; chunk = await reader.nextChunk())
      chunks.push(chunk);
    await reader.close();
    await receive(chunks.filter((chunk) => chunk !== undefined));
    await receiver.store.installSnapshot(reader.meta, hard(3, 40));
    expect(await dumpState(await receiver.store.openState())).toEqual(before);
    expect(reader.meta).toEqual(meta(40, 3));
  });

  test('chunks stay near their target size, and one record may exceed it', async () => {
    const values = [1, 200_000, 200_000, 600_000, 1, 200_000].map((length) => 'v'.repeat(length));
    const writes = values.map((value, i) => putRevision(42 + i, 0, `large${i}`, value));
    await sender.store.save({ entries: entries(41, 46, 3), state: { writes, applied: applied(46, 3, 47) } }, SYNC);
    const chunks = await allChunks(sender.store);
    expect(chunks.length).toBeGreaterThan(4);
    const recordMax = 600_100;
    for (const chunk of chunks) expect(chunk.length).toBeLessThan(CHUNK_BYTES_TARGET + recordMax);
    await receive(chunks);
    await receiver.store.installSnapshot(meta(46, 3), hard(3, 46));
    const { revisions } = await dumpState(await receiver.store.openState());
    expect(revisions.slice(-6).map((stored) => stored.kv.value.length)).toEqual(values.map((value) => value.length));
  });

  test('a compacted state travels with its compacted revision', async () => {
    const gone = [2, 3, 4].map((main) => ({ kind: 'deleteRevision', revision: { main, sub: 0 } }) as const);
    await sender.store.save({ maintenance: [{ kind: 'compacted', revision: 10 }, ...gone] }, SYNC);
    await receive(await allChunks(sender.store));
    await receiver.store.installSnapshot(meta(40, 3), hard(3, 40));
    const state = await dumpState(await receiver.store.openState());
    expect(state.compactedRevision).toBe(10);
    expect(state.revisions[0]?.revision.main).toBe(5);
    expect(state.members).toEqual(MEMBERS);
  });
});

describe('order of calls', () => {
  test('a second receiver aborts the first one', async () => {
    const chunks = await allChunks(sender.store);
    const first = await receiver.store.receiveSnapshot();
    for (const chunk of chunks.slice(0, 2)) await first.writeChunk(chunk);
    await receive(chunks);
    expect(await failureOf(first.writeChunk(chunks[2] ?? Buffer.alloc(0)))).toMatchObject({ code: 'ABORTED' });
    expect(await failureOf(first.finish())).toMatchObject({ code: 'ABORTED' });
    await first.abort();
    await receiver.store.installSnapshot(meta(40, 3), hard(3, 40));
    expect((await crashReceiver()).state.applied.index).toBe(40);
  });

  test('an aborted snapshot cannot be installed and leaves nothing behind, finished or not', async () => {
    const chunks = await allChunks(sender.store);
    for (const count of [0, 1, 2, chunks.length]) {
      const writer = await receiver.store.receiveSnapshot();
      for (const chunk of chunks.slice(0, count)) await writer.writeChunk(chunk);
      if (count === chunks.length) await writer.finish();
      await writer.abort();
      await writer.abort();
      expect((await failureOf(receiver.store.installSnapshot(meta(40, 3), hard(3, 40)))).name).toBe('InvariantError');
    }
    await crashReceiver(1000);
    expect(await recordsByGeneration()).toEqual([6, 0, 0, 0]);
  });

  test('an abort after the installation does nothing', async () => {
    const writer = await receiver.store.receiveSnapshot();
    for (const chunk of await allChunks(sender.store)) await writer.writeChunk(chunk);
    await receiver.store.installSnapshot(await writer.finish(), hard(3, 40));
    await writer.abort();
    expect((await dumpState(await receiver.store.openState())).revisions.length).toBe(40);
    expect((await crashReceiver()).state.applied.index).toBe(40);
  });

  test('another snapshot than the finished one is not installed', async () => {
    await receive(await allChunks(sender.store));
    expect((await failureOf(receiver.store.installSnapshot(meta(39, 3), hard(3, 40)))).name).toBe('InvariantError');
    expect((await failureOf(receiver.store.installSnapshot(meta(40, 2), hard(3, 40)))).name).toBe('InvariantError');
  });

  test('a snapshot that would move the applied point back is not installed', async () => {
    await receive(await allChunks(sender.store));
    const more = { hardState: hard(3, 40), entries: entries(10, 40, 3), state: stateUpTo(3, 40, 3) };
    await receiver.store.save(more, SYNC);
    const failure = await failureOf(receiver.store.installSnapshot(meta(40, 3), hard(3, 40)));
    expect(failure.message).toContain('must not move the applied point back');
    expect((await crashReceiver()).entries.length).toBe(40);
  });

  test('chunks written without waiting are taken in order', async () => {
    const writer = await receiver.store.receiveSnapshot();
    const chunks = await allChunks(sender.store);
    const writes = chunks.map((chunk) => writer.writeChunk(chunk));
    expect(await writer.finish()).toEqual(meta(40, 3));
    await Promise.all(writes);
  });

  test('snapshots follow each other', async () => {
    for (let round = 1; round <= 3; round += 1) {
      const last = 40 + round;
      await sender.store.save({ entries: entries(last, last, 3), state: stateUpTo(last - 1, last, 3) }, SYNC);
      await receive(await allChunks(sender.store));
      await receiver.store.installSnapshot(meta(last, 3), hard(3, last));
    }
    expect((await crashReceiver()).state.revisions.length).toBe(43);
  });
});

describe('what is refused, and changes nothing', () => {
  const refused = async (chunks: readonly Buffer[], code: string): Promise<void> => {
    const failure = await failureOf(receive(chunks));
    expect(failure).toMatchObject({ name: 'SnapshotError', code });
    expect((await failureOf(receiver.store.installSnapshot(meta(40, 3), hard(3, 40)))).name).toBe('InvariantError');
    expect((await crashReceiver(1000)).state.applied.index).toBe(3);
  };

  test('chunks out of order, repeated, missing, or after the end', async () => {
    const [header, records, trailer] = await threeChunks();
    await refused([records, header, trailer], 'OUT_OF_ORDER');
    await refused([header, header, records, trailer], 'OUT_OF_ORDER');
    await refused([header, records, records, trailer], 'OUT_OF_ORDER');
    await refused([header, trailer], 'OUT_OF_ORDER');
    await refused([header, records, trailer, trailer], 'OUT_OF_ORDER');
    await refused([header, records], 'INCOMPLETE');
    await refused([header], 'INCOMPLETE');
    await refused([], 'INCOMPLETE');
  });

  test('a chunk of the right number and the wrong kind', async () => {
    const [header, records, trailer] = await threeChunks();
    await refused([reframed(records, 'records', 0)], 'OUT_OF_ORDER');
    await refused([reframed(trailer, 'trailer', 0)], 'OUT_OF_ORDER');
    await refused([header, reframed(header, 'header', 1)], 'OUT_OF_ORDER');
    await refused([header, reframed(trailer, 'trailer', 1)], 'SIZE_MISMATCH');
  });

  test('another cluster and another format', async () => {
    const [, records, trailer] = await threeChunks();
    const header = { formatVersion: 1, clusterId: CLUSTER, meta: meta(40, 3), revision: 41 };
    const chunkOf = (change: object): Buffer => frameChunk('header', 0, encodeSnapshotHeader({ ...header, ...change }));
    await refused([chunkOf({ clusterId: 5n })], 'WRONG_CLUSTER');
    await refused([chunkOf({ formatVersion: 2 })], 'UNKNOWN_FORMAT');
    await refused([chunkOf({ meta: meta(41, 3) }), records, trailer], 'MALFORMED');
    await refused([chunkOf({ meta: meta(40, 2) }), records, trailer], 'MALFORMED');
    await refused([chunkOf({ revision: 40 }), records, trailer], 'MALFORMED');
    await receive([chunkOf({}), records, trailer]);
  });

  test('records that are out of order, of no known table, or damaged', async () => {
    const [header, records] = await threeChunks();
    const payload = Buffer.from(openChunk(records).payload);
    await refused([header, frameChunk('records', 1, Buffer.concat([payload, payload]))], 'OUT_OF_ORDER');
    await refused([header, frameChunk('records', 1, payload.subarray(firstRecordBytes(payload)))], 'OUT_OF_ORDER');
    const flipped = Buffer.from(payload);
    flipped.writeUInt8(flipped.readUInt8(flipped.length - 1) ^ 1, flipped.length - 1);
    await refused([header, frameChunk('records', 1, flipped)], 'MALFORMED');
    const unknown = Buffer.concat([payload, Buffer.from([0, 1, 0, 0, 0, 4, 200, 1, 2, 3, 4])]);
    await refused([header, frameChunk('records', 1, unknown)], 'MALFORMED');
  });

  test('forged lengths, before anything is made of them', async () => {
    const [header, records] = await threeChunks();
    await refused([Buffer.alloc(0)], 'MALFORMED');
    await refused([Buffer.alloc(17)], 'MALFORMED');
    await refused([Buffer.alloc(CHUNK_BYTES_MAX + 1)], 'TOO_LARGE');
    const liar = Buffer.from(records);
    liar.writeUInt32BE(0xffff_ffff, 9);
    await refused([header, liar], 'SIZE_MISMATCH');
    for (const [subkeyBytes, recordBytes] of [
      [0xffff, 1],
      [1, 0xffff_ffff],
      [10, 100],
    ] as const) {
      const head = Buffer.alloc(6);
      head.writeUInt16BE(subkeyBytes, 0);
      head.writeUInt32BE(recordBytes, 2);
      await refused([header, frameChunk('records', 1, Buffer.concat([head, Buffer.alloc(20)]))], 'SIZE_MISMATCH');
    }
    await refused([header, frameChunk('records', 1, Buffer.from([0, 1, 0]))], 'MALFORMED');
    await refused([header, frameChunk('header', 1, Buffer.from([1]))], 'OUT_OF_ORDER');
    await refused([frameChunk('header', 0, Buffer.from([0x0a]))], 'MALFORMED');
  });

  test('a trailer that counts otherwise', async () => {
    const [header, records, trailer] = await threeChunks();
    for (let offset = 0; offset < 20; offset += 1) {
      const payload = Buffer.from(openChunk(trailer).payload);
      payload.writeUInt8(payload.readUInt8(offset) ^ 0x01, offset);
      const failure = await failureOf(receive([header, records, frameChunk('trailer', 2, payload)]));
      expect(failure).toMatchObject({ name: 'SnapshotError' });
    }
    await refused([header, records, frameChunk('trailer', 2, Buffer.alloc(3))], 'MALFORMED');
  });

  test('any flipped bit and any cut of any chunk', async () => {
    const chunks = await threeChunks();
    const damage = fc.record({ which: fc.nat(2), at: fc.nat(), bit: fc.nat(7), isCut: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(damage, async ({ which, at, bit, isCut }) => {
        const damaged = chunks.map((chunk, i) => (i === which ? damagedChunk(chunk, at, bit, isCut) : chunk));
        expect(await failureOf(receive(damaged))).toMatchObject({ name: 'SnapshotError' });
      }),
      { numRuns: 300, seed: 4 },
    );
    await receive(chunks);
  });

  test('after a refused chunk the rest of the stream is refused too', async () => {
    const [header, records, trailer] = await threeChunks();
    const writer = await receiver.store.receiveSnapshot();
    await writer.writeChunk(header);
    await failureOf(writer.writeChunk(trailer));
    expect(await failureOf(writer.writeChunk(records))).toMatchObject({ code: 'OUT_OF_ORDER' });
    expect(await failureOf(writer.finish())).toMatchObject({ code: 'OUT_OF_ORDER' });
    await writer.abort();
  });
});

test('a damaged record of the sender does not travel', async () => {
  const key = await someStateKey(sender.engine);
  await sender.engine.write([{ type: 'put', key, value: Buffer.from('damaged') }], NO_SYNC);
  expect((await failureOf(allChunks(sender.store))).name).toBe('StorageCorruptionError');
});

async function someStateKey(engine: MemoryEngine): Promise<Buffer> {
  const iterator = engine.iterate(stateRange(1));
  const pairs = await iterator.next(20);
  await iterator.close();
  const pair = pairs[10];
  if (pair === undefined) throw new Error('the state is too small');
  return pair[0];
}

async function threeChunks(): Promise<readonly [Buffer, Buffer, Buffer]> {
  const [header, records, trailer, ...rest] = await allChunks(sender.store);
  if (header === undefined || records === undefined || trailer === undefined || rest.length > 0) {
    throw new Error('the snapshot was to have three chunks');
  }
  return [header, records, trailer];
}

function reframed(chunk: Buffer, kind: 'header' | 'records' | 'trailer', sequence: number): Buffer {
  return frameChunk(kind, sequence, openChunk(chunk).payload);
}

function firstRecordBytes(payload: Buffer): number {
  return 6 + payload.readUInt16BE(0) + payload.readUInt32BE(2);
}

function damagedChunk(chunk: Buffer, at: number, bit: number, isCut: boolean): Buffer {
  const offset = at % chunk.length;
  if (isCut) return chunk.subarray(0, offset);
  const damaged = Buffer.from(chunk);
  damaged.writeUInt8(damaged.readUInt8(offset) ^ (1 << bit), offset);
  return damaged;
}
