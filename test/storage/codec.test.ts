/** Every record reads back as it was written, and every key sorts as its numbers do. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as codec from '../../server/storage/codec.js';
import * as keys from '../../server/storage/keys.js';
import { frameRecord, isIntact, openRecord, RECORD_BYTES_MAX } from '../../server/storage/record.js';
import { StorageCorruptionError } from '../../server/storage/storage-errors.js';

const number = fc.maxSafeNat();
const id = fc.bigInt({ min: 1n, max: 0xffff_ffff_ffff_ffffn });
const conf = fc.record({ voters: fc.array(id), learners: fc.array(id) });
const snapshotMeta = fc.record({ term: number, index: number, conf });
const member = fc.record({
  id,
  name: fc.string({ unit: 'grapheme' }),
  peerUrls: fc.array(fc.webUrl()),
  clientUrls: fc.array(fc.webUrl()),
});

function readsBack<T>(
  arbitrary: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Buffer) => T,
): void {
  fc.assert(
    fc.property(arbitrary, (value) => {
      expect(decode(Buffer.from(encode(value)))).toEqual(value);
    }),
    { seed: 11 },
  );
}

describe('payloads read back as they were written', () => {
  test('hard states', () => {
    const hardState = fc.record({ term: number, vote: fc.oneof(fc.constant(0n), id), commit: number });
    readsBack(hardState, codec.encodeHardState, codec.decodeHardState);
  });
  test('applied points', () => {
    const point = fc.record({ index: number, term: number, conf, revision: number });
    readsBack(point, codec.encodeApplied, codec.decodeApplied);
  });
  test('members', () => readsBack(member, codec.encodeMember, codec.decodeMember));
  test('active generations', () => {
    const active = fc.record({ generation: fc.nat(0xffff_fff0), logStart: snapshotMeta });
    readsBack(active, codec.encodeActive, codec.decodeActive);
  });
  test('single numbers', () => readsBack(number, codec.encodeNumber, codec.decodeNumber));
  test('snapshot headers and trailers', () => {
    const header = fc.record({ formatVersion: fc.nat(), clusterId: id, meta: snapshotMeta, revision: number });
    readsBack(header, codec.encodeSnapshotHeader, codec.decodeSnapshotHeader);
    const trailer = fc.record({ records: number, bytes: number, crc: fc.nat(0xffff_ffff) });
    readsBack(trailer, codec.encodeSnapshotTrailer, codec.decodeSnapshotTrailer);
  });
  test('leases', () => {
    const lease = fc.record({
      id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      ttlMs: number,
      remainingMs: number,
      grantedIndex: number,
    });
    readsBack(lease, codec.encodeLease, codec.decodeLease);
  });
});

test('decoders refuse what the encoders cannot have written', () => {
  const attempts: readonly (readonly [(payload: Buffer) => unknown, readonly number[]])[] = [
    [codec.decodeApplied, []],
    [codec.decodeApplied, [0x1a, 0, 0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    [codec.decodeActive, [0, 0, 0]],
    [codec.decodeNumber, [0x00, 0x20, 0, 0, 0, 0, 0, 0]],
    [codec.decodeIdentity, [0, 0, 0, 1]],
    [codec.decodeSnapshotTrailer, [1, 2, 3]],
    [codec.decodeSnapshotHeader, []],
  ];
  for (const [decode, payload] of attempts) {
    expect(() => codec.decodeStored(decode, Buffer.from(payload), 'it', 7)).toThrowError(
      expect.objectContaining({ name: 'StorageCorruptionError', index: 7 }),
    );
  }
});

describe('records', () => {
  test('open under their own key only, and any damage shows', () => {
    const record = frameRecord(Buffer.from('key'), Buffer.from('payload'));
    expect(openRecord(Buffer.from('key'), record, 'it').toString()).toBe('payload');
    expect(isIntact(Buffer.from('kez'), record)).toBe(false);
    for (let end = 0; end < record.length; end += 1) {
      expect(() => openRecord(Buffer.from('key'), record.subarray(0, end), 'it', 3)).toThrow(StorageCorruptionError);
    }
  });

  test('may be empty, and are bounded', () => {
    const key = Buffer.from('key');
    expect(openRecord(key, frameRecord(key, Buffer.alloc(0)), 'it').length).toBe(0);
    // Node's crc32 tells an empty view with memory behind it from one without.
    const nowhere = Buffer.from(new Uint8Array(0).buffer, 0, 0);
    expect(openRecord(key, frameRecord(key, nowhere), 'it').length).toBe(0);
    expect(frameRecord(key, Buffer.alloc(RECORD_BYTES_MAX - 4)).length).toBe(RECORD_BYTES_MAX);
    expect(() => frameRecord(key, Buffer.alloc(RECORD_BYTES_MAX - 3))).toThrow(`the limit is ${RECORD_BYTES_MAX}`);
  });
});

describe('keys', () => {
  const generation = fc.nat(0xffff_fff0);

  test('of the log sort by generation and index', () => {
    fc.assert(
      fc.property(generation, number, generation, number, (g1, i1, g2, i2) => {
        const [a, b] = [keys.logKey(g1, i1), keys.logKey(g2, i2)];
        expect(Math.sign(a.compare(b))).toBe(Math.sign(g1 - g2 || i1 - i2));
        expect(keys.logIndexOf(a)).toBe(i1);
        const { gte, lt } = keys.logRange(g1, i1);
        expect(b.compare(gte) >= 0 && b.compare(lt) < 0).toBe(g2 === g1 && i2 >= i1);
      }),
      { seed: 13 },
    );
  });

  test('of revisions sort by main and sub, and give both back', () => {
    const revision = fc.record({ main: number, sub: fc.nat(0xffff_ffff) });
    fc.assert(
      fc.property(revision, revision, (a, b) => {
        const order = keys.revisionSubkey(a).compare(keys.revisionSubkey(b));
        expect(order).toBe(Math.sign(a.main - b.main || a.sub - b.sub));
        expect(keys.revisionOf(keys.revisionSubkey(a))).toEqual(a);
      }),
      { seed: 14 },
    );
  });

  test("of one generation's state are one range, the applied point first", () => {
    const subkeys = [
      keys.appliedSubkey,
      keys.compactedSubkey,
      keys.memberSubkey(1n),
      keys.memberSubkey(0xffff_ffff_ffff_ffffn),
      keys.revisionSubkey({ main: 1, sub: 0 }),
      keys.revisionSubkey({ main: Number.MAX_SAFE_INTEGER, sub: 0xffff_ffff }),
    ];
    const all = subkeys.map((subkey) => keys.stateKey(7, subkey));
    expect([...all].reverse().sort((a, b) => a.compare(b))).toEqual(all);
    const { gte, lt } = keys.stateRange(7);
    for (const key of all) expect(key.compare(gte) >= 0 && key.compare(lt) < 0).toBe(true);
    for (const other of [6, 8]) {
      for (const subkey of subkeys) {
        const key = keys.stateKey(other, subkey);
        expect(key.compare(gte) >= 0 && key.compare(lt) < 0).toBe(false);
      }
    }
    expect(all[0]?.equals(gte)).toBe(true);
    expect(all.map(keys.stateSubkey)).toEqual(subkeys);
  });

  test('what names no revision answers undefined', () => {
    expect(keys.revisionOf(Buffer.alloc(13))).toBeUndefined();
    expect(keys.revisionOf(Buffer.from([4]))).toBeUndefined();
  });
});
