/** Records of revisions by hand: the bytes are those of the generated code. */
import { DeleteCause as CauseCode, StoredKeyValue } from '@quorate/proto/quorate/internal/storage.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireWriter } from '../../server/lib/wire-writer.js';
import type { DeleteCause, PutRevision } from '../../server/state/result.js';
import { decodeRevision, revisionSizeMax, writeRevision } from '../../server/storage/revision-codec.js';
import { tombstone } from './member-kit.js';
import { safeNumber } from './wire-arbitraries.js';

const causeCodes: Readonly<Record<DeleteCause, CauseCode>> = {
  delete: CauseCode.DELETE,
  txn: CauseCode.TXN,
  leaseExpired: CauseCode.LEASE_EXPIRED,
  leaseRevoked: CauseCode.LEASE_REVOKED,
};
const causes = ['delete', 'txn', 'leaseExpired', 'leaseRevoked'] as const;

const byteString = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array).toString('latin1'));
const kv = fc.record({
  key: byteString,
  value: byteString,
  createRevision: safeNumber,
  modRevision: safeNumber,
  version: safeNumber,
  lease: fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
});
const common = { kind: fc.constant('putRevision' as const), revision: fc.constant({ main: 1, sub: 0 }), kv };
const write: fc.Arbitrary<PutRevision> = fc.oneof(
  fc.record({ ...common, tombstone: fc.constant(false) }),
  fc.record({ ...common, tombstone: fc.constant(true) }),
  fc.record({ ...common, tombstone: fc.constant(true), cause: fc.constantFrom(...causes) }),
);

function encode(written: PutRevision): Buffer {
  const writer = new WireWriter();
  writer.begin(revisionSizeMax(written));
  writeRevision(writer, written);
  return writer.take();
}

/** What of a revision means anything. */
function kept(written: PutRevision): PutRevision['kv'] {
  return written.tombstone ? { ...written.kv, value: '', createRevision: 0, version: 0, lease: 0n } : written.kv;
}

function generated(written: PutRevision): Buffer {
  const { key, value, createRevision, modRevision, version, lease } = kept(written);
  const message: StoredKeyValue = {
    key: Buffer.from(key, 'latin1'),
    value: Buffer.from(value, 'latin1'),
    createRevision: BigInt(createRevision),
    modRevision: BigInt(modRevision),
    version: BigInt(version),
    lease,
    tombstone: written.tombstone,
    deleteCause: written.cause === undefined ? CauseCode.UNSPECIFIED : causeCodes[written.cause],
  };
  return Buffer.from(StoredKeyValue.encode(message).finish());
}

describe('records of revisions', () => {
  it('are written as the generated code writes them, in no more bytes than was said', () => {
    fc.assert(
      fc.property(write, (written) => {
        expect(encode(written)).toEqual(generated(written));
      }),
      { numRuns: 1000 },
    );
  });

  it('come back as they were; of a tombstone what means anything', () => {
    fc.assert(
      fc.property(write, (written) => {
        const { tombstone: isGone, cause } = written;
        const stored = { tombstone: isGone, kv: kept(written), ...(cause !== undefined && { cause }) };
        expect(decodeRevision(encode(written))).toEqual(stored);
      }),
    );
  });

  it('of a deletion tell no cause when the release noted none, or one that this release does not know', () => {
    const old = Buffer.from([0x0a, 1, 0x6b, 0x20, 2, 0x38, 1]);
    expect(encode(tombstone(2, 0, 'k'))).toEqual(old);
    const newer = Buffer.concat([old, Buffer.from([0x40, 99])]);
    for (const payload of [old, newer]) {
      expect(decodeRevision(payload)).toEqual({ tombstone: true, kv: tombstone(2, 0, 'k').kv });
    }
  });
});
