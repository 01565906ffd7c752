/**
 * What a client says over a session's stream (proto/quorate/v1/session.proto). Requests, of which there are many, by
 * hand; the rest by the generated code.
 */
import { ClientFrame } from '@quorate/proto/quorate/v1/session.js';
import { varintLength } from './byte-writer.js';
import type { RequestKind } from './request.js';

export const PROTOCOL_VERSION = 1;

/** Where each kind of request stands among the alternatives of Request. */
export const requestFields: Readonly<Record<RequestKind | 'void' | 'cancel' | 'keepSession', number>> = {
  range: 4,
  put: 5,
  deleteRange: 6,
  txn: 7,
  compact: 8,
  leaseGrant: 9,
  leaseRevoke: 10,
  leaseTimeToLive: 12,
  void: 13,
  cancel: 14,
  keepSession: 15,
  grantAcquire: 16,
  grantRelease: 17,
  grantProclaim: 18,
  grantAwait: 19,
};

/** One request of a frame. */
export interface FramedRequest {
  readonly number: number;
  /** 0: no write. */
  readonly sequence: number;
  /** 0: as long as the member's own limit. */
  readonly timeoutMs: number;
  readonly field: number;
  readonly body: Buffer;
  /** Of a range: how fresh it must be, as the fields of Read that say so. Undefined: it is no range. */
  readonly freshness: Buffer | undefined;
}

export function openFrame(sessionId: bigint, clientName: string): Buffer {
  const value = { protocolVersion: PROTOCOL_VERSION, sessionId, clientName };
  const bytes = ClientFrame.encode({ frame: { $case: 'open', value } }).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Gives up an earlier request, by its number. */
export function cancelRequest(number: number, givenUp: number): FramedRequest {
  const body = Buffer.allocUnsafe(1 + varintLength(givenUp));
  body[0] = 8;
  putVarint(body, 1, givenUp);
  return { number, sequence: 0, timeoutMs: 0, field: requestFields.cancel, body, freshness: undefined };
}

/** The bytes that a request takes in a frame, at most. */
export function framedLengthMax({ body, freshness }: Pick<FramedRequest, 'body' | 'freshness'>): number {
  return body.length + (freshness?.length ?? 0) + 48;
}

/** One frame with all the requests, in order. */
export function requestsFrame(requests: readonly FramedRequest[], settled: number): Buffer {
  let length = settled === 0 ? 0 : 1 + varintLength(settled);
  const lengths: number[] = [];
  for (let place = 0; place < requests.length; place += 1) {
    const inner = lengthOf(requests[place] as FramedRequest);
    lengths.push(inner);
    length += 1 + varintLength(inner) + inner;
  }
  const frame = Buffer.allocUnsafeSlow(1 + varintLength(length) + length);
  frame[0] = 18;
  let at = putVarint(frame, 1, length);
  for (let place = 0; place < requests.length; place += 1) {
    frame[at] = 10;
    at = putVarint(frame, at + 1, lengths[place] as number);
    at = putRequest(frame, at, requests[place] as FramedRequest);
  }
  if (settled > 0) {
    frame[at] = 16;
    putVarint(frame, at + 1, settled);
  }
  return frame;
}

function lengthOf({ number, sequence, timeoutMs, field, body, freshness }: FramedRequest): number {
  let length = 1 + varintLength(number);
  if (sequence > 0) length += 1 + varintLength(sequence);
  if (timeoutMs > 0) length += 1 + varintLength(timeoutMs);
  const content = freshness === undefined ? body.length : readLength(body, freshness);
  return length + (field > ONE_BYTE_FIELD_MAX ? 2 : 1) + varintLength(content) + content;
}

/** The tags of fields above this one take two bytes. */
const ONE_BYTE_FIELD_MAX = 15;

function readLength(body: Buffer, freshness: Buffer): number {
  return 1 + varintLength(body.length) + body.length + freshness.length;
}

function putRequest(frame: Buffer, start: number, request: FramedRequest): number {
  const { number, sequence, timeoutMs, field, body, freshness } = request;
  frame[start] = 8;
  let at = putVarint(frame, start + 1, number);
  if (sequence > 0) {
    frame[at] = 16;
    at = putVarint(frame, at + 1, sequence);
  }
  if (timeoutMs > 0) {
    frame[at] = 24;
    at = putVarint(frame, at + 1, timeoutMs);
  }
  at = putVarint(frame, at, field * 8 + 2);
  if (freshness !== undefined) {
    at = putVarint(frame, at, readLength(body, freshness));
    frame[at] = 10;
    at += 1;
  }
  at = putVarint(frame, at, body.length);
  frame.set(body, at);
  at += body.length;
  if (freshness === undefined) return at;
  frame.set(freshness, at);
  return at + freshness.length;
}

function putVarint(frame: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest > 127) {
    frame[at] = (rest % 128) | 128;
    at += 1;
    rest = Math.floor(rest / 128);
  }
  frame[at] = rest;
  return at + 1;
}

export const linearizableFreshness = Buffer.alloc(0);
export const serializableFreshness = Buffer.from([4 * 8 + 2, 0]);

/** Never older than `seen`. */
export function sessionFreshness(seen: number): Buffer {
  const length = seen === 0 ? 0 : 1 + varintLength(seen);
  const bytes = Buffer.allocUnsafe(2 + length);
  bytes[0] = 3 * 8 + 2;
  bytes[1] = length;
  if (seen > 0) {
    bytes[2] = 8;
    putVarint(bytes, 3, seen);
  }
  return bytes;
}

export function stalenessFreshness(maxStalenessMs: number): Buffer {
  const bytes = Buffer.allocUnsafe(1 + varintLength(maxStalenessMs));
  bytes[0] = 5 * 8;
  putVarint(bytes, 1, maxStalenessMs);
  return bytes;
}
