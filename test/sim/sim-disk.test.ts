import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../server/lib/random.js';
import type { Engine, EngineOp } from '../../server/storage/engine.js';
import { EngineError } from '../../server/storage/engine.js';
import { metaPut } from '../../server/storage/record-ops.js';
import { drive } from './event-loop.js';
import { Entries } from './entries.js';
import { MemberProcess } from './member-clock.js';
import { type CutKind, type DiskWeather, SimDisk, type WriteMoment } from './sim-disk.js';
import { simEngine } from './sim-engine.js';
import { VirtualTime } from './virtual-time.js';

interface Fixture {
  readonly time: VirtualTime;
  readonly disk: SimDisk;
  readonly weather: { -readonly [K in keyof DiskWeather]: DiskWeather[K] };
  process: MemberProcess;
  engine: Engine;
}

const put = (name: string, value: string): EngineOp => metaPut(Buffer.from(`m${name}`), Buffer.from(value));

async function fixture(): Promise<Fixture> {
  const time = new VirtualTime();
  const weather = {
    writeMs: () => 1,
    syncMs: () => 10,
    readMs: () => 1,
    writeError: (): EngineError | undefined => undefined,
    syncError: (): EngineError | undefined => undefined,
    reached: (): void => undefined,
    readOvertaken: (): void => undefined,
  };
  const report = (): void => undefined;
  const events = { synced: report, cut: report, mix: report };
  const disk = new SimDisk(time, weather, events, new Entries(report));
  const process = newProcess(time);
  const made = { time, disk, weather, process, engine: simEngine(disk, process) };
  await runFor(made, made.engine.open());
  return made;
}

function newProcess(time: VirtualTime): MemberProcess {
  return new MemberProcess(time, { ran: () => undefined }, { rate: 1000, start: 0 });
}

/** Until `work` is settled or time has gone on by `maxMs`. */
async function runFor(made: Fixture, work: Promise<unknown>, maxMs = 1000): Promise<'settled' | 'open'> {
  let isOver = false;
  let state: 'settled' | 'open' = 'open';
  const settled = (): void => {
    state = 'settled';
    isOver = true;
  };
  work.then(settled, settled);
  made.time.after(maxMs, () => {
    isOver = true;
  });
  await drive(() => {
    if (!isOver) made.time.take()?.();
    return !isOver;
  });
  return state;
}

async function write(made: Fixture, name: string, value: string, sync: boolean): Promise<void> {
  const work = made.engine.write([put(name, value)], { sync });
  await runFor(made, work);
  await work;
}

/** The power goes, and comes again. */
async function cut(made: Fixture, kind: CutKind, seed = 1): Promise<number> {
  made.process.end();
  const lost = made.disk.cut(seededRandom(seed), kind);
  made.process = newProcess(made.time);
  made.engine = simEngine(made.disk, made.process);
  await runFor(made, made.engine.open());
  return lost;
}

async function values(made: Fixture, ...names: readonly string[]): Promise<string> {
  const work = made.engine.getMany(names.map((name) => Buffer.from(`m${name}`)));
  await runFor(made, work);
  return (await work).map((record) => record?.subarray(4).toString() ?? '-').join('');
}

/** A block for each call, as a write lane would never leave them: what the disk itself does to them. */
async function blocks(made: Fixture, ...all: readonly string[]): Promise<void> {
  for (const name of all) await runFor(made, made.disk.write(made.process, [[put(name, name)]], false));
}

describe('a power cut', () => {
  it('leaves what was synced, and everything that took effect before', async () => {
    const made = await fixture();
    await write(made, 'a', '1', true);
    await blocks(made, 'b', 'c');
    await write(made, 'd', '4', true);
    await blocks(made, 'e');
    expect(made.disk.unsyncedBlocks).toBe(1);
    expect(await cut(made, 'none')).toBe(1);
    expect(await values(made, 'a', 'b', 'c', 'd', 'e')).toBe('1bc4-');
  });

  it.each<{ kind: CutKind; left: RegExp }>([
    { kind: 'none', left: /^----$/ },
    { kind: 'all', left: /^abcd$/ },
    { kind: 'first', left: /^a?b?c?d?-*$/ },
    { kind: 'last', left: /^-*a?b?c?d?$/ },
  ])('keeps of the others $kind', async ({ kind, left }) => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const made = await fixture();
      await blocks(made, 'a', 'b', 'c', 'd');
      await cut(made, kind, seed);
      expect(await values(made, 'a', 'b', 'c', 'd')).toMatch(left);
    }
  });

  it('may lose an early block and keep a later one', async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 40; seed += 1) {
      const made = await fixture();
      await blocks(made, 'a', 'b');
      await cut(made, 'some', seed);
      seen.add(await values(made, 'a', 'b'));
    }
    expect([...seen].sort()).toEqual(['--', '-b', 'a-', 'ab']);
  });

  it('brings back what stood in the place of a lost block', async () => {
    const made = await fixture();
    await write(made, 'a', '1', true);
    await runFor(made, made.disk.write(made.process, [[put('a', '2'), put('a', '3'), put('b', '3')]], false));
    expect(await values(made, 'a', 'b')).toBe('33');
    await cut(made, 'none');
    expect(await values(made, 'a', 'b')).toBe('1-');
  });

  it('never comes between the write lane and its promise: what is kept is a prefix of the calls', async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const made = await fixture();
      const moments: WriteMoment[] = ['beforeWrite', 'beforeSync', 'afterSync'];
      const moment = moments[seed % 3];
      let left = seed % 11;
      made.weather.reached = (now) => {
        if (now !== moment) return;
        left -= 1;
        if (left < 0) made.process.end();
      };
      const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
      let promised = 0;
      for (const [place, name] of names.entries()) {
        const sync = place % 3 === 2;
        const written = made.engine.write([put(name, name)], { sync }).then(() => {
          if (sync) promised = place + 1;
        });
        await runFor(made, written, 50);
      }
      await cut(made, 'some', seed);
      const kept = await values(made, ...names);
      expect('abcdefgh'.startsWith(kept.replaceAll('-', ''))).toBe(true);
      expect(kept.replaceAll('-', '').length).toBeGreaterThanOrEqual(promised);
    }
  });

  it('cannot take back what a start has found', async () => {
    const made = await fixture();
    await blocks(made, 'a');
    await cut(made, 'all');
    await cut(made, 'none');
    expect(await values(made, 'a')).toBe('a');
  });
});

describe('a process that ends', () => {
  it('hears of nothing any more, and what it has not written never takes effect', async () => {
    const made = await fixture();
    const work = made.engine.write([put('a', '1')], { sync: true });
    made.process.end();
    expect(await runFor(made, work)).toBe('open');
    expect(made.disk.unsyncedBlocks).toBe(0);
  });

  it('without losing power leaves what it has written', async () => {
    const made = await fixture();
    await blocks(made, 'a');
    await made.engine.close();
    made.process = newProcess(made.time);
    made.engine = simEngine(made.disk, made.process);
    await runFor(made, made.engine.open());
    expect(await values(made, 'a')).toBe('a');
  });

  it('has to be gone before another one opens the disk', async () => {
    const made = await fixture();
    const second = simEngine(made.disk, newProcess(made.time)).open();
    await runFor(
      made,
      second.catch(() => undefined),
    );
    await expect(second).rejects.toThrow(expect.objectContaining({ code: 'LOCKED' }));
  });
});

describe('a disk that fails', () => {
  it('to write changes nothing', async () => {
    const made = await fixture();
    made.weather.writeError = () => new EngineError('NO_SPACE', 'full');
    await expect(write(made, 'a', '1', true)).rejects.toThrow(expect.objectContaining({ code: 'NO_SPACE' }));
    expect(await values(made, 'a')).toBe('-');
    expect(made.disk.hasFailed).toBe(true);
  });

  it('to sync makes nothing durable, and no later sync makes up for it', async () => {
    const made = await fixture();
    let errors = 1;
    made.weather.syncError = () => {
      errors -= 1;
      return errors === 0 ? new EngineError('IO', 'broken') : undefined;
    };
    // Not through the engine, which would never write again.
    const first = made.disk.write(made.process, [[put('a', '1')]], true);
    await runFor(
      made,
      first.catch(() => undefined),
    );
    await expect(first).rejects.toThrow('broken');
    await runFor(made, made.disk.write(made.process, [[put('b', '2')]], true));
    expect(await values(made, 'a', 'b')).toBe('12');
    await cut(made, 'none');
    expect(await values(made, 'a', 'b')).toBe('-2');
  });
});

describe('reads', () => {
  it('may come back in another order than they were asked for', async () => {
    const made = await fixture();
    const delays = [20, 1];
    let overtaken = 0;
    made.weather.readMs = () => delays.shift() ?? 1;
    made.weather.readOvertaken = () => {
      overtaken += 1;
    };
    const order: number[] = [];
    const reads = [1, 2].map((number) => made.engine.get(Buffer.from('ma')).then(() => order.push(number)));
    await runFor(made, Promise.all(reads));
    expect(order).toEqual([2, 1]);
    expect(overtaken).toBe(1);
  });

  it('of an iterator see the state at the moment of the call', async () => {
    const made = await fixture();
    await write(made, 'a', '1', true);
    const iterator = made.engine.iterate({ gte: Buffer.from('m'), lt: Buffer.from('n') });
    await write(made, 'b', '2', true);
    expect(made.disk.openIterators).toBe(1);
    const work = iterator.next(10);
    await runFor(made, work);
    expect((await work).map(([key]) => key.toString())).toEqual(['ma']);
    await iterator.close();
    expect(made.disk.openIterators).toBe(0);
  });
});
