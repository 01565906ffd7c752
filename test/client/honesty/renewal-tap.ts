/**
 * Sees the renewals of leases that pass through a proxy, so that a judge knows, without asking the client or the member,
 * from when on each answered renewal may have counted. Whatever else passes means nothing here.
 */
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '@quorate/proto/etcd/lease.js';
import { monotonicMs } from '../../harness/monotonic.js';
import type { Tap } from '../../harness/stalling-proxy.js';
import { GrpcMessages } from './grpc-messages.js';

export interface AnsweredRenewal {
  readonly lease: bigint;
  /** Just before the renewal went on to the member: it cannot have counted from any earlier. */
  readonly passedAt: number;
}

/** `PRI * HTTP/2.0` and so on. */
const PREFACE_BYTES = 24;
/** A renewal is an id and nothing else: `08` and a varint. */
const ID_TAG = 8;
const ID_BYTES_MAX = 10;

export class RenewalTap implements Tap {
  readonly #onAnswered: (renewal: AnsweredRenewal) => void;
  readonly #requests: GrpcMessages;
  readonly #answers: GrpcMessages;
  /** Of each stream, the renewals without an answer, in order. */
  readonly #waiting = new Map<number, AnsweredRenewal[]>();

  constructor(onAnswered: (renewal: AnsweredRenewal) => void) {
    this.#onAnswered = onAnswered;
    this.#requests = new GrpcMessages(PREFACE_BYTES, (stream, message) => this.#asked(stream, message));
    this.#answers = new GrpcMessages(0, (stream, message) => this.#answered(stream, message));
  }

  toMember(bytes: Buffer): void {
    this.#requests.push(bytes);
  }

  toClient(bytes: Buffer): void {
    this.#answers.push(bytes);
  }

  #asked(stream: number, message: Buffer): void {
    if (message[0] !== ID_TAG || message.length > 1 + ID_BYTES_MAX) return;
    const { ID: lease } = LeaseKeepAliveRequest.decode(message);
    const waiting = this.#waiting.get(stream) ?? [];
    this.#waiting.set(stream, [...waiting, { lease, passedAt: monotonicMs() }]);
  }

  #answered(stream: number, message: Buffer): void {
    const waiting = this.#waiting.get(stream);
    if (waiting === undefined) return;
    const { ID, TTL } = LeaseKeepAliveResponse.decode(message);
    const at = waiting.findIndex(({ lease }) => lease === ID);
    const [renewal] = at < 0 ? [] : waiting.splice(at, 1);
    if (renewal !== undefined && TTL > 0n) this.#onAnswered(renewal);
  }
}
