import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FAKE_PLAN } from './fake-run.js';
import { FAKE_SEEDS } from './fake-seeds.js';
import { runMany, SIMULATOR } from './run-many.js';
import { SerialRuns } from './run-many-serial.js';
import { WorkerStartError, type WorkerProgram } from './run-many-process.js';
import type { SeedResult } from './seed-result.js';

const FAKE: WorkerProgram = { ...SIMULATOR, file: fileURLToPath(new URL('fake-worker.ts', import.meta.url)) };

interface Options {
  readonly workers?: number;
  readonly enoughAt?: number;
  readonly seedMsMax?: number;
}

async function results(seeds: readonly number[], { workers = 1, enoughAt, seedMsMax }: Options = {}) {
  const all: SeedResult[] = [];
  await runMany({
    plans: seeds.map((seed) => ({ ...FAKE_PLAN, seed })),
    workers,
    program: FAKE,
    ...(seedMsMax === undefined ? {} : { seedMsMax }),
    onResult: (result) => {
      all.push(result);
      return result.plan.seed !== enoughAt;
    },
  });
  return all;
}

const seedsOf = (all: readonly SeedResult[]): readonly number[] => all.map(({ plan }) => plan.seed);

describe('runs in worker processes', () => {
  it('bring back what was found, of every seed once, from all workers', async () => {
    const seeds = [1, 2, 3, 4, FAKE_SEEDS.violates, 6, 7];
    const all = await results(seeds, { workers: 2 });
    expect([...seedsOf(all)].sort((a, b) => a - b)).toEqual([...seeds].sort((a, b) => a - b));
    expect(all.filter(({ violation }) => violation !== undefined).map(({ plan }) => plan.seed)).toEqual([1001]);
    const first = all.find(({ plan }) => plan.seed === 1);
    expect(first).toMatchObject({ traceHash: 'hash-of-1', counts: { elections: 3 } });
  });

  it('blame the seed whose worker dies, throws or rejects, and go on with another process', async () => {
    const all = await results([1, FAKE_SEEDS.dies, 2, FAKE_SEEDS.throws, 3, FAKE_SEEDS.rejectsLater, 4]);
    expect(all.map(({ plan, violation }) => [plan.seed, violation?.checker])).toEqual([
      [1, undefined],
      [FAKE_SEEDS.dies, 'process'],
      [2, undefined],
      [FAKE_SEEDS.throws, 'exception'],
      [3, undefined],
      [FAKE_SEEDS.rejectsLater, 'process'],
      [4, undefined],
    ]);
    expect(all[1]?.violation?.message).toContain('SIGKILL');
    expect(all[1]?.violation?.message).toContain('last words');
    expect(all[3]?.violation?.message).toContain('thrown as wanted');
    expect(all[5]?.violation?.message).toContain('nobody waits for this');
  });

  it('end a worker that stands still in its seed, and go on', async () => {
    const all = await results([FAKE_SEEDS.standsStill, 1], { seedMsMax: 300 });
    expect(all.map(({ violation }) => violation?.checker)).toEqual(['time limit', undefined]);
    expect(all[0]?.violation?.message).toContain('no result after 0.3 s');
  });

  it('drop the rest when it is enough, also what another worker stands still in', async () => {
    const all = await results([FAKE_SEEDS.standsStill, FAKE_SEEDS.violates, 1, 2], {
      workers: 2,
      enoughAt: FAKE_SEEDS.violates,
    });
    expect(seedsOf(all)).toEqual([FAKE_SEEDS.violates]);
  });

  it('say so when the program cannot be loaded: no seed is to blame', async () => {
    const all: SeedResult[] = [];
    const run = runMany({
      plans: [FAKE_PLAN, FAKE_PLAN],
      workers: 2,
      program: { ...SIMULATOR, file: fileURLToPath(new URL('no-such-worker.ts', import.meta.url)) },
      onResult: (result) => all.push(result) > 0,
    });
    await expect(run).rejects.toThrow(WorkerStartError);
    await expect(run).rejects.toThrow('no-such-worker');
    expect(all).toEqual([]);
  });
});

describe('runs one by one', () => {
  it('go on after one that kills its process', async () => {
    const runs = new SerialRuns(FAKE);
    const checkers: (string | undefined)[] = [];
    try {
      for (const seed of [1, FAKE_SEEDS.dies, 2, FAKE_SEEDS.violates]) {
        const { violation } = await runs.run({ ...FAKE_PLAN, seed });
        checkers.push(violation?.checker);
      }
    } finally {
      await runs.end();
    }
    expect(checkers).toEqual([undefined, 'process', undefined, 'fake']);
  });
});
