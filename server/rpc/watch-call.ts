/**
 * One watch stream of one client: requests in, answers out, and never more of them in memory than a few. While the
 * client does not read, nothing is taken from the stream's buffer; while it does not read answers, no requests are read.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { WatchRequest } from '@quorate/proto/etcd/watch.js';
import type { Clock, Timer } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Random } from '../lib/random.js';
import type { StreamReader, WatchOutput, WatchSource, WatchStream } from '../node/member.js';
import { decodeMessage } from './codec.js';
import { wireStatusOf } from './errors.js';
import { type Message, MessageBundle } from './message-bundle.js';
import { eventBytes, type WatchEncoder } from './watch-answer.js';
import { handleRequest, watchRequestShape } from './watch-request.js';

/** Responses are messages that are written together. */
export type Call = ServerDuplexStream<Buffer, MessageBundle>;

export interface WatchCallParts {
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly progressIntervalMs: number;
  readonly encoder: WatchEncoder;
  /** The call is over, whoever ended it. */
  readonly over: () => void;
}

/** Handed to gRPC and not yet taken by the connection. The last message counts whole. */
const unsentBytesMax = 256 * 1024;
/** Outputs that wait, answers included: beyond it no more requests are read. */
const outputsMax = 8_192;
/** Events encoded in one go. */
const sliceEvents = 512;

export class WatchCall implements StreamReader {
  readonly #call: Call;
  readonly #parts: WatchCallParts;
  readonly #stream: WatchStream;
  #timer: Timer | undefined;
  #unsentBytes = 0;
  #isEncoding = false;
  #isOver = false;

  constructor(call: Call, parts: WatchCallParts) {
    this.#call = call;
    this.#parts = parts;
    this.#stream = parts.source.watch(this);
    call.on('data', (bytes: Buffer) => this.#take(bytes));
    call.on('drain', () => this.#pump());
    // Emitted whenever the stream closes. Not on 'end': who says that no more requests come still listens.
    call.on('cancelled', () => this.#finish());
    this.#armTimer();
  }

  /** Ends the call with an error; what the client has not read by then it may not see. */
  end(error: unknown): void {
    if (this.#isOver) return;
    this.#finish();
    this.#call.emit('error', wireStatusOf(error));
  }

  readable(): void {
    this.#pump();
  }

  ended(): void {
    this.end(new QuorateError('STOPPED', 'this member cannot read its history'));
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return;
    try {
      handleRequest(this.#stream, decodeMessage(WatchRequest, bytes, watchRequestShape));
    } catch (error) {
      this.end(error);
      return;
    }
    if (this.#stream.queued.outputs >= outputsMax) this.#call.pause();
  }

  #pump(): void {
    while (!this.#isOver && !this.#isBlocked && this.#writeSome());
    if (!this.#isOver && this.#call.isPaused() && this.#stream.queued.outputs < outputsMax) this.#call.resume();
  }

  get #isBlocked(): boolean {
    return this.#isEncoding || this.#call.writableNeedDrain || this.#unsentBytes >= unsentBytesMax;
  }

  /** Writes together what fits one write. False when there is nothing. */
  #writeSome(): boolean {
    const { encoder } = this.#parts;
    const bundle = new MessageBundle();
    while (!bundle.isFull) {
      const output = this.#stream.take();
      if (output === undefined) break;
      if (output.kind === 'events' && output.events.length > sliceEvents && !encoder.knows(output)) {
        this.#write(bundle);
        this.#encodeSliced(output, 0);
        return true;
      }
      for (const message of encoder.encode(output)) bundle.add(message);
    }
    this.#write(bundle);
    return !bundle.isEmpty;
  }

  /** A large batch is encoded in slices, between which the loop is free. */
  #encodeSliced(output: Extract<WatchOutput, { kind: 'events' }>, from: number): void {
    if (this.#isOver) return;
    const { events, spec } = output;
    const end = Math.min(events.length, from + sliceEvents);
    for (const event of events.slice(from, end)) eventBytes(event, spec.prevKv);
    this.#isEncoding = true;
    this.#parts.clock.defer(() => {
      if (end < events.length) {
        this.#encodeSliced(output, end);
        return;
      }
      this.#isEncoding = false;
      if (this.#isOver) return;
      this.#writeEach(this.#parts.encoder.encode(output));
      this.#pump();
    });
  }

  #writeEach(messages: readonly Message[]): void {
    for (const message of messages) {
      const bundle = new MessageBundle();
      bundle.add(message);
      this.#write(bundle);
    }
  }

  #write(bundle: MessageBundle): void {
    if (bundle.isEmpty) return;
    const { bytes } = bundle;
    this.#unsentBytes += bytes;
    this.#call.write(bundle, () => this.#sent(bytes));
  }

  #sent(bytes: number): void {
    const wasFull = this.#unsentBytes >= unsentBytesMax;
    this.#unsentBytes -= bytes;
    if (wasFull && this.#unsentBytes < unsentBytesMax) this.#pump();
  }

  #armTimer(): void {
    const { clock, random, progressIntervalMs } = this.#parts;
    // So that many streams of one moment do not all speak at once, for ever.
    const jitterMs = random.below(Math.ceil(progressIntervalMs / 10));
    this.#timer = clock.setTimer(() => {
      this.#stream.notifyProgress();
      this.#armTimer();
    }, progressIntervalMs + jitterMs);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#stream.close();
    this.#parts.over();
  }
}
