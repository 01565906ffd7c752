/** Raft messages and entries between the core's words and the protobuf that members exchange. */
import type * as wire from '@quorate/proto/quorate/internal/raft.js';
import { InvariantError, assertNever } from '../lib/assert.js';
import { safeInteger } from '../lib/integers.js';
import type { AppendRequest, Message, SnapshotMeta } from '../raft/types.js';
import { snapshotMetaFrom, snapshotMetaMessage } from '../storage/codec.js';
import { decodeEntry } from '../storage/entry-codec.js';

function metaFromWire(meta: wire.SnapshotMeta | undefined): SnapshotMeta {
  if (meta?.conf === undefined) throw new InvariantError('a snapshot without its configuration');
  return snapshotMetaFrom(meta);
}

/** For those that carry entries see append-codec.ts. */
export function messageToWire(message: Exclude<Message, AppendRequest>): wire.RaftMessage {
  const { from, to, term } = message;
  return { from, to, term: BigInt(term), message: bodyToWire(message) };
}

function bodyToWire(message: Exclude<Message, AppendRequest>): wire.RaftMessage['message'] {
  switch (message.type) {
    case 'voteRequest': {
      const { pre, transfer } = message;
      const last = { lastIndex: BigInt(message.lastIndex), lastTerm: BigInt(message.lastTerm) };
      return { $case: 'voteRequest', value: { pre, transfer, ...last } };
    }
    case 'voteResponse':
      return { $case: 'voteResponse', value: { pre: message.pre, granted: message.granted } };
    case 'appendResponse': {
      const { accepted } = message;
      const hint = { hintIndex: BigInt(message.hintIndex), hintTerm: BigInt(message.hintTerm) };
      return { $case: 'appendResponse', value: { accepted, index: BigInt(message.index), ...hint } };
    }
    case 'heartbeat': {
      const { commit, readToken } = message;
      return { $case: 'heartbeat', value: { commit: BigInt(commit), readToken: BigInt(readToken) } };
    }
    case 'heartbeatResponse':
      return { $case: 'heartbeatResponse', value: { readToken: BigInt(message.readToken) } };
    case 'installSnapshot':
      return { $case: 'installSnapshot', value: { meta: snapshotMetaMessage(message.meta) } };
    case 'timeoutNow':
      return { $case: 'timeoutNow', value: {} };
    case 'readIndexRequest':
      return { $case: 'readIndexRequest', value: { token: BigInt(message.token) } };
    case 'readIndexResponse': {
      const { token, index } = message;
      return { $case: 'readIndexResponse', value: { token: BigInt(token), index: BigInt(index) } };
    }
    default:
      return assertNever(message);
  }
}

/** Undefined for a kind of message that this release does not know: a newer member may send it, and it may be lost. */
export function messageFromWire({ from, to, term, message }: wire.RaftMessage): Message | undefined {
  const envelope = { from, to, term: safeInteger(term) };
  switch (message?.$case) {
    case undefined:
      return undefined;
    case 'voteRequest': {
      const { pre, transfer, lastIndex, lastTerm } = message.value;
      const last = { lastIndex: safeInteger(lastIndex), lastTerm: safeInteger(lastTerm) };
      return { type: 'voteRequest', ...envelope, pre, transfer, ...last };
    }
    case 'voteResponse':
      return { type: 'voteResponse', ...envelope, ...message.value };
    case 'appendRequest': {
      const { prevIndex, prevTerm, entries, commit } = message.value;
      const prev = { prevIndex: safeInteger(prevIndex), prevTerm: safeInteger(prevTerm) };
      return {
        type: 'appendRequest',
        ...envelope,
        ...prev,
        entries: entries.map(decodeEntry),
        commit: safeInteger(commit),
      };
    }
    case 'appendResponse': {
      const { accepted, index, hintIndex, hintTerm } = message.value;
      const hint = { hintIndex: safeInteger(hintIndex), hintTerm: safeInteger(hintTerm) };
      return { type: 'appendResponse', ...envelope, accepted, index: safeInteger(index), ...hint };
    }
    case 'heartbeat': {
      const { commit, readToken } = message.value;
      return { type: 'heartbeat', ...envelope, commit: safeInteger(commit), readToken: safeInteger(readToken) };
    }
    case 'heartbeatResponse':
      return { type: 'heartbeatResponse', ...envelope, readToken: safeInteger(message.value.readToken) };
    case 'installSnapshot':
      return { type: 'installSnapshot', ...envelope, meta: metaFromWire(message.value.meta) };
    case 'timeoutNow':
      return { type: 'timeoutNow', ...envelope };
    case 'readIndexRequest':
      return { type: 'readIndexRequest', ...envelope, token: safeInteger(message.value.token) };
    case 'readIndexResponse': {
      const { token, index } = message.value;
      return { type: 'readIndexResponse', ...envelope, token: safeInteger(token), index: safeInteger(index) };
    }
    default:
      return assertNever(message);
  }
}
