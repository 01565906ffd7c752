/** The binding is never closed under a call in flight, never called out of turn, and only its own errors come through. */
import { beforeEach, describe, expect, test } from 'vitest';
import { createDeferred, type Deferred } from '../../server/lib/deferred.js';
import type { EngineBinding } from '../../server/storage/engine-binding.js';
import { EngineError, type KeyRange } from '../../server/storage/engine.js';
import { GuardedEngine } from '../../server/storage/guarded-engine.js';
import { expectCode, put } from '../contract/engine.contract.js';
import { failureOf, SYNC } from './member-kit.js';

const ALL: KeyRange = { gte: Buffer.from([0]), lt: Buffer.from([0xff]) };
const KEY = Buffer.from('k');

/** A binding whose every call but `open` and the closes waits for the test. */
class StagedBinding implements EngineBinding {
  readonly name = 'memory';
  readonly calls: string[] = [];
  readonly #pending = new Map<string, Deferred<unknown>>();

  async open(): Promise<void> {
    this.calls.push('open');
  }

  async close(): Promise<void> {
    this.calls.push('close');
  }

  async write(): Promise<void> {
    await this.#stage('write');
  }

  async getMany(): Promise<readonly (Buffer | undefined)[]> {
    await this.#stage('getMany');
    return [undefined];
  }

  iterate(): ReturnType<EngineBinding['iterate']> {
    return {
      next: async () => {
        await this.#stage('next');
        return [];
      },
      close: async () => {
        this.calls.push('closeIterator');
      },
    };
  }

  async compactRange(): Promise<void> {
    await this.#stage('compactRange');
  }

  async allocatedBytes(): Promise<number> {
    await this.#stage('allocatedBytes');
    return 0;
  }

  end(call: string): void {
    this.#pending.get(call)?.resolve(undefined);
  }

  fail(call: string, error: Error): void {
    this.#pending.get(call)?.reject(error);
  }

  async #stage(call: string): Promise<void> {
    this.calls.push(call);
    const done = createDeferred<unknown>();
    this.#pending.set(call, done);
    await done.promise;
    this.calls.push(`${call} ended`);
  }
}

let binding: StagedBinding;
let engine: GuardedEngine;

beforeEach(async () => {
  binding = new StagedBinding();
  engine = new GuardedEngine(binding);
  await engine.open();
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['write', () => engine.write([put('k', 'v')], SYNC)],
  ['getMany', () => engine.get(KEY)],
  ['compactRange', () => engine.compactRange(ALL)],
  ['allocatedBytes', () => engine.allocatedBytes()],
  ['next', () => engine.iterate(ALL).next(1)],
];

describe.each(calls)('%s', (call, start) => {
  test('is waited for by close', async () => {
    const work = start();
    await turns();
    const closing = engine.close();
    await turns();
    expect(binding.calls).toEqual(['open', call]);
    binding.end(call);
    await Promise.all([work, closing]);
    const iterator = call === 'next' ? ['closeIterator'] : [];
    expect(binding.calls).toEqual(['open', call, `${call} ended`, ...iterator, 'close']);
  });

  test('that fails is waited for as well, and keeps its EngineError', async () => {
    const cause = new EngineError('CORRUPTION', 'a bad block');
    const work = failureOf(start());
    await turns();
    const closing = engine.close();
    binding.fail(call, cause);
    expect(await work).toBe(cause);
    await closing;
    expect(binding.calls.at(-1)).toBe('close');
  });

  test('that fails with anything else fails with IO', async () => {
    const work = failureOf(start());
    await turns();
    const cause = new Error('strange');
    binding.fail(call, cause);
    expect(await work).toMatchObject({ name: 'EngineError', code: 'IO', cause });
  });
});

test('close waits for the batches that wait, too', async () => {
  const first = engine.write([put('a', '1')], SYNC);
  await turns();
  const second = engine.write([put('b', '1')], SYNC);
  const closing = engine.close();
  binding.end('write');
  await first;
  await turns();
  expect(binding.calls).toEqual(['open', 'write', 'write ended', 'write']);
  binding.end('write');
  await Promise.all([second, closing]);
  expect(binding.calls.at(-1)).toBe('close');
});

test('open is called once, whatever it comes to', async () => {
  await expectCode(engine.open(), 'INVALID_ARGUMENT');
  const failing = new GuardedEngine({
    name: 'memory',
    open: () => Promise.reject(new EngineError('LOCKED', 'in use')),
    close: () => Promise.reject(new Error('close was called on what never opened')),
    write: () => binding.write(),
    getMany: () => binding.getMany(),
    iterate: () => binding.iterate(),
    compactRange: () => binding.compactRange(),
    allocatedBytes: () => binding.allocatedBytes(),
  });
  await expectCode(failing.open(), 'LOCKED');
  await expectCode(failing.open(), 'CLOSED');
  await expectCode(failing.get(KEY), 'CLOSED');
  await failing.close();
});
