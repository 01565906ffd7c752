/** What travels between members, as frames: the hello that opens a stream, and everything the driver sends. */
import * as wire from '@quorate/proto/quorate/internal/peer.js';
import { assertNever } from '../lib/assert.js';
import { safeInteger } from '../lib/integers.js';
import { messageFromWire, messageToWire } from '../node/message-codec.js';
import type {
  Forward,
  ForwardRefusal,
  ForwardResult,
  LeaseAnswers,
  LeaseQuestions,
  PeerMessage,
} from '../node/ports.js';
import { encodeAppendFrame, readAppendFrame } from './append-frame.js';
import { decodeMessage, encodeMessage } from './codec.js';

/** Raised when the meaning of a frame changes; both sides must speak the same. */
export const PEER_PROTOCOL_VERSION = 1;

export type PeerLane = 'control' | 'bulk';

export interface PeerIdentity {
  readonly clusterId: bigint;
  readonly memberId: bigint;
}

export function helloFrame(identity: PeerIdentity, to: bigint, lane: string): Buffer {
  return encodeMessage(wire.PeerFrame, { frame: { $case: 'hello', value: hello(identity, to, lane) } });
}

export function hello(identity: PeerIdentity, to: bigint, lane: string): wire.Hello {
  const { clusterId, memberId } = identity;
  return { protocolVersion: PEER_PROTOCOL_VERSION, clusterId, from: memberId, to, lane };
}

/** Why this member does not talk to whoever sent `hello`; undefined when it does. */
export function helloRefusal(
  hello: wire.Hello | undefined,
  identity: PeerIdentity,
  isMember: (id: bigint) => boolean,
): string | undefined {
  if (hello === undefined) return 'the stream does not open with a hello';
  if (hello.protocolVersion !== PEER_PROTOCOL_VERSION) {
    return `peer protocol version ${hello.protocolVersion}, this member speaks ${PEER_PROTOCOL_VERSION}`;
  }
  if (hello.clusterId !== identity.clusterId) {
    return `cluster id mismatch: ${hello.clusterId.toString(16)}, this member's is ${identity.clusterId.toString(16)}`;
  }
  if (hello.to !== identity.memberId) {
    return `member id mismatch: meant for ${hello.to.toString(16)}, this is ${identity.memberId.toString(16)}`;
  }
  return isMember(hello.from) && hello.from !== identity.memberId
    ? undefined
    : `member ${hello.from.toString(16)} is not part of this cluster`;
}

export function decodeFrame(bytes: Buffer): wire.PeerFrame {
  return decodeMessage(wire.PeerFrame, bytes);
}

/** Heartbeats, votes and answers never wait behind entries. */
export function laneOf(message: PeerMessage): PeerLane {
  if (message.kind === 'forward') return 'bulk';
  return message.kind === 'raft' && message.message.type === 'appendRequest' ? 'bulk' : 'control';
}

const MESSAGE_OVERHEAD_BYTES = 64;
/** Of one question or answer about a lease. */
const LEASE_BYTES = 24;

/** Roughly what the message takes on the wire: for limits, not for framing. */
export function sizeOf(message: PeerMessage): number {
  let bytes = MESSAGE_OVERHEAD_BYTES;
  if (message.kind === 'forward') {
    for (const { data } of message.proposals) bytes += data.length;
  } else if (message.kind === 'leaseQuestions') bytes += message.asks.length * LEASE_BYTES;
  else if (message.kind === 'leaseAnswers') bytes += (message.answers.length + message.refused.length) * LEASE_BYTES;
  else if (message.kind === 'raft' && message.message.type === 'appendRequest') {
    for (const { data } of message.message.entries) bytes += data.length + MESSAGE_OVERHEAD_BYTES;
  }
  return bytes;
}

/** Entries have a frame to themselves; other consecutive messages of the core share one. */
export function encodeFrames(messages: readonly PeerMessage[]): readonly Buffer[] {
  const frames: Buffer[] = [];
  let batch: wire.RaftMessages['messages'] = [];
  const flush = (): void => {
    if (batch.length === 0) return;
    frames.push(encodeMessage(wire.PeerFrame, { frame: { $case: 'messages', value: { messages: batch } } }));
    batch = [];
  };
  for (const message of messages) {
    if (message.kind !== 'raft') {
      flush();
      const isLease = message.kind === 'leaseQuestions' || message.kind === 'leaseAnswers';
      frames.push(encodeMessage(wire.PeerFrame, { frame: isLease ? leaseToWire(message) : forwardToWire(message) }));
    } else if (message.message.type === 'appendRequest') {
      flush();
      frames.push(encodeAppendFrame(message.message));
    } else batch.push(messageToWire(message.message));
  }
  flush();
  return frames;
}

const REASONS: Readonly<Record<ForwardRefusal, wire.ForwardRefusal>> = {
  retry: wire.ForwardRefusal.RETRY,
  tooManyRequests: wire.ForwardRefusal.TOO_MANY_REQUESTS,
};

type WireFrame = NonNullable<wire.PeerFrame['frame']>;

function leaseToWire(message: LeaseQuestions | LeaseAnswers): WireFrame {
  const boot = BigInt(message.boot);
  if (message.kind === 'leaseQuestions') {
    const questions = message.asks.map(({ number, id, renew }) => ({ number: BigInt(number), id, renew }));
    return { $case: 'leaseQuestions', value: { boot, questions } };
  }
  const answers = message.answers.map(({ number, ttlMs, leftMs }) => ({
    number: BigInt(number),
    ttlMs: BigInt(ttlMs),
    leftMs: BigInt(Math.floor(leftMs)),
  }));
  return { $case: 'leaseAnswers', value: { boot, answers, refused: message.refused.map(BigInt) } };
}

function forwardToWire(message: Forward | ForwardResult): WireFrame {
  const stamp = { term: BigInt(message.term), boot: BigInt(message.boot) };
  if (message.kind === 'forward') {
    const proposals = message.proposals.map(({ attempt, data }) => ({
      attempt: BigInt(attempt),
      data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    }));
    return { $case: 'forward', value: { ...stamp, proposals } };
  }
  const accepted = message.accepted.map(({ attempt, index }) => ({ attempt: BigInt(attempt), index: BigInt(index) }));
  const refused = message.refused.map(({ attempt, reason }) => ({
    attempt: BigInt(attempt),
    reason: REASONS[reason],
  }));
  return { $case: 'forwardResult', value: { ...stamp, accepted, refused } };
}

/** What a frame brings, in order. Empty for a hello, and for frames that this release does not know. */
export function messagesFrom(bytes: Buffer): readonly PeerMessage[] {
  const append = readAppendFrame(bytes);
  return append === undefined ? messagesOf(decodeFrame(bytes)) : [{ kind: 'raft', message: append }];
}

function messagesOf({ frame }: wire.PeerFrame): readonly PeerMessage[] {
  switch (frame?.$case) {
    case undefined:
    case 'hello':
      return [];
    case 'messages':
      return frame.value.messages.flatMap((raw) => {
        const message = messageFromWire(raw);
        return message === undefined ? [] : [{ kind: 'raft', message }];
      });
    case 'forward': {
      const { term, boot, proposals } = frame.value;
      return [
        {
          kind: 'forward',
          term: safeInteger(term),
          boot: safeInteger(boot),
          proposals: proposals.map(({ attempt, data }) => ({ attempt: safeInteger(attempt), data })),
        },
      ];
    }
    case 'forwardResult': {
      const { term, boot, accepted, refused } = frame.value;
      return [
        {
          kind: 'forwardResult',
          term: safeInteger(term),
          boot: safeInteger(boot),
          accepted: accepted.map(({ attempt, index }) => ({
            attempt: safeInteger(attempt),
            index: safeInteger(index),
          })),
          refused: refused.map(({ attempt, reason }) => ({
            attempt: safeInteger(attempt),
            reason: reason === wire.ForwardRefusal.RETRY ? 'retry' : 'tooManyRequests',
          })),
        },
      ];
    }
    case 'leaseQuestions': {
      const { boot, questions } = frame.value;
      const asks = questions.map(({ number, id, renew }) => ({ number: safeInteger(number), id, renew }));
      return [{ kind: 'leaseQuestions', boot: safeInteger(boot), asks }];
    }
    case 'leaseAnswers': {
      const { boot, answers, refused } = frame.value;
      return [
        {
          kind: 'leaseAnswers',
          boot: safeInteger(boot),
          answers: answers.map(({ number, ttlMs, leftMs }) => ({
            number: safeInteger(number),
            ttlMs: safeInteger(ttlMs),
            leftMs: safeInteger(leftMs),
          })),
          refused: refused.map(safeInteger),
        },
      ];
    }
    default:
      return assertNever(frame);
  }
}
