/** Puts by hand: the bytes are those of the generated code, and so is what is read from any bytes. */
import { LogCommand } from '@quorate/proto/quorate/internal/command.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCommand, encodeCommand } from '../../server/node/command-codec.js';
import type { ProposalId } from '../../server/node/logged-command.js';
import { encodePut, readPut } from '../../server/node/put-codec.js';
import type { PutCommand } from '../../server/state/command.js';
import { damaged, safeNumber } from '../storage/wire-arbitraries.js';
import { memberId } from './arbitraries.js';

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

function generated({ member, boot, seq }: ProposalId, { key, value, lease, ...flags }: PutCommand): Buffer {
  const { prevKv, ignoreValue, ignoreLease } = flags;
  const bare = { key: Buffer.from(key, 'latin1'), value: Buffer.from(value, 'latin1'), lease };
  const message: LogCommand = {
    version: 1,
    id: { member, boot: BigInt(boot), seq: BigInt(seq) },
    command: { $case: 'put', value: { ...bare, prevKv, ignoreValue, ignoreLease } },
  };
  return Buffer.from(LogCommand.encode(message).finish());
}

describe('puts in the log', () => {
  it('are written as the generated code writes them', () => {
    fc.assert(
      fc.property(proposalId, put, (id, command) => {
        expect(encodePut(id, command)).toEqual(generated(id, command));
        expect(encodeCommand(id, command)).toEqual(generated(id, command));
      }),
      { numRuns: 1000 },
    );
  });

  it('are read by hand, unless they have a lease', () => {
    fc.assert(
      fc.property(proposalId, put, (id, command) => {
        expect(readPut(encodePut(id, command))).toEqual({ id, command });
        expect(readPut(new Uint8Array(encodePut(id, command)))).toEqual({ id, command });
        const leased = generated(id, { ...command, lease: 5n });
        expect(readPut(leased)).toBeUndefined();
        expect(decodeCommand(leased)).toEqual({ id, command: { ...command, lease: 5n } });
      }),
    );
  });

  it('are read by hand as the generated code reads them, or left to it, whatever the bytes are', () => {
    const written = fc.tuple(proposalId, put).map(([id, command]) => encodePut(id, command));
    fc.assert(
      fc.property(damaged(written), (bytes) => {
        const read = readPut(bytes);
        if (read === undefined) return;
        const { version, id, command } = LogCommand.decode(bytes);
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
