import { describe, expect, it } from 'vitest';
import type { Engine } from '../../server/storage/engine.js';
import { MemoryDisk } from '../../server/storage/memory-disk.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import {
  aloneScript,
  type CutPoint,
  cutPoints,
  type PowerCutOptions,
  powerCutRun,
  togetherScript,
} from './power-cut.js';

const alone: PowerCutOptions = { members: 1, script: aloneScript };
const together: PowerCutOptions = { members: 3, script: togetherScript };

/** The problems of the runs that had any, by the point at which the power went. */
async function problemsAt(options: PowerCutOptions, points: readonly CutPoint[]): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const point of points) {
    const run = await powerCutRun(options, point);
    if (run.problems.length > 0) problems.push(`${JSON.stringify(point)} ${run.problems.join(' | ')}`);
  }
  return problems;
}

function every<T>(count: number, items: readonly T[]): readonly T[] {
  return items.filter((_, place) => place % count === 0);
}

describe('a member that loses power', () => {
  it('alone, at every point and with every outcome that the disk allows, keeps what it acknowledged', async () => {
    const whole = await powerCutRun(alone);
    expect(whole).toMatchObject({ problems: [], acknowledged: 54 });
    expect(whole.trims).toBeGreaterThan(10);
    const points = cutPoints(whole, 'one');
    console.info(`one member: ${points.length} points`);
    expect(points.length).toBeGreaterThan(90);
    expect(await problemsAt(alone, points)).toEqual([]);
  });

  it('among three, or with the other two, keeps what was acknowledged (a sample of the points)', async () => {
    const whole = await powerCutRun(together);
    expect(whole).toMatchObject({ problems: [], acknowledged: 54, installed: 2 });
    // The same requests give the same history, alone or together, with a snapshot on the way or without.
    expect(whole.hash).toBe((await powerCutRun(alone)).hash);
    const points = [...every(11, cutPoints(whole, 'one')), ...every(17, cutPoints(whole, 'all'))];
    console.info(`three members: ${points.length} points`);
    expect(points.length).toBeGreaterThan(40);
    expect(await problemsAt(together, points)).toEqual([]);
  });
});

/** Says that it synced, and from some moment on does not. */
class LyingDisk extends MemoryDisk {
  #syncs = 0;
  override write(...[batches, sync]: Parameters<MemoryDisk['write']>): Promise<void> {
    if (sync) this.#syncs += 1;
    return super.write(batches, sync && this.#syncs < 15);
  }
}

/** What a store would be that forgets to ask for a sync. */
class SyncSkippingEngine extends MemoryEngine {
  override write(...[ops]: Parameters<Engine['write']>): Promise<void> {
    return super.write(ops, { sync: false });
  }
}

describe('this suite can fail:', () => {
  it('it reports losses when the disk lies about a sync', async () => {
    const lying: PowerCutOptions = { ...alone, diskOf: (hooks) => new LyingDisk(hooks) };
    const whole = await powerCutRun(lying);
    expect(whole.problems).toEqual([]);
    const points = cutPoints(whole, 'one').filter(({ keep }) => keep === 0);
    const problems = await problemsAt(lying, points);
    expect(problems.filter((problem) => problem.includes('lost')).length).toBeGreaterThan(5);
  });

  it('it reports losses when nobody asks for a sync', async () => {
    const skipping: PowerCutOptions = { ...alone, engineOn: (disk) => new SyncSkippingEngine(disk) };
    const whole = await powerCutRun(skipping);
    expect(whole.problems).toEqual([]);
    const problems = await problemsAt(skipping, cutPoints(whole, 'one'));
    expect(problems.filter((problem) => problem.includes('lost')).length).toBeGreaterThan(3);
  });

  it('it reports what a disk keeps that tears batches apart', async () => {
    const tearing: PowerCutOptions = { ...alone, engineOn: (disk) => new TearingEngine(disk) };
    const whole = await powerCutRun(tearing);
    expect(whole.problems).toEqual([]);
    expect(await problemsAt(tearing, cutPoints(whole, 'one'))).not.toEqual([]);
  });
});

/** Writes the applied point before the state it stands for, as etcd 3.5.0 did. */
class TearingEngine extends MemoryEngine {
  override async write(...[ops, options]: Parameters<Engine['write']>): Promise<void> {
    const isApplied = ({ key }: (typeof ops)[number]): boolean => key[0] === 0x73 && key[5] === 1;
    const first = ops.filter(isApplied);
    if (first.length > 0 && first.length < ops.length) await super.write(first, { sync: false });
    return super.write(
      ops.filter((op) => !isApplied(op)),
      options,
    );
  }
}
