/**
 * What a member says over a session's stream (proto/quorate/v1/session.proto). Replies, of which there are many, by hand;
 * the rest by the generated code.
 */
import { Failure, Outcome as WireOutcome, ServerFrame as GeneratedFrame } from '@quorate/proto/quorate/v1/session.js';
import type { Outcome } from '../core/outcome.js';
import type { Refusal } from '../core/session-ledger.js';
import { AnswerReader } from './answer-reader.js';
import { MalformedMessage } from './byte-reader.js';

export interface Leadership {
  readonly leaderId: bigint;
  readonly term: number;
  readonly clientUrls: readonly string[];
}

export interface Welcome {
  readonly sessionId: bigint;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly leadership: Leadership;
  readonly sessionTtlMs: number;
  readonly windowReplies: number;
  readonly requestsInFlight: number;
}

export type ServerFrame =
  | { readonly kind: 'welcome'; readonly welcome: Welcome }
  | { readonly kind: 'replies' }
  | { readonly kind: 'leadership'; readonly leadership: Leadership }
  | { readonly kind: 'goodbye'; readonly refusal: Refusal }
  /** Of a later release. */
  | { readonly kind: 'other' };

const REPLIES = 18;
const REPLIES_FRAME: ServerFrame = { kind: 'replies' };

/** What comes in the frame; replies are then read one by one with `eachReply`. Throws MalformedMessage. */
export function serverFrame(bytes: Uint8Array): ServerFrame {
  if (bytes[0] === REPLIES) return REPLIES_FRAME;
  const { frame } = generated(() => GeneratedFrame.decode(bytes));
  switch (frame?.$case) {
    case 'welcome': {
      const { value } = frame;
      return {
        kind: 'welcome',
        welcome: {
          sessionId: value.sessionId,
          clusterId: value.clusterId,
          memberId: value.memberId,
          leadership: leadershipOf(value.leadership),
          sessionTtlMs: Number(value.sessionTtlMs),
          windowReplies: value.windowReplies,
          requestsInFlight: value.requestsInFlight,
        },
      };
    }
    case 'leadership':
      return { kind: 'leadership', leadership: leadershipOf(frame.value) };
    case 'goodbye':
      return { kind: 'goodbye', refusal: failureOf(frame.value.failure) };
    // No replies at all have no bytes to begin with.
    case 'replies':
    case undefined:
      return { kind: 'other' };
  }
}

function leadershipOf(value: GeneratedLeadership | undefined): Leadership {
  return {
    leaderId: value?.leaderId ?? 0n,
    term: Number(value?.term ?? 0n),
    clientUrls: value?.clientUrls ?? [],
  };
}

type GeneratedLeadership = NonNullable<Extract<GeneratedFrame['frame'], { $case: 'leadership' }>>['value'];

/** The field of a reply that is a failure; other replies stand in the field of their kind. */
export const FAILURE_FIELD = 2;
/** A write was given up in time, or a session kept. */
export const VOID_FIELD = 12;

/**
 * Calls `handle` for each reply, with a reader that is filled by the reply's message and reads no further. `handle` may
 * leave it half read.
 */
export function eachReply(
  bytes: Uint8Array,
  namespaceLength: number,
  handle: (number: number, field: number, reader: AnswerReader) => void,
): void {
  const reader = new AnswerReader(bytes, namespaceLength);
  reader.tag();
  reader.enter();
  const end = reader.end;
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    if (tag === 10) eachReplyOf(reader, handle);
    else reader.skip(tag);
    reader.end = end;
  }
}

function eachReplyOf(
  reader: AnswerReader,
  handle: (number: number, field: number, reader: AnswerReader) => void,
): void {
  reader.enter();
  const { end } = reader;
  let number = 0;
  let field = 0;
  let at = end;
  let contentEnd = end;
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    if (tag === 8) {
      number = reader.number();
    } else if ((tag & 7) === 2) {
      field = tag >>> 3;
      const outer = reader.enter();
      at = reader.at;
      contentEnd = reader.end;
      reader.leave(outer);
    } else {
      reader.skip(tag);
    }
  }
  reader.at = at;
  reader.end = contentEnd;
  reader.revision = 0 as typeof reader.revision;
  handle(number, field, reader);
  reader.at = end;
}

export function readFailure(reader: AnswerReader): Refusal {
  return failureOf(generated(() => Failure.decode(reader.buffer.subarray(reader.at, reader.end))));
}

/** The generated code throws whatever comes to hand. */
function generated<Message>(decode: () => Message): Message {
  try {
    return decode();
  } catch (error) {
    throw new MalformedMessage(error instanceof Error ? error.message : String(error));
  }
}

function failureOf(failure: Failure | undefined): Refusal {
  if (failure === undefined) throw new MalformedMessage('a failure without a reason');
  const { code, message, detail, outcome, retryable } = failure;
  return { code, message, detail, outcome: outcomes[outcome] ?? 'unknown', retryable };
}

const outcomes: Readonly<Partial<Record<number, Outcome>>> = {
  [WireOutcome.NOT_APPLIED]: 'notApplied',
  [WireOutcome.APPLIED]: 'applied',
};
