/** Puts by hand: the bytes are those of the generated code, and so is what is read from any bytes. */
import { LogCommand, type Stamp as WireStamp } from '@quorate/proto/quorate/internal/command.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCommand, encodeCommand } from '../../server/node/command-codec.js';
import type { ProposalId } from '../../server/node/logged-command.js';
import { encodePut, readPut } from '../../server/node/put-codec.js';
import type { PutCommand, Stamp } from '../../server/state/command.js';
import { damaged, safeNumber } from '../storage/wire-arbitraries.js';
import { memberId, stamp } from './arbitraries.js';

const byteString = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array).toString('latin1'));
const proposalId: fc.Arbitrary<ProposalId> = fc.record({ member: memberId, boot: safeNumber, seq: safeNumber });
const put: fc.Arbitrary<PutCommand> = fc.record({
  kind: fc.constant('put' as const),
  key: byteString,
  value: byteString,
  lease: fc.constant(0n),
  prevKv: fc.boolean(),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
});

const anyStamp = fc.option(stamp, { nil: undefined });

function generated(
  { member, boot, seq }: ProposalId,
  { key, value, lease, ...flags }: PutCommand,
  written?: Stamp,
): Buffer {
  const { prevKv, ignoreValue, ignoreLease } = flags;
  const bare = { key: Buffer.from(key, 'latin1'), value: Buffer.from(value, 'latin1'), lease };
  const message: LogCommand = {
    version: 1,
    id: { member, boot: BigInt(boot), seq: BigInt(seq) },
    command: { $case: 'put', value: { ...bare, prevKv, ignoreValue, ignoreLease } },
    stamp: written && wireStamp(written),
  };
  return Buffer.from(LogCommand.encode(message).finish());
}

function wireStamp({ session, sequence, settled }: Stamp): WireStamp {
  return { session: BigInt(session), sequence: BigInt(sequence), settled: BigInt(settled) };
}

describe('puts in the log', () => {
  it('are written as the generated code writes them', () => {
    fc.assert(
      fc.property(proposalId, put, anyStamp, (id, command, written) => {
        expect(encodePut(id, command, written)).toEqual(generated(id, command, written));
        expect(encodeCommand(id, command, written)).toEqual(generated(id, command, written));
      }),
      { numRuns: 1000 },
    );
  });

  it('are read by hand, unless they have a lease', () => {
    fc.assert(
      fc.property(proposalId, put, stamp, (id, command, written) => {
        expect(readPut(encodePut(id, command))).toEqual({ id, command });
        expect(readPut(encodePut(id, command, written))).toEqual({ id, command, stamp: written });
        expect(readPut(new Uint8Array(encodePut(id, command)))).toEqual({ id, command });
        const leased = generated(id, { ...command, lease: 5n });
        expect(readPut(leased)).toBeUndefined();
        expect(decodeCommand(leased)).toEqual({ id, command: { ...command, lease: 5n } });
      }),
    );
  });

  it('are read by hand as the generated code reads them, or left to it, whatever the bytes are', () => {
    const written = fc.tuple(proposalId, put, anyStamp).map((parts) => encodePut(...parts));
    fc.assert(
      fc.property(damaged(written), (bytes) => {
        const read = readPut(bytes);
        if (read === undefined) return;
        const { version, id, command, stamp: decoded } = LogCommand.decode(bytes);
        expect(decoded).toEqual(read.stamp && wireStamp(read.stamp));
        const { member, boot, seq } = read.id;
        expect([version, id]).toEqual([1, { member, boot: BigInt(boot), seq: BigInt(seq) }]);
        if (read.command.kind !== 'put' || command?.$case !== 'put') throw new Error('another command');
        const { kind: _, key, value, ...rest } = read.command;
        const bare = { key: Buffer.from(key, 'latin1'), value: Buffer.from(value, 'latin1') };
        expect(command.value).toEqual({ ...bare, ...rest });
      }),
      { numRuns: 3000 },
    );
  });
});
