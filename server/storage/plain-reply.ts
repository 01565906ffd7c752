/**
 * The record of the reply to a put that asked for nothing: up to one for each put of a session, on every member. That is why it
 * is written by hand; what session-codec.ts makes of it is the measure, and the way for every other reply.
 */
import type { WireWriter } from '../lib/wire-writer.js';
import type { SessionReply } from '../state/result.js';

const tag = { session: 0x08, sequence: 0x10, settled: 0x18, contactMs: 0x20, revision: 0x28, operation: 0x3a } as const;
const beforeTag = 0x78;
const putTag = 0x12;

/** Tags and numbers. */
export const PLAIN_REPLY_BYTES_MAX = 80;

export function isPlain({ outcome }: SessionReply): boolean {
  return outcome.ok && outcome.result.kind === 'put' && outcome.result.prevKv === undefined;
}

/** `reply` is plain. */
export function writePlainReply(writer: WireWriter, reply: SessionReply): void {
  const { session, sequence, settled, contactMs, revision, before = 0 } = reply;
  if (session > 0) writer.varintField(tag.session, session);
  if (sequence > 0) writer.varintField(tag.sequence, sequence);
  if (settled > 0) writer.varintField(tag.settled, settled);
  if (contactMs > 0) writer.varintField(tag.contactMs, contactMs);
  if (revision > 0) writer.varintField(tag.revision, revision);
  writer.varintField(tag.operation, 2);
  writer.varintField(putTag, 0);
  if (before > 0) writer.varintField(beforeTag, before);
}
