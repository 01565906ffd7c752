/**
 * The power goes out at every moment of a member's life, and the disk keeps any prefix of what was not synced: the next
 * start finds the state after one of the steps, never a mix, and never one older than the last step that was promised.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { MemoryIdentityFile } from '../../server/storage/identity.js';
import { MemoryDisk } from '../../server/storage/memory-disk.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import type { MemberStore } from '../../server/storage/member-store.js';
import {
  allChunks,
  dumpMember,
  entries,
  hard,
  meta,
  NO_SYNC,
  openStore,
  stateUpTo,
  SYNC,
  type MemberDump,
} from './member-kit.js';
import { CuttableIdentityFile, PowerCut } from './power-cut.js';

interface Step {
  readonly run: (store: MemberStore) => Promise<void>;
  /** When it resolves, it and all before it are promised to survive. */
  readonly promises: boolean;
}

let snapshotChunks: readonly Buffer[];
let laterChunks: readonly Buffer[];

beforeAll(async () => {
  snapshotChunks = await chunksAt(40);
  laterChunks = await chunksAt(60);
});

async function chunksAt(index: number): Promise<readonly Buffer[]> {
  const store = await openStore(new MemoryEngine());
  await store.load();
  await store.save({ hardState: hard(3), entries: entries(1, index, 3), state: stateUpTo(0, index, 3) }, SYNC);
  return allChunks(store);
}

async function receive(store: MemberStore, chunks: readonly Buffer[]): Promise<void> {
  const writer = await store.receiveSnapshot();
  for (const chunk of chunks) await writer.writeChunk(chunk);
  await writer.finish();
}

const compaction = [
  { kind: 'compacted', revision: 3 } as const,
  { kind: 'deleteRevision', revision: { main: 2, sub: 0 } } as const,
];

const steps: readonly Step[] = [
  { promises: true, run: (store) => store.save({ hardState: hard(1), entries: entries(1, 6, 1) }, SYNC) },
  { promises: false, run: (store) => store.save({ hardState: hard(1, 3) }, NO_SYNC) },
  { promises: false, run: (store) => store.save({ state: stateUpTo(0, 3, 1) }, NO_SYNC) },
  { promises: true, run: (store) => store.save({ hardState: hard(2, 3), entries: entries(5, 5, 2) }, SYNC) },
  { promises: false, run: (store) => store.save({ state: stateUpTo(3, 5, 2) }, NO_SYNC) },
  { promises: true, run: (store) => store.save({ maintenance: compaction, trimTo: meta(3, 1) }, SYNC) },
  { promises: false, run: (store) => receive(store, snapshotChunks) },
  { promises: false, run: (store) => store.save({ hardState: hard(3, 5), entries: entries(6, 7, 3) }, NO_SYNC) },
  { promises: true, run: (store) => store.installSnapshot(meta(40, 3), hard(4, 40)) },
  { promises: false, run: (store) => store.save({ entries: entries(41, 45, 3) }, NO_SYNC) },
  { promises: false, run: (store) => store.save({ state: stateUpTo(40, 43, 3), hardState: hard(4, 43) }, NO_SYNC) },
  {
    promises: false,
    run: async (store) => (await store.receiveSnapshot()).writeChunk(laterChunks[0] ?? Buffer.alloc(0)),
  },
  { promises: true, run: (store) => store.save({ hardState: hard(5, 43) }, SYNC) },
  { promises: true, run: (store) => store.save({ trimTo: meta(43, 3) }, SYNC) },
  { promises: false, run: (store) => receive(store, laterChunks) },
  { promises: true, run: (store) => store.installSnapshot(meta(60, 3), hard(6, 60)) },
  { promises: true, run: (store) => store.save({ hardState: hard(7, 60), entries: entries(61, 61, 7) }, SYNC) },
];

const FIRST_BOOT_MOMENTS = 3 * 2;

async function find(disk: MemoryDisk, identity: string | undefined): Promise<MemberDump> {
  const store = await openStore(new MemoryEngine(disk), { identityFile: new MemoryIdentityFile(identity) });
  return dumpMember(await store.load(), store);
}

/** What a start finds after each number of steps. */
async function expectedDumps(): Promise<readonly MemberDump[]> {
  const engine = new MemoryEngine();
  const identityFile = new MemoryIdentityFile();
  const store = await openStore(engine, { identityFile });
  await store.load();
  const look = async (): Promise<MemberDump> => find(copyOf(engine.disk), await identityFile.read());
  const dumps = [await look()];
  for (const { run } of steps) {
    await run(store);
    dumps.push(await look());
  }
  return dumps;
}

/** All that was written, synced or not, without disturbing the disk. */
function copyOf(disk: MemoryDisk): MemoryDisk {
  return new MemoryDisk({}, disk.table.clone());
}

interface CutLife {
  readonly ending: 'cut' | 'ended';
  readonly disk: MemoryDisk;
  readonly identity: string | undefined;
  /** Steps begun, steps promised. */
  readonly begun: number;
  readonly promised: number;
}

async function liveUntil(at: number): Promise<CutLife> {
  const cut = new PowerCut(at);
  const disk = new MemoryDisk(cut.hooks);
  const identityFile = new CuttableIdentityFile(cut);
  let begun = 0;
  let promised = 0;
  const ending = await cut.during(async () => {
    const store = await openStore(new MemoryEngine(disk), { identityFile });
    await store.load();
    for (const { run, promises } of steps) {
      begun += 1;
      await run(store);
      if (promises) promised = begun;
    }
  });
  return { ending, disk, identity: identityFile.text, begun, promised };
}

describe('a power cut at every moment', () => {
  test('leaves the state after one of the steps, with everything promised in it', async () => {
    const expected = await expectedDumps();
    let cuts = 0;
    for (let at = 0; ; at += 1) {
      const life = await liveUntil(at);
      if (life.ending === 'ended') break;
      for (let keep = 0; keep <= life.disk.unsyncedBatches; keep += 1) {
        cuts += 1;
        const found = await find(life.disk.crash({ keepUnsynced: keep, hooks: {} }), life.identity);
        const candidates = expected.slice(life.promised, life.begun + 1);
        expect(candidates, `moment ${at}, ${keep} unsynced batches kept`).toContainEqual(found);
      }
    }
    expect(cuts).toBeGreaterThan(70);
  });

  test('and another one at every moment of the start that follows', async () => {
    const expected = await expectedDumps();
    let cuts = 0;
    for (let at = FIRST_BOOT_MOMENTS; ; at += 1) {
      const life = await liveUntil(at);
      if (life.ending === 'ended') break;
      for (const keep of [0, life.disk.unsyncedBatches]) cuts += await cutEveryRestart(life, keep, expected);
    }
    expect(cuts).toBeGreaterThan(100);
  });

  test('the steps differ from each other: no crash can hide as its neighbour', async () => {
    const dumps = (await expectedDumps()).map((dump) => JSON.stringify(dump, withoutBigints));
    // Receiving changes nothing that counts: steps 7, 12 and 15 look like their predecessors.
    expect(new Set(dumps).size).toBe(dumps.length - 3);
  });
});

async function cutEveryRestart(life: CutLife, keep: number, expected: readonly MemberDump[]): Promise<number> {
  for (let at = 0; ; at += 1) {
    const cut = new PowerCut(at);
    const disk = life.disk.crash({ keepUnsynced: keep, hooks: cut.hooks });
    const identityFile = new CuttableIdentityFile(cut, life.identity);
    const ending = await cut.during(async () => {
      const store = await openStore(new MemoryEngine(disk), { identityFile });
      await store.load();
    });
    const found = await find(disk.crash({ keepUnsynced: at % 3, hooks: {} }), identityFile.text);
    expect(expected.slice(life.promised, life.begun + 1), `restart moment ${at}`).toContainEqual(found);
    if (ending === 'ended') return at;
  }
}

describe('a power cut at every moment of the first boot', () => {
  test('leaves a directory that boots clean, as the same member', async () => {
    const fresh = (await expectedDumps())[0];
    let at = 0;
    for (; ; at += 1) {
      const cut = new PowerCut(at);
      const disk = new MemoryDisk(cut.hooks);
      const identityFile = new CuttableIdentityFile(cut);
      const ending = await cut.during(async () => {
        await (await openStore(new MemoryEngine(disk), { identityFile })).load();
      });
      for (let keep = 0; keep <= disk.unsyncedBatches; keep += 1) {
        const found = await find(disk.crash({ keepUnsynced: keep, hooks: {} }), identityFile.text);
        expect(found, `moment ${at}, ${keep} unsynced batches kept`).toEqual(fresh);
      }
      if (ending === 'ended') break;
    }
    expect(at).toBe(8);
  });

  test('before its end another identity may take the directory over; after it none may', async () => {
    const taken: string[] = [];
    for (let at = 0; at <= 8; at += 1) {
      const cut = new PowerCut(at);
      const disk = new MemoryDisk(cut.hooks);
      const identityFile = new CuttableIdentityFile(cut);
      await cut.during(async () => {
        await openStore(new MemoryEngine(disk), { identityFile });
      });
      const again = new MemoryIdentityFile(identityFile.text);
      const opening = openStore(new MemoryEngine(disk.crash({ hooks: {} })), { identityFile: again, memberId: 5n });
      taken.push(
        await opening.then(
          () => 'taken',
          (error: unknown) => codeOf(error),
        ),
      );
    }
    expect(taken).toEqual([
      ...['taken', 'taken', 'taken', 'taken'],
      ...['WRONG_MEMBER', 'WRONG_MEMBER', 'WRONG_MEMBER', 'WRONG_MEMBER', 'WRONG_MEMBER'],
    ]);
  });
});

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function withoutBigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
