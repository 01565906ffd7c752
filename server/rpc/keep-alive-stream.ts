/**
 * One stream of renewals: an answer for each request, in their order. It reads no further while too many wait for their
 * answer, or while the client does not take the answers: what a stream can make this member hold is bounded.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '@quorate/proto/etcd/lease.js';
import type { LeaseKeepAliveAnswer, LeaseMember } from '../node/lease-member.js';
import { decodeMessage, encodeMessage } from './codec.js';
import { wireStatusOf, type WireStatus } from './errors.js';
import { headerToWire } from './kv-answer.js';
import type { RequestGate } from './request-gate.js';

export const renewalsPerStreamMax = 256;

type Call = ServerDuplexStream<Buffer, Buffer>;

interface Renewal {
  readonly bytes: number;
  outcome: { readonly answer: LeaseKeepAliveAnswer } | { readonly error: unknown } | undefined;
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
  /** In the order of the requests. */
  readonly #waiting: Renewal[] = [];
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
    const renewal: Renewal = { bytes: bytes.length, outcome: undefined };
    this.#waiting.push(renewal);
    if (this.#waiting.length >= renewalsPerStreamMax) this.#call.pause();
    this.#renew(leases, bytes).then(
      (answer) => {
        renewal.outcome = { answer };
        this.#flush();
      },
      (error: unknown) => {
        renewal.outcome = { error };
        this.#flush();
      },
    );
  }

  async #renew(leases: Pick<LeaseMember, 'keepAlive'>, bytes: Buffer): Promise<LeaseKeepAliveAnswer> {
    return leases.keepAlive(decodeMessage(LeaseKeepAliveRequest, bytes).ID);
  }

  #flush(): void {
    for (let head = this.#waiting[0]; head?.outcome !== undefined && !this.#isBlocked; head = this.#waiting[0]) {
      if (this.#isOver) return;
      if ('error' in head.outcome) {
        this.refuse(head.outcome.error);
        return;
      }
      this.#waiting.shift();
      this.#parts.gate.leave(head.bytes);
      const { header, id, ttl } = head.outcome.answer;
      const message = encodeMessage(LeaseKeepAliveResponse, { header: headerToWire(header), ID: id, TTL: ttl });
      this.#isBlocked = !this.#call.write(message);
    }
    if (this.#isOver) return;
    if (this.#isHalfClosed && this.#waiting.length === 0) {
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
