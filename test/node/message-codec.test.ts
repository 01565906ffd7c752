import * as wire from '@quorate/proto/quorate/internal/raft.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { WireWriter } from '../../server/lib/wire-writer.js';
import { appendSize, writeAppend } from '../../server/node/append-codec.js';
import { messageFromWire, messageToWire } from '../../server/node/message-codec.js';
import type { AppendRequest, Message } from '../../server/raft/types.js';
import { entry, message } from './arbitraries.js';

/** Read by the generated code, also those that are written by hand. */
function overTheWire(sent: Message): Message | undefined {
  const bytes =
    sent.type === 'appendRequest' ? encodeAppend(sent) : wire.RaftMessage.encode(messageToWire(sent)).finish();
  return messageFromWire(wire.RaftMessage.decode(bytes));
}

function encodeAppend(sent: AppendRequest): Buffer {
  const writer = new WireWriter();
  writer.begin(appendSize(sent));
  writeAppend(writer, sent);
  return writer.take();
}

describe('messages between members', () => {
  it('arrive as they were sent, every kind of them', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(message, (sent) => {
        seen.add(sent.type);
        expect(overTheWire(sent)).toEqual(sent);
      }),
      { numRuns: 2000 },
    );
    expect(seen.size).toBe(10);
  });

  it('carry entries with their bytes, also those that are no Buffer', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), (entries) => {
        const plain = entries.map((sent) => ({ ...sent, data: new Uint8Array(sent.data) }));
        const append = {
          type: 'appendRequest',
          from: 1n,
          to: 2n,
          term: 3,
          prevIndex: 4,
          prevTerm: 2,
          commit: 4,
        } as const;
        expect(overTheWire({ ...append, entries: plain })).toEqual({ ...append, entries });
      }),
    );
  });

  it('of a kind that this release does not know count as lost', () => {
    expect(messageFromWire({ from: 1n, to: 2n, term: 3n, message: undefined })).toBeUndefined();
  });

  it('with numbers that no member can have sent are refused', () => {
    const huge = 2n ** 60n;
    const heartbeat = { $case: 'heartbeat', value: { commit: huge, readToken: 0n } } as const;
    expect(() => messageFromWire({ from: 1n, to: 2n, term: 3n, message: heartbeat })).toThrow(RangeError);
    expect(() =>
      messageFromWire({ from: 1n, to: 2n, term: huge, message: { $case: 'timeoutNow', value: {} } }),
    ).toThrow(RangeError);
  });

  it('with a snapshot that is not whole are refused', () => {
    const install = { $case: 'installSnapshot', value: { meta: undefined } } as const;
    expect(() => messageFromWire({ from: 1n, to: 2n, term: 3n, message: install })).toThrow(InvariantError);
  });
});
