/**
 * What every Engine promises, as one suite. Each implementation runs it with its own `EngineFixture`; a rule that only
 * one engine could keep does not belong here.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EngineError, engineLimits } from '../../server/storage/engine.js';
import type { Engine, EngineErrorCode, EngineIterator, EngineOp, KeyRange } from '../../server/storage/engine.js';

export interface EngineFixture {
  /** A new engine object on the same disk each time; the first one finds it empty. */
  create(): Engine;
  dispose(): Promise<void>;
}

const SYNC = { sync: true };
const NO_SYNC = { sync: false };
const ALL: KeyRange = { gte: Buffer.from([0]), lt: Buffer.from([0xff]) };

export function describeEngine(name: string, setUp: () => Promise<EngineFixture>): void {
  describe(`engine contract: ${name}`, () => {
    let fixture: EngineFixture;
    let engine: Engine;

    beforeEach(async () => {
      fixture = await setUp();
      engine = fixture.create();
      await engine.open();
    });

    afterEach(async () => {
      await engine.close();
      await fixture.dispose();
    });

    const reopen = async (): Promise<void> => {
      await engine.close();
      engine = fixture.create();
      await engine.open();
    };

    describe('batches and reads', () => {
      test('an absent key reads as undefined', async () => {
        expect(await engine.get(key('a'))).toBeUndefined();
      });

      test('a batch puts and deletes in the order of its operations', async () => {
        await engine.write([put('a', '1'), put('b', '2'), del('a'), put('c', '3'), put('b', '4')], SYNC);
        expect(await contents(engine)).toEqual(['b=4', 'c=3']);
      });

      test('getMany answers by position, absent keys and repeats included', async () => {
        await engine.write([put('a', '1'), put('c', '3')], NO_SYNC);
        const values = await engine.getMany([key('c'), key('b'), key('a'), key('c')]);
        expect(values.map(text)).toEqual(['3', undefined, '1', '3']);
        expect(await engine.getMany([])).toEqual([]);
      });

      test('an empty value reads back empty, and values of zero bytes as they are', async () => {
        const values = [0, 1, 2, 5].map((length) => Buffer.alloc(length));
        const keys = values.map((_, i) => key(`k${i}`));
        await engine.write(
          values.map((value, i) => ({ type: 'put', key: at(keys, i), value })),
          SYNC,
        );
        await reopen();
        expect(await engine.getMany(keys)).toEqual(values);
        const iterated = await drain(engine.iterate(ALL), 10);
        expect(iterated.map(([, value]) => value.length)).toEqual([0, 1, 2, 5]);
      });

      test('keys and values hold any bytes, and keys sort bytewise', async () => {
        const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
        const keys = [[1], [1, 0], [1, 0, 0], [1, 0x7f], [1, 0x80], [1, 0xff], [2]].map((bytes) => Buffer.from(bytes));
        await engine.write(
          [...keys].reverse().map((k) => ({ type: 'put', key: k, value: every })),
          SYNC,
        );
        const pairs = await drain(engine.iterate(ALL), 3);
        expect(pairs.map(([k]) => k)).toEqual(keys);
        expect(pairs.every(([, value]) => value.equals(every))).toBe(true);
      });

      test('a value of 8 MiB reads back', async () => {
        const value = Buffer.alloc(8 * 1024 * 1024, 'quorate');
        await engine.write([{ type: 'put', key: key('large'), value }], SYNC);
        await reopen();
        expect((await engine.get(key('large')))?.equals(value)).toBe(true);
      });

      test("answers are the caller's own: changing one changes nothing stored", async () => {
        await engine.write([put('a', '1')], SYNC);
        (await engine.get(key('a')))?.fill(0x78);
        for (const [, value] of await drain(engine.iterate(ALL), 1)) value.fill(0x78);
        expect(await contents(engine)).toEqual(['a=1']);
      });
    });

    describe('order and durability', () => {
      test('batches take effect in the order of the calls, synced or not', async () => {
        const writes = Array.from({ length: 300 }, (_, i) => engine.write([put('k', `${i}`)], { sync: i % 3 === 0 }));
        await Promise.all(writes);
        expect(text(await engine.get(key('k')))).toBe('299');
      });

      test('a write is visible to every read made after it resolved', async () => {
        for (let i = 0; i < 50; i += 1) {
          await engine.write([put('k', `${i}`), put(`k${i}`, 'x')], { sync: i % 2 === 0 });
          expect(text(await engine.get(key('k')))).toBe(`${i}`);
          expect((await contents(engine)).length).toBe(i + 2);
        }
      });

      test('what was written is there after a clean close, synced or not', async () => {
        await engine.write([put('a', '1')], SYNC);
        await engine.write([put('b', '2')], NO_SYNC);
        await engine.write([put('c', '3')], NO_SYNC);
        await reopen();
        expect(await contents(engine)).toEqual(['a=1', 'b=2', 'c=3']);
      });

      test('an empty batch resolves, synced or not', async () => {
        await engine.write([], SYNC);
        await engine.write([], NO_SYNC);
        await engine.write([put('a', '1')], NO_SYNC);
        await engine.write([], SYNC);
        expect(await contents(engine)).toEqual(['a=1']);
      });

      test('close waits for the writes and reads in flight', async () => {
        const writes = Array.from({ length: 20 }, (_, i) => engine.write([put(`k${i + 10}`, 'x')], SYNC));
        const reads = Promise.all(Array.from({ length: 20 }, () => engine.get(key('k10'))));
        await reopen();
        await Promise.all(writes);
        expect((await reads).length).toBe(20);
        expect((await contents(engine)).length).toBe(20);
      });
    });

    describe('iterators', () => {
      beforeEach(async () => {
        await engine.write(
          ['a', 'b', 'c', 'd', 'e'].map((k) => put(k, k)),
          SYNC,
        );
      });

      test('ranges are half-open', async () => {
        const range = { gte: key('b'), lt: key('d') };
        expect((await drain(engine.iterate(range), 10)).map(([k]) => k.toString())).toEqual(['b', 'c']);
        expect(await drain(engine.iterate({ gte: key('d'), lt: key('b') }), 10)).toEqual([]);
        expect(await drain(engine.iterate({ gte: key('c'), lt: key('c') }), 10)).toEqual([]);
        expect(await drain(engine.iterate({ gte: key('x'), lt: key('z') }), 10)).toEqual([]);
      });

      test('next gives at most what was asked for, then empty lists for ever', async () => {
        const iterator = engine.iterate(ALL);
        const keys: string[] = [];
        for (;;) {
          const pairs = await iterator.next(2);
          if (pairs.length === 0) break;
          expect(pairs.length).toBeLessThanOrEqual(2);
          keys.push(...pairs.map(([k]) => k.toString()));
        }
        expect(keys).toEqual(['a', 'b', 'c', 'd', 'e']);
        expect(await iterator.next(2)).toEqual([]);
        expect(await iterator.next(1)).toEqual([]);
        await iterator.close();
      });

      test('an iterator shows the state at its creation, whatever is written afterwards', async () => {
        const iterator = engine.iterate(ALL);
        await engine.write([del('b'), put('c', 'changed'), put('f', 'new')], SYNC);
        const first = await iterator.next(1);
        await engine.write([del('e'), put('aa', 'new')], SYNC);
        await engine.compactRange(ALL);
        const pairs = [...first, ...(await drain(iterator, 2))];
        expect(pairs.map(([k, v]) => `${text(k)}=${text(v)}`)).toEqual(['a=a', 'b=b', 'c=c', 'd=d', 'e=e']);
        expect(await contents(engine)).toEqual(['a=a', 'aa=new', 'c=changed', 'd=d', 'f=new']);
      });

      test('several iterators run beside each other', async () => {
        const iterators = Array.from({ length: 5 }, () => engine.iterate(ALL));
        const all = await Promise.all(iterators.map((iterator) => drain(iterator, 2)));
        expect(all.map((pairs) => pairs.length)).toEqual([5, 5, 5, 5, 5]);
      });

      test('large values end an answer early and none is lost', async () => {
        const value = Buffer.alloc(engineLimits.iterateBytesTarget / 2 + 1, 'v');
        const keys = Array.from({ length: 9 }, (_, i) => key(`large${i}`));
        await engine.write(
          keys.map((k) => ({ type: 'put', key: k, value })),
          SYNC,
        );
        const iterator = engine.iterate({ gte: key('large'), lt: key('largf') });
        let count = 0;
        for (;;) {
          const pairs = await iterator.next(1000);
          if (pairs.length === 0) break;
          expect(pairs.length).toBeLessThanOrEqual(3);
          count += pairs.length;
        }
        await iterator.close();
        expect(count).toBe(9);
      });

      test('close is idempotent, and next after it is refused', async () => {
        const iterator = engine.iterate(ALL);
        await iterator.next(1);
        await Promise.all([iterator.close(), iterator.close()]);
        await iterator.close();
        await expectCode(iterator.next(1), 'CLOSED');
      });

      test('an iterator may be closed before its first next, and while next is in flight', async () => {
        await engine.iterate(ALL).close();
        const iterator = engine.iterate(ALL);
        const next = iterator.next(1000);
        await iterator.close();
        expect((await next).length).toBeGreaterThan(0);
      });

      test('a second next in flight is refused', async () => {
        const iterator = engine.iterate(ALL);
        const first = iterator.next(1);
        await expectCode(iterator.next(1), 'INVALID_ARGUMENT');
        expect((await first).length).toBe(1);
        await iterator.close();
      });

      test('closing the engine closes its iterators; closing them afterwards is safe', async () => {
        const idle = engine.iterate(ALL);
        const busy = engine.iterate(ALL);
        const next = busy.next(1000);
        await engine.close();
        expect((await next).length).toBeGreaterThan(0);
        await expectCode(idle.next(1), 'CLOSED');
        await expectCode(busy.next(1), 'CLOSED');
        await idle.close();
        await busy.close();
      });
    });

    describe('one life', () => {
      test('before open every call is refused and nothing crashes', async () => {
        await engine.close();
        await expectEveryCallClosed(fixture.create());
      });

      test('after close every call is refused and nothing crashes', async () => {
        await engine.close();
        await expectEveryCallClosed(engine);
        await expectCode(engine.open(), 'CLOSED');
      });

      test('calls made right after close, without waiting for it, are refused', async () => {
        const closing = engine.close();
        await expectEveryCallClosed(engine);
        await closing;
      });

      test('close is idempotent, also before open', async () => {
        await Promise.all([engine.close(), engine.close()]);
        await engine.close();
        const fresh = fixture.create();
        await fresh.close();
        await expectCode(fresh.open(), 'CLOSED');
      });

      test('close while open is under way waits for it and closes', async () => {
        await engine.close();
        const fresh = fixture.create();
        const opening = fresh.open();
        await fresh.close();
        await opening;
        await expectEveryCallClosed(fresh);
        engine = fixture.create();
        await engine.open();
      });

      test('a second opener is refused while the first one has it, and may open afterwards', async () => {
        await engine.write([put('a', '1')], SYNC);
        const second = fixture.create();
        await expectCode(second.open(), 'LOCKED');
        await expectEveryCallClosed(second);
        await second.close();
        expect(await contents(engine)).toEqual(['a=1']);
        await reopen();
        expect(await contents(engine)).toEqual(['a=1']);
      });
    });

    describe('arguments', () => {
      const notABuffer = new Uint8Array([1, 2, 3]) as Buffer; // What an untyped caller could pass.

      test('refused ones change nothing and leave the engine usable', async () => {
        const tooLong = Buffer.alloc(engineLimits.keyBytesMax + 1);
        const badBatches: readonly (readonly EngineOp[])[] = [
          [put('a', '1'), { type: 'put', key: notABuffer, value: Buffer.from('x') }],
          [put('a', '1'), { type: 'put', key: Buffer.from('x'), value: notABuffer }],
          [put('a', '1'), { type: 'del', key: notABuffer }],
          [put('a', '1'), { type: 'put', key: Buffer.alloc(0), value: Buffer.from('x') }],
          [put('a', '1'), { type: 'del', key: Buffer.alloc(0) }],
          [put('a', '1'), { type: 'del', key: tooLong }],
          [put('a', '1'), { type: 'put', key: key('b'), value: Buffer.alloc(engineLimits.valueBytesMax + 1) }],
        ];
        for (const batch of badBatches) await expectCode(engine.write(batch, SYNC), 'INVALID_ARGUMENT');
        for (const bad of [notABuffer, Buffer.alloc(0), tooLong]) {
          await expectCode(engine.get(bad), 'INVALID_ARGUMENT');
          await expectCode(engine.getMany([key('a'), bad]), 'INVALID_ARGUMENT');
          await expectCode(engine.compactRange({ gte: key('a'), lt: bad }), 'INVALID_ARGUMENT');
          expectThrownCode(() => engine.iterate({ gte: bad, lt: key('a') }), 'INVALID_ARGUMENT');
          expectThrownCode(() => engine.iterate({ gte: key('a'), lt: bad }), 'INVALID_ARGUMENT');
        }
        expect(await contents(engine)).toEqual([]);
        await engine.write([put('a', '1')], SYNC);
        expect(await contents(engine)).toEqual(['a=1']);
      });

      test('limits are taken at the edge', async () => {
        const longest = Buffer.alloc(engineLimits.keyBytesMax, 'k');
        await engine.write([{ type: 'put', key: longest, value: Buffer.from('1') }], SYNC);
        expect(text(await engine.get(longest))).toBe('1');
        const keys = Array.from({ length: engineLimits.getKeysMax }, () => key('k'));
        expect((await engine.getMany(keys)).length).toBe(engineLimits.getKeysMax);
        await expectCode(engine.getMany([...keys, key('k')]), 'INVALID_ARGUMENT');
        const iterator = engine.iterate(ALL);
        for (const bad of [0, -1, 1.5, Number.NaN, engineLimits.iterateEntriesMax + 1]) {
          await expectCode(iterator.next(bad), 'INVALID_ARGUMENT');
        }
        expect((await iterator.next(engineLimits.iterateEntriesMax)).length).toBe(1);
        await iterator.close();
      });

      test('a runaway loop meets the limit of waiting batches; what was taken is written', async () => {
        const count = engineLimits.waitingBatchesMax;
        const writes = Array.from({ length: count + 1 }, (_, i) => engine.write([put('k', `${i}`)], NO_SYNC));
        const settled = await Promise.allSettled(writes);
        expect(settled.filter(({ status }) => status === 'fulfilled').length).toBe(count);
        expect(text(await engine.get(key('k')))).toBe(`${count - 1}`);
      });
    });

    test('space: allocatedBytes counts what was written, and compactRange keeps what is live', async () => {
      const value = Buffer.alloc(1000, 'v');
      for (let round = 0; round < 4; round += 1) {
        const ops = Array.from({ length: 500 }, (_, i): EngineOp => ({ type: 'put', key: key(`k${i}`), value }));
        await engine.write(ops, SYNC);
      }
      const full = await engine.allocatedBytes();
      expect(full).toBeGreaterThan(10_000);
      await engine.write(
        Array.from({ length: 499 }, (_, i) => del(`k${i}`)),
        SYNC,
      );
      await engine.compactRange(ALL);
      expect((await drain(engine.iterate(ALL), 10)).map(([k]) => text(k))).toEqual(['k499']);
    });
  });
}

export function key(name: string): Buffer {
  return Buffer.from(name, 'latin1');
}

export function put(name: string, value: string): EngineOp {
  return { type: 'put', key: key(name), value: Buffer.from(value, 'latin1') };
}

export function del(name: string): EngineOp {
  return { type: 'del', key: key(name) };
}

export async function contents(engine: Engine): Promise<readonly string[]> {
  const pairs = await drain(engine.iterate(ALL), 100);
  return pairs.map(([k, v]) => `${text(k)}=${text(v)}`);
}

export async function drain(iterator: EngineIterator, step: number): Promise<readonly (readonly [Buffer, Buffer])[]> {
  const all: (readonly [Buffer, Buffer])[] = [];
  for (;;) {
    const pairs = await iterator.next(step);
    if (pairs.length === 0) break;
    all.push(...pairs);
  }
  await iterator.close();
  return all;
}

export async function expectCode(work: Promise<unknown>, code: EngineErrorCode): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EngineError);
  expect(error).toMatchObject({ code });
}

function expectThrownCode(work: () => unknown, code: EngineErrorCode): void {
  expect(work).toThrowError(expect.objectContaining({ name: 'EngineError', code }));
}

async function expectEveryCallClosed(engine: Engine): Promise<void> {
  await expectCode(engine.write([put('a', '1')], SYNC), 'CLOSED');
  await expectCode(engine.write([], NO_SYNC), 'CLOSED');
  await expectCode(engine.get(key('a')), 'CLOSED');
  await expectCode(engine.getMany([key('a')]), 'CLOSED');
  await expectCode(engine.getMany([]), 'CLOSED');
  await expectCode(engine.compactRange(ALL), 'CLOSED');
  await expectCode(engine.allocatedBytes(), 'CLOSED');
  expectThrownCode(() => engine.iterate(ALL), 'CLOSED');
}

function text(bytes: Buffer | undefined): string | undefined {
  return bytes?.toString('latin1');
}

function at<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined) throw new Error(`no element ${index}`);
  return value;
}
