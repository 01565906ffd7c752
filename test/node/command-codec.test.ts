import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { CompareResult, LogCommand, SortOrder, SortTarget } from '@quorate/proto/quorate/internal/command.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { decodeCommand, encodeCommand } from '../../server/node/command-codec.js';
import { command, proposalId, stamp } from './arbitraries.js';
import { put, txn } from './requests.js';

const ID = { member: 3n, boot: 2, seq: 9 };

/** What a member of another release, or none at all, would have written. */
function written(parts: Partial<LogCommand>): Buffer {
  const id = { member: 3n, boot: 2n, seq: 9n };
  const whole: LogCommand = { version: 1, id, command: undefined, stamp: undefined, ...parts };
  return Buffer.from(LogCommand.encode(whole, new BinaryWriter()).finish());
}

describe('commands in the log', () => {
  it('come back as they went in, whatever they say', () => {
    fc.assert(
      fc.property(proposalId, command, (id, logged) => {
        const bytes = encodeCommand(id, logged);
        expect(decodeCommand(bytes)).toEqual({ id, command: logged });
        // The same command gives the same bytes: logs and snapshots of members are compared.
        expect(encodeCommand(id, logged).equals(bytes)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('keep the stamp of a session, and have none otherwise', () => {
    fc.assert(
      fc.property(proposalId, command, stamp, (id, logged, written) => {
        expect(decodeCommand(encodeCommand(id, logged, written))).toEqual({ id, command: logged, stamp: written });
      }),
    );
    expect(decodeCommand(encodeCommand(ID, put('k', 'v')))).not.toHaveProperty('stamp');
  });

  it('of a later version, or of a kind that this release does not know, are unknown commands', () => {
    const newer = written({ version: 2, command: { $case: 'compact', value: { revision: 5n } } });
    expect(decodeCommand(newer)).toEqual({ id: ID, command: { kind: 'unknown', version: 2 } });
    expect(decodeCommand(written({}))).toEqual({ id: ID, command: { kind: 'unknown', version: 1 } });
    // A field of the oneof that does not exist yet: number 100, two bytes.
    const unknownKind = Buffer.concat([written({}), Buffer.from([0xa2, 0x06, 0x02, 0x08, 0x01])]);
    expect(decodeCommand(unknownKind)).toEqual({ id: ID, command: { kind: 'unknown', version: 1 } });
  });

  it('that are unknown are never written again', () => {
    expect(() => encodeCommand(ID, { kind: 'unknown', version: 2 })).toThrow(InvariantError);
  });

  it('without an id, an operand, a kind of op or a known word stop the member', () => {
    const query = { key: Buffer.from('k'), rangeEnd: Buffer.alloc(0), limit: 0n, revision: 0n };
    const rest = { serializable: false, keysOnly: false, countOnly: false };
    const bounds = { minModRevision: 0n, maxModRevision: 0n, minCreateRevision: 0n, maxCreateRevision: 0n };
    const range = (sortOrder: SortOrder, sortTarget: SortTarget): Buffer =>
      written({
        command: {
          $case: 'txn',
          value: {
            compares: [],
            success: [{ op: { $case: 'range', value: { ...query, ...rest, ...bounds, sortOrder, sortTarget } } }],
            failure: [],
          },
        },
      });
    const compare = (result: CompareResult, operand: { $case: 'version'; value: bigint } | undefined): Buffer =>
      written({
        command: {
          $case: 'txn',
          value: {
            compares: [{ key: query.key, rangeEnd: query.rangeEnd, result, operand }],
            success: [],
            failure: [],
          },
        },
      });
    expect(() => decodeCommand(range(0, 0))).not.toThrow();
    expect(() => decodeCommand(compare(0, { $case: 'version', value: 1n }))).not.toThrow();
    const bad: readonly Buffer[] = [
      written({ id: undefined }),
      written({ id: { member: 1n, boot: 2n ** 60n, seq: 1n } }),
      written({ command: { $case: 'compact', value: { revision: 2n ** 60n } } }),
      written({ command: { $case: 'txn', value: { compares: [], success: [{ op: undefined }], failure: [] } } }),
      range(SortOrder.UNRECOGNIZED, 0),
      range(0, SortTarget.UNRECOGNIZED),
      compare(CompareResult.UNRECOGNIZED, { $case: 'version', value: 1n }),
      compare(0, undefined),
    ];
    for (const bytes of bad) expect(() => decodeCommand(bytes)).toThrow(InvariantError);
  });

  it('that are garbage stop the member, with the one error that says so', () => {
    const decode = (bytes: Uint8Array): unknown => {
      try {
        return decodeCommand(bytes);
      } catch (error) {
        return error;
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const result = decode(bytes);
        expect(result instanceof InvariantError || !(result instanceof Error)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(decode(Buffer.alloc(0))).toBeInstanceOf(InvariantError);
  });

  it('that are cut short anywhere never come back as another command with an id', () => {
    const whole = encodeCommand(ID, txn({ success: [put('key', 'value')], failure: [put('other', 'value')] }));
    for (let length = 0; length < whole.length; length += 1) {
      let cut: unknown;
      try {
        cut = decodeCommand(whole.subarray(0, length)).command;
      } catch (error) {
        cut = error;
      }
      // Cut between the id and the command there is nothing wrong to see: the record's checksum is for that.
      const isHarmless = cut instanceof InvariantError || JSON.stringify(cut) === '{"kind":"unknown","version":1}';
      expect(isHarmless).toBe(true);
    }
  });
});
