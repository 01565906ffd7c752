/**
 * The frames of session.proto: read with the size of each request, which has a limit of its own, and written in such
 * portions that one frame never holds the loop. Decides nothing about what they say.
 */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  Open,
  type Goodbye,
  type Leadership,
  Reply,
  Request,
  ServerFrame,
  type Welcome,
} from '@quorate/proto/quorate/v1/session.js';
import { bytesFieldSize, varintFieldSize, varintSize, WireWriter } from '../lib/wire-writer.js';
import { encodeMessage, MalformedMessage } from './codec.js';
import { txnRequestShape } from './kv-shapes.js';
import { type PlainAnswer, plainReplySize, writePlainReply } from './plain-answer.js';
import { FLAT, type MessageShape, wireFault } from './wire-check.js';

export interface SizedRequest {
  readonly request: Request;
  /** As it stands in the frame. */
  readonly bytes: number;
}

export type ClientSays =
  | { readonly kind: 'open'; readonly open: Open }
  | { readonly kind: 'requests'; readonly requests: readonly SizedRequest[]; readonly settled: bigint }
  /** A frame of a later release. */
  | { readonly kind: 'unknown' };

/** Where a frame holds messages inside messages, by field number. */
const readShape: MessageShape = { 1: FLAT, 2: FLAT, 3: FLAT, 4: FLAT };
const flatRequests = Object.fromEntries([5, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((field) => [field, FLAT]));
const requestShape: MessageShape = { ...flatRequests, 4: readShape, 7: txnRequestShape };
const clientFrameShape: MessageShape = { 1: FLAT, 2: { 1: requestShape } };

/** Throws MalformedMessage. */
export function readClientFrame(bytes: Buffer): ClientSays {
  const says = readFrame(bytes);
  const fault = wireFault(bytes, clientFrameShape);
  if (fault !== undefined) throw new MalformedMessage(fault);
  return says;
}

function readFrame(bytes: Buffer): ClientSays {
  try {
    const reader = new BinaryReader(bytes);
    let says: ClientSays = { kind: 'unknown' };
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 1) says = { kind: 'open', open: Open.decode(reader, reader.uint32()) };
      else if (field === 2) says = readRequests(reader, reader.uint32());
      else reader.skip(wireType);
    }
    return says;
  } catch (error) {
    throw new MalformedMessage(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function readRequests(reader: BinaryReader, length: number): ClientSays {
  const end = reader.pos + length;
  const requests: SizedRequest[] = [];
  let settled = 0n;
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === 1) {
      const bytes = reader.uint32();
      requests.push({ request: Request.decode(reader, bytes), bytes });
    } else if (field === 2) settled = BigInt(reader.uint64());
    else reader.skip(wireType);
  }
  return { kind: 'requests', requests, settled };
}

export function welcomeFrame(value: Welcome): Buffer {
  return encodeMessage(ServerFrame, { frame: { $case: 'welcome', value } });
}

export function leadershipFrame(value: Leadership): Buffer {
  return encodeMessage(ServerFrame, { frame: { $case: 'leadership', value } });
}

export function goodbyeFrame(value: Goodbye): Buffer {
  return encodeMessage(ServerFrame, { frame: { $case: 'goodbye', value } });
}

/** A reply whose answer is written by hand, or one of any other kind. */
export type FramedReply = Reply | { readonly number: number; readonly plain: PlainAnswer };

export function repliesFrame(replies: readonly FramedReply[]): Buffer {
  // Of those that the generated code writes, the bytes stand for their size as well.
  const encoded = replies.map((reply) => ('plain' in reply ? undefined : encodeMessage(Reply, reply)));
  const sizes = replies.map((reply, place) =>
    'plain' in reply ? plainReplySize(reply.number, reply.plain) : (encoded[place]?.length ?? 0),
  );
  let size = 0;
  for (const each of sizes) size += 1 + varintSize(each) + each;
  writer.begin(1 + varintSize(size) + size);
  writer.varintField(tag.replies, size);
  for (let place = 0; place < replies.length; place += 1) {
    const reply = replies[place] as FramedReply;
    writer.varintField(tag.reply, sizes[place] ?? 0);
    if ('plain' in reply) writePlainReply(writer, reply.number, reply.plain);
    else writer.raw(encoded[place] ?? NOTHING);
  }
  return writer.take();
}

/** Of Reply, whose answer is encoded already. */
export const answerField = { range: 3, deleteRange: 5, txn: 6 } as const;
const tag = { replies: (2 << 3) | 2, reply: (1 << 3) | 2, number: 1 << 3 } as const;
const LENGTH_DELIMITED = 2;
const NOTHING = Buffer.alloc(0);

const writer = new WireWriter();

/** One reply alone, around what took its time to be encoded. */
export function largeReplyFrame(number: number, field: number, answer: Buffer): Buffer {
  const reply = varintFieldSize(number) + bytesFieldSize(answer.length);
  const replies = bytesFieldSize(reply);
  writer.begin(bytesFieldSize(replies));
  writer.varintField(tag.replies, replies);
  writer.varintField(tag.reply, reply);
  if (number > 0) writer.varintField(tag.number, number);
  writer.bytesField((field << 3) | LENGTH_DELIMITED, answer);
  return writer.take();
}
