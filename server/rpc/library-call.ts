/** A unary call that came through grpc-js. */
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { Clock } from '../lib/clock.js';
import type { WireStatus } from './errors.js';
import { requiresLeader } from './leader-loss.js';
import type { ServeUnary, UnaryCall } from './unary-call.js';

type Call = ServerUnaryCall<Buffer, Buffer>;

/** As grpc-js wants a handler. */
export function throughLibrary(serve: ServeUnary, clock: Clock): (call: Call, callback: sendUnaryData<Buffer>) => void {
  return (call, callback) => serve(new LibraryCall(call, callback, clock));
}

class LibraryCall implements UnaryCall {
  readonly request: Buffer;
  readonly requiresLeader: boolean;
  readonly deadline: number | undefined;
  readonly #call: Call;
  readonly #callback: sendUnaryData<Buffer>;

  constructor(call: Call, callback: sendUnaryData<Buffer>, clock: Clock) {
    this.#call = call;
    this.#callback = callback;
    this.request = call.request;
    this.requiresLeader = requiresLeader(call.metadata);
    // grpc-js counts by the wall clock. What is left is taken once, now, and counted on by the monotonic one.
    const deadline = Number(call.getDeadline());
    this.deadline = deadline === Infinity ? undefined : clock.now() + deadline - Date.now();
  }

  get isClosed(): boolean {
    return this.#call.cancelled;
  }

  onClosed(listener: () => void): void {
    // Emitted whenever the stream closes, after an answer too.
    this.#call.on('cancelled', listener);
  }

  answer(message: Buffer): void {
    this.#callback(null, message);
  }

  refuse(status: WireStatus): void {
    this.#callback(status);
  }
}
