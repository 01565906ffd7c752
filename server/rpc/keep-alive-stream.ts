/**
 * One stream of renewals: an answer for each request, in their order. It reads no further while too many wait for their
 * answer, or while the client does not take the answers: what a stream can make this member hold is bounded. Answers that
 * come together, as those to requests of one moment do, are written together.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { LeaseKeepAliveAnswer, LeaseMember } from '../node/lease-member.js';
import { wireStatusOf, type WireStatus } from './errors.js';
import { MessageBundle } from './message-bundle.js';
import { decodeRenewal, RenewalAnswers } from './renewal-codec.js';
import type { RequestGate } from './request-gate.js';

export const renewalsPerStreamMax = 1_024;

export type Call = ServerDuplexStream<Buffer, MessageBundle>;

interface Renewal {
  readonly bytes: number;
  answer: LeaseKeepAliveAnswer | undefined;
  /** Then there is no answer. */
  error: unknown;
}

export interface KeepAliveParts {
  readonly leases: Pick<LeaseMember, 'keepAlive'>;
  readonly gate: RequestGate;
  /** The stream ends: it was answered, broken, or refused by `status`. Called once. */
  readonly ended: (status: WireStatus | undefined) => void;
}

export class KeepAliveStream {
  readonly #call: Call;
  readonly #parts: KeepAliveParts;
  readonly #answers = new RenewalAnswers();
  /** In the order of the requests. */
  readonly #waiting: Renewal[] = [];
  #isFlushing = false;
  #isHalfClosed = false;
  #isBlocked = false;
  #isOver = false;

  constructor(call: Call, parts: KeepAliveParts) {
    this.#call = call;
    this.#parts = parts;
    call.on('data', (bytes: Buffer) => this.#take(bytes));
    call.on('end', () => {
      this.#isHalfClosed = true;
      this.#flush();
    });
    call.on('drain', () => {
      this.#isBlocked = false;
      this.#flush();
    });
    call.on('cancelled', () => this.#over(undefined));
    call.on('error', () => this.#over(undefined));
  }

  /** Ends the stream with an error, whatever waits. */
  refuse(error: unknown): void {
    if (this.#isOver) return;
    const status = wireStatusOf(error);
    this.#over(status);
    this.#call.emit('error', status);
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return;
    const { gate, leases } = this.#parts;
    try {
      gate.enter(bytes.length);
    } catch (error) {
      this.refuse(error);
      return;
    }
    const renewal: Renewal = { bytes: bytes.length, answer: undefined, error: undefined };
    this.#waiting.push(renewal);
    if (this.#waiting.length >= renewalsPerStreamMax) this.#call.pause();
    const failed = (error: unknown): void => {
      renewal.error = error;
      this.#flushSoon();
    };
    try {
      leases.keepAlive(decodeRenewal(bytes)).then((answer) => {
        renewal.answer = answer;
        this.#flushSoon();
      }, failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Answers of one moment are known one after the other, each in a microtask: this comes after the last of them. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isOver || this.#isBlocked) return;
    const bundle = new MessageBundle();
    let decided = 0;
    let failure: unknown;
    for (const { bytes, answer, error } of this.#waiting) {
      if (answer === undefined) {
        failure = error;
        break;
      }
      this.#parts.gate.leave(bytes);
      bundle.add(this.#answers.encode(answer));
      decided += 1;
    }
    this.#waiting.splice(0, decided);
    if (decided > 0) this.#isBlocked = !this.#call.write(bundle);
    if (failure !== undefined) this.refuse(failure);
    else if (this.#isHalfClosed && this.#waiting.length === 0) {
      this.#over(undefined);
      this.#call.end();
    } else if (!this.#isBlocked && this.#waiting.length < renewalsPerStreamMax / 2) this.#call.resume();
  }

  #over(status: WireStatus | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { bytes } of this.#waiting.splice(0)) this.#parts.gate.leave(bytes);
    this.#parts.ended(status);
  }
}
