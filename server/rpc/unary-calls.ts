/**
 * Between gRPC and the handlers of unary RPCs: bytes in, bytes out, limits, deadlines, errors. grpc-js is given
 * functions that pass bytes through, so that decoding, encoding and their errors are ours and cost what we make them.
 */
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Member, RequestOptions } from '../node/member.js';
import type { Carrier, UnaryCarrier } from './carrier.js';
import { decodeMessage, encodeMessage, type MessageType, passBytes } from './codec.js';
import { wireStatusOf } from './errors.js';
import { throughLibrary } from './library-call.js';
import type { LongCalls } from './long-calls.js';
import type { RequestGate } from './request-gate.js';
import type { UnaryCall } from './unary-call.js';
import { FLAT, type MessageShape } from './wire-check.js';

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

export interface MethodTraits<Request> {
  /** Where the request holds messages, for the check that it is well-formed; default: nowhere. */
  readonly shape?: MessageShape;
  /** Whether a learner serves it too; default: never, as in etcd. */
  readonly isForLearners?: (request: Request) => boolean;
}

const never = (): boolean => false;

interface ServedMethod<Request, Response> extends Required<MethodTraits<Request>> {
  readonly method: UnaryMethod<Request, Response>;
  readonly handler: UnaryHandler<Request, Response>;
}

export interface CallsPorts {
  readonly server: Carrier;
  readonly direct: UnaryCarrier;
  readonly gate: RequestGate;
  readonly longCalls: LongCalls;
  readonly member: Pick<Member, 'isReady' | 'isLearner'>;
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

  serve<Request, Response>(
    service: { readonly fullName: string },
    method: UnaryMethod<Request, Response>,
    handler: UnaryHandler<Request, Response>,
    { shape = FLAT, isForLearners = never }: MethodTraits<Request> = {},
  ): void {
    const served = { method, handler, shape, isForLearners };
    const serve = (call: UnaryCall): void => {
      void this.#serve(call, served);
    };
    const { server, direct, clock } = this.#ports;
    const path = `/${service.fullName}/${method.name}`;
    direct.serve(path, serve);
    server.register(path, throughLibrary(serve, clock), passBytes, passBytes, 'unary');
  }

  /** Rejects with an InvariantError only: nobody may catch that. */
  async #serve<Request, Response>(call: UnaryCall, served: ServedMethod<Request, Response>): Promise<void> {
    const bytes = call.request.length;
    const { gate, member } = this.#ports;
    const { method, handler, shape } = served;
    try {
      gate.enter(bytes);
    } catch (error) {
      return call.refuse(wireStatusOf(error));
    }
    let answer: Buffer;
    try {
      const request = decodeMessage(method.requestType, call.request, shape);
      if (member.isLearner && !served.isForLearners(request)) throw new QuorateError('NOT_ON_LEARNER');
      if (call.requiresLeader && !member.isReady) throw new QuorateError('NO_LEADER');
      const response = await handler(request, new Context(call, this.#ports));
      answer = Buffer.isBuffer(response) ? response : encodeMessage(method.responseType, response);
    } catch (error) {
      return call.refuse(this.#statusOf(error, method.name));
    } finally {
      gate.leave(bytes);
    }
    if (answer.length >= countedAnswerBytes) holdUntilSent(gate, call, answer.length);
    call.answer(answer);
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
  readonly #call: UnaryCall;
  readonly #ports: Pick<CallsPorts, 'clock' | 'longCalls'>;

  constructor(call: UnaryCall, ports: Pick<CallsPorts, 'clock' | 'longCalls'>) {
    this.#call = call;
    this.#ports = ports;
    this.requestBytes = call.request.length;
    this.options = call.deadline === undefined ? noOptions : { deadline: call.deadline };
  }

  abortable(): RequestOptions {
    return { ...this.options, signal: this.#aborter().signal };
  }

  async waiting<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const aborter = this.#aborter();
    const forget = this.#ports.longCalls.attend((error) => aborter.abort(error));
    try {
      return await work(aborter.signal);
    } finally {
      forget();
    }
  }

  #aborter(): AbortController {
    const aborter = new AbortController();
    const { clock } = this.#ports;
    const { deadline } = this.options;
    const abort = (reason: QuorateError): void => aborter.abort(reason);
    const late = (): void => abort(new QuorateError('DEADLINE_EXCEEDED'));
    const timer = deadline === undefined ? undefined : clock.setTimer(late, deadline - clock.now());
    this.#call.onClosed(() => {
      timer?.cancel();
      abort(new QuorateError('CANCELED'));
    });
    return aborter;
  }
}

const noOptions: RequestOptions = {};

function holdUntilSent(gate: RequestGate, call: UnaryCall, bytes: number): void {
  if (call.isClosed) return;
  gate.hold(bytes);
  call.onClosed(() => gate.release(bytes));
}
