import type { RequestOp, TxnRequest } from '@quorate/proto/etcd/kv.js';
import { describe, expect, it } from 'vitest';
import type { Call } from './call.js';
import { CallGenerator, sweep } from './call-generator.js';
import { printable } from './printable.js';

const history = { revision: 500, compacted: 400 };

function generate(seed: number, count: number): readonly Call[] {
  const generator = new CallGenerator(seed);
  return Array.from({ length: count }, () => generator.next(history));
}

const calls = generate(1, 20_000);
const ranges = calls.flatMap((call) => (call.kind === 'range' ? [call.request] : []));
const puts = calls.flatMap((call) => (call.kind === 'put' ? [call.request] : []));
const txns = calls.flatMap((call) => (call.kind === 'txn' ? [call.request] : []));

function opsOf(txn: TxnRequest): readonly RequestOp[] {
  return [...txn.success, ...txn.failure];
}

function depthOf(txn: TxnRequest): number {
  const nested = opsOf(txn).map(({ request }) => (request?.$case === 'requestTxn' ? depthOf(request.value) : 0));
  return 1 + Math.max(0, ...nested);
}

describe('CallGenerator', () => {
  it('repeats a seed and differs between seeds', () => {
    const text = (seed: number): string =>
      generate(seed, 300)
        .map((call) => printable(call))
        .join('\n');
    expect(text(7)).toBe(text(7));
    expect(text(7)).not.toBe(text(8));
  });

  it('draws every sort order with every sort target', () => {
    const drawn = new Set(ranges.map((range) => `${range.sortOrder}/${range.sortTarget}`));
    expect(drawn.size).toBe(15);
  });

  it('draws every form of range', () => {
    const forms = ranges.map(({ key, rangeEnd }) => {
      if (rangeEnd.length === 0) return 'single key';
      if (rangeEnd.equals(Buffer.from([0]))) return 'open end';
      return ['inverted', 'empty', 'interval'][Buffer.compare(rangeEnd, key) + 1];
    });
    expect(new Set(forms)).toEqual(new Set(['empty', 'interval', 'inverted', 'open end', 'single key']));
  });

  it.each([
    ['now', (revision: bigint) => revision === 0n],
    ['negative', (revision: bigint) => revision < 0n],
    ['compacted', (revision: bigint) => revision > 0n && revision < 400n],
    ['the compacted one', (revision: bigint) => revision === 400n],
    ['in history', (revision: bigint) => revision > 400n && revision < 500n],
    ['the current one', (revision: bigint) => revision === 500n],
    ['the next one', (revision: bigint) => revision === 501n],
    ['beyond safe integers', (revision: bigint) => revision > 2n ** 53n],
  ])('reads at a revision that is %s', (_name, matches) => {
    expect(ranges.filter((range) => matches(range.revision)).length).toBeGreaterThan(20);
  });

  it('draws every combination of flags of a put', () => {
    const flags = puts.map((put) => [
      put.ignoreValue,
      put.ignoreLease,
      put.prevKv,
      put.lease !== 0n,
      put.value.length > 0,
    ]);
    expect(new Set(flags.map(String)).size).toBe(32);
  });

  it('nests transactions, compares by every target and result, and leaves operations empty', () => {
    expect(Math.max(...txns.map(depthOf))).toBeGreaterThan(8);
    const compares = txns.flatMap((txn) => txn.compare);
    expect(new Set(compares.map((compare) => `${compare.target}/${compare.result}`)).size).toBe(20);
    expect(compares.filter((compare) => compare.rangeEnd.length > 0).length).toBeGreaterThan(100);
    expect(compares.filter((compare) => compare.targetUnion === undefined).length).toBeGreaterThan(20);
    expect(txns.flatMap(opsOf).filter((op) => op.request === undefined).length).toBeGreaterThan(20);
  });

  it('stands on both sides of the operation limit and of the size limits', () => {
    const lengths = new Set(txns.flatMap((txn) => [txn.compare.length, txn.success.length, txn.failure.length]));
    for (const length of [127, 128, 129]) expect(lengths).toContain(length);
    const sizes = new Set(puts.map((put) => put.value.length).filter((length) => length > 1_000_000));
    expect(sizes.size).toBe(4);
  });

  it('keeps out what ends etcd: a put that keeps what an inverted delete removes', () => {
    const flat = (txn: TxnRequest): readonly RequestOp[] =>
      opsOf(txn).flatMap((op) => (op.request?.$case === 'requestTxn' ? flat(op.request.value) : [op]));
    const harmful = txns.map(flat).filter((ops) => {
      const isInverted = ops.some(({ request }) => {
        if (request?.$case !== 'requestDeleteRange' || request.value.rangeEnd.length === 0) return false;
        const { key, rangeEnd } = request.value;
        return Buffer.compare(rangeEnd, key) <= 0 || rangeEnd.equals(Buffer.from([0]));
      });
      return (
        isInverted &&
        ops.some(
          ({ request }) => request?.$case === 'requestPut' && (request.value.ignoreValue || request.value.ignoreLease),
        )
      );
    });
    expect(harmful).toEqual([]);
  });
});

describe('sweep', () => {
  it('reads every kept revision when there are few, and a spread of them otherwise', () => {
    expect(sweep({ revision: 5, compacted: 3 }, 100)).toHaveLength(1 + 3);
    expect(sweep({ revision: 1000, compacted: -1 }, 100).length).toBeLessThanOrEqual(1 + 101);
  });
});
