/**
 * Replies on their way to the client. Those of one turn share a frame; one that is large is encoded in slices, alone, while
 * the others pass it by. Nothing is encoded that the client does not take yet.
 */
import type { Failure } from '@quorate/proto/quorate/v1/session.js';
import type { Clock } from '../lib/clock.js';
import type { RequestGate } from './request-gate.js';
import { type Content, small } from './session-answers.js';
import { type FramedReply, largeReplyFrame, repliesFrame } from './session-frames.js';
import type { SessionSink } from './session-port.js';

/** Replies of about so much go into one frame; the last one counts whole. */
const frameBytesTarget = 64 * 1024;
/** What is encoded in one turn, in frames of that size. */
const turnBytesTarget = 512 * 1024;
/** Answers of this size count as held until the client takes them. */
const countedAnswerBytes = 64 * 1024;

export interface PendingReply {
  readonly number: number;
  readonly content: Content;
  /** It is written. */
  readonly written: () => void;
}

export interface SessionRepliesParts {
  readonly sink: SessionSink;
  readonly gate: Pick<RequestGate, 'hold' | 'release'>;
  readonly clock: Pick<Clock, 'defer'>;
  /** Nothing waits any more. */
  readonly idle: () => void;
  /** A bug: the exchange cannot go on. */
  readonly failed: (error: unknown) => void;
}

export function failureContent(failure: Failure): Content {
  return small({ $case: 'failure', value: failure });
}

export class SessionReplies {
  readonly #parts: SessionRepliesParts;
  #small: PendingReply[] = [];
  readonly #large: PendingReply[] = [];
  /** Encoded, and not written yet. */
  #encoded: { readonly reply: PendingReply; readonly frame: Buffer } | undefined;
  /** Whatever else is to be said: the latest word only. */
  #news: Buffer | undefined;
  #isEncoding = false;
  #isBlocked = false;
  #isScheduled = false;
  #isOver = false;
  /** Bytes of answers that wait here, and of those that the sink took and has not sent. */
  #held = 0;
  #unsent = 0;

  constructor(parts: SessionRepliesParts) {
    this.#parts = parts;
  }

  get isIdle(): boolean {
    return this.#small.length + this.#large.length === 0 && !this.#isEncoding && this.#encoded === undefined;
  }

  /** Goes out when what runs now has run: what else is answered by then goes with it. */
  add(reply: PendingReply): void {
    if (this.#isOver) return;
    (reply.content.kind === 'large' ? this.#large : this.#small).push(reply);
    this.#hold(reply);
    this.#schedule();
  }

  /** The first frame of all. */
  begin(frame: Buffer): void {
    this.#write(frame, []);
  }

  /** Takes the place of news that were not sent. */
  say(frame: Buffer): void {
    this.#news = frame;
    this.#schedule();
  }

  drained(): void {
    this.#isBlocked = false;
    this.#release(this.#unsent);
    this.#unsent = 0;
    this.#schedule();
  }

  /** Nothing that waits will be written. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#small = [];
    this.#large.length = 0;
    this.#encoded = undefined;
    this.#release(this.#held);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isOver) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#isScheduled = false;
    if (this.#isOver) return;
    try {
      this.#writeSome();
    } catch (error) {
      this.#parts.failed(error);
      return;
    }
    if (this.isIdle) this.#parts.idle();
  }

  #writeSome(): void {
    if (this.#news !== undefined && !this.#isBlocked) {
      const frame = this.#news;
      this.#news = undefined;
      this.#write(frame, []);
    }
    if (this.#encoded !== undefined && !this.#isBlocked) {
      const { reply, frame } = this.#encoded;
      this.#encoded = undefined;
      this.#write(frame, [reply]);
    }
    let bytes = 0;
    while (this.#small.length > 0 && !this.#isBlocked && bytes < turnBytesTarget) bytes += this.#writeFrame();
    this.#encodeNext();
    if (this.#small.length === 0 || this.#isBlocked || this.#isScheduled || this.#isOver) return;
    this.#isScheduled = true;
    this.#parts.clock.defer(() => this.#flush());
  }

  #writeFrame(): number {
    let bytes = 0;
    let count = 0;
    for (const { content } of this.#small) {
      count += 1;
      bytes += content.bytes;
      if (bytes >= frameBytesTarget) break;
    }
    const taken = this.#small.slice(0, count);
    this.#small = this.#small.slice(count);
    this.#write(repliesFrame(taken.map(replyOf)), taken);
    return bytes;
  }

  #encodeNext(): void {
    if (this.#isEncoding || this.#isBlocked || this.#encoded !== undefined) return;
    const reply = this.#large.shift();
    if (reply?.content.kind !== 'large') return;
    const { field, encode } = reply.content;
    this.#isEncoding = true;
    encode().then(
      (answer) => {
        this.#isEncoding = false;
        if (this.#isOver) return;
        this.#encoded = { reply, frame: largeReplyFrame(reply.number, field, answer) };
        this.#schedule();
      },
      (error: unknown) => this.#parts.failed(error),
    );
  }

  #write(frame: Buffer, replies: readonly PendingReply[]): void {
    this.#isBlocked = !this.#parts.sink.write(frame);
    let counted = 0;
    for (const { content } of replies) if (content.bytes >= countedAnswerBytes) counted += content.bytes;
    if (this.#isBlocked) this.#unsent += counted;
    else this.#release(counted);
    for (const reply of replies) reply.written();
  }

  #hold({ content: { bytes } }: PendingReply): void {
    if (bytes < countedAnswerBytes) return;
    this.#held += bytes;
    this.#parts.gate.hold(bytes);
  }

  #release(bytes: number): void {
    this.#held -= bytes;
    if (bytes > 0) this.#parts.gate.release(bytes);
  }
}

function replyOf({ number, content }: PendingReply): FramedReply {
  if (content.kind === 'plain') return { number, plain: content.plain };
  return { number: BigInt(number), reply: content.kind === 'small' ? content.reply : undefined };
}
