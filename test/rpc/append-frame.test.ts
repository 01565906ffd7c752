/** Appends by hand: the bytes are those of the generated code, and so is what is read from any bytes. */
import { PeerFrame } from '@quorate/proto/quorate/internal/peer.js';
import { Entry as WireEntry, EntryKind } from '@quorate/proto/quorate/internal/raft.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageFromWire } from '../../server/node/message-codec.js';
import type { AppendRequest, Entry, Message } from '../../server/raft/types.js';
import { encodeAppendFrame, readAppendFrame } from '../../server/rpc/append-frame.js';
import { messagesFrom } from '../../server/rpc/peer-frames.js';
import { message } from '../node/arbitraries.js';
import { damaged, safeNumber } from '../storage/wire-arbitraries.js';

const isAppend = (any: Message): any is AppendRequest => any.type === 'appendRequest';
const append = fc
  .tuple(message.filter(isAppend), safeNumber, safeNumber)
  .map(([any, term, commit]): AppendRequest => ({ ...any, term, commit }));
const data = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((array) => Buffer.from(array));
const id = { term: safeNumber.map((term) => term || 1), index: safeNumber.map((index) => index || 1) };
const commonEntry: fc.Arbitrary<Entry> = fc.record({ ...id, kind: fc.constant('normal' as const), data });
const commonAppend = fc
  .tuple(append, fc.array(commonEntry, { maxLength: 20 }))
  .map(([any, entries]): AppendRequest => ({ ...any, entries }));

const kinds = { normal: EntryKind.NORMAL, noop: EntryKind.NOOP, conf: EntryKind.CONF } as const;

function generatedEntry(entry: Entry): Buffer {
  const { term, index, kind } = entry;
  const conf =
    entry.kind === 'conf' ? { voters: [...entry.conf.voters], learners: [...entry.conf.learners] } : undefined;
  const numbers = { term: BigInt(term), index: BigInt(index), kind: kinds[kind] };
  return Buffer.from(WireEntry.encode({ ...numbers, data: Buffer.from(entry.data), conf }).finish());
}

function generated({ from, to, term, prevIndex, prevTerm, entries, commit }: AppendRequest): Buffer {
  const numbers = { prevIndex: BigInt(prevIndex), prevTerm: BigInt(prevTerm), commit: BigInt(commit) };
  const value = { ...numbers, entries: entries.map(generatedEntry) };
  const messages = [{ from, to, term: BigInt(term), message: { $case: 'appendRequest', value } as const }];
  return Buffer.from(PeerFrame.encode({ frame: { $case: 'messages', value: { messages } } }).finish());
}

function readByGenerated(bytes: Buffer): readonly (Message | undefined)[] {
  const { frame } = PeerFrame.decode(bytes);
  return frame?.$case === 'messages' ? frame.value.messages.map(messageFromWire) : [];
}

describe('frames with entries', () => {
  it('are written as the generated code writes them', () => {
    fc.assert(
      fc.property(fc.oneof(append, commonAppend), (sent) => {
        expect(encodeAppendFrame(sent).equals(generated(sent))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('arrive as they were sent, the common ones without the generated code', () => {
    fc.assert(
      fc.property(append, (sent) => {
        expect(messagesFrom(encodeAppendFrame(sent))).toEqual([{ kind: 'raft', message: sent }]);
      }),
    );
    fc.assert(
      fc.property(commonAppend, (sent) => {
        expect(readAppendFrame(encodeAppendFrame(sent))).toEqual(sent);
      }),
    );
  });

  it('are read by hand as the generated code reads them, or left to it, whatever the bytes are', () => {
    fc.assert(
      fc.property(damaged(fc.oneof(append, commonAppend).map(encodeAppendFrame)), (bytes) => {
        const read = readAppendFrame(bytes);
        if (read !== undefined) expect(readByGenerated(bytes)).toEqual([read]);
      }),
      { numRuns: 3000 },
    );
  });
});
