/**
 * Between grpc-js and the handlers of unary RPCs: bytes in, bytes out, limits, deadlines, errors. grpc-js is given
 * functions that pass bytes through, so that decoding, encoding and their errors are ours and cost what we make them.
 */
import type { Metadata, Server, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { RequestOptions } from '../node/member.js';
import { decodeMessage, encodeMessage, type MessageType, passBytes } from './codec.js';
import { wireStatusOf } from './errors.js';
import { requiresLeader } from './leader-loss.js';
import type { LongCalls } from './long-calls.js';
import type { RequestGate } from './request-gate.js';
import { FLAT, type MessageShape } from './wire-check.js';

type Call = ServerUnaryCall<Buffer, Buffer>;

/** A unary method of a generated service definition. */
export interface UnaryMethod<Request, Response> {
  readonly name: string;
  readonly requestType: MessageType<Request>;
  readonly requestStream: false;
  readonly responseType: MessageType<Response>;
  readonly responseStream: false;
}

export interface CallContext {
  /** Of the message as it came in. */
  readonly requestBytes: number;
  /** The caller's deadline, for the member. */
  readonly options: RequestOptions;
  /** For work that is worth ending when the caller is gone: costs more than a small request. */
  abortable(): RequestOptions;
  /** For work that may wait as long as others like. The signal is aborted, with the reason, once nobody waits for it. */
  waiting<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Answers with a message, or with its bytes where it encodes better by itself. */
export type UnaryHandler<Request, Response> = (request: Request, context: CallContext) => Promise<Response | Buffer>;

interface ServedMethod<Request, Response> {
  readonly method: UnaryMethod<Request, Response>;
  /** Throws MalformedMessage. */
  readonly decode: (bytes: Buffer) => Request;
  readonly handler: UnaryHandler<Request, Response>;
}

export interface CallsPorts {
  readonly server: Server;
  readonly gate: RequestGate;
  readonly longCalls: LongCalls;
  readonly member: { readonly isReady: boolean };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Answers of this size count as held until their stream is closed. */
const countedAnswerBytes = 64 * 1024;

export class UnaryCalls {
  readonly #ports: CallsPorts;

  constructor(ports: CallsPorts) {
    this.#ports = ports;
  }

  /** `shape`: where the request holds messages, for the check that it is well-formed. */
  serve<Request, Response>(
    service: { readonly fullName: string },
    method: UnaryMethod<Request, Response>,
    handler: UnaryHandler<Request, Response>,
    shape: MessageShape = FLAT,
  ): void {
    const decode = (bytes: Buffer): Request => decodeMessage(method.requestType, bytes, shape);
    const served = { method, decode, handler };
    const serve = (call: Call, callback: sendUnaryData<Buffer>): void => {
      void this.#serve(call, callback, served);
    };
    this.#ports.server.register(`/${service.fullName}/${method.name}`, serve, passBytes, passBytes, 'unary');
  }

  /** Rejects with an InvariantError only: nobody may catch that. */
  async #serve<Request, Response>(
    call: Call,
    callback: sendUnaryData<Buffer>,
    { method, decode, handler }: ServedMethod<Request, Response>,
  ): Promise<void> {
    const bytes = call.request.length;
    const { gate } = this.#ports;
    try {
      gate.enter(bytes);
    } catch (error) {
      return callback(wireStatusOf(error));
    }
    let answer: Buffer;
    try {
      this.#assertLeader(call.metadata);
      const request = decode(call.request);
      const response = await handler(request, new Context(call, this.#ports));
      answer = Buffer.isBuffer(response) ? response : encodeMessage(method.responseType, response);
    } catch (error) {
      return callback(this.#statusOf(error, method.name));
    } finally {
      gate.leave(bytes);
    }
    if (answer.length >= countedAnswerBytes) holdUntilSent(gate, call, answer.length);
    callback(null, answer);
  }

  /** `hasleader: true` asks for an error at once instead of a wait, whatever the request. */
  #assertLeader(metadata: Metadata): void {
    const { member } = this.#ports;
    if (!member.isReady && requiresLeader(metadata)) throw new QuorateError('NO_LEADER');
  }

  #statusOf(error: unknown, method: string) {
    const status = wireStatusOf(error);
    if (status.isUnforeseen) this.#ports.logger.error('a request failed for no foreseen reason', { method, error });
    return status;
  }
}

class Context implements CallContext {
  readonly requestBytes: number;
  readonly options: RequestOptions;
  readonly #call: Call;
  readonly #longCalls: LongCalls;

  constructor(call: Call, { clock, longCalls }: Pick<CallsPorts, 'clock' | 'longCalls'>) {
    this.#call = call;
    this.#longCalls = longCalls;
    this.requestBytes = call.request.length;
    this.options = optionsOf(call, clock);
  }

  abortable(): RequestOptions {
    return { ...this.options, signal: this.#aborter().signal };
  }

  async waiting<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const aborter = this.#aborter();
    const forget = this.#longCalls.attend((error) => aborter.abort(error));
    try {
      return await work(aborter.signal);
    } finally {
      forget();
    }
  }

  #aborter(): AbortController {
    const aborter = new AbortController();
    this.#call.on('cancelled', () => aborter.abort(new QuorateError('CANCELED')));
    return aborter;
  }
}

const noOptions: RequestOptions = {};

/** grpc-js counts by the wall clock. What is left is taken once, now, and counted on by the monotonic one. */
function optionsOf(call: Call, clock: Clock): RequestOptions {
  const deadline = Number(call.getDeadline());
  return deadline === Infinity ? noOptions : { deadline: clock.now() + deadline - Date.now() };
}

function holdUntilSent(gate: RequestGate, call: Call, bytes: number): void {
  if (call.cancelled) return;
  gate.hold(bytes);
  // Emitted whenever the stream closes, after an answer too.
  call.on('cancelled', () => gate.release(bytes));
}
