/** One call of a unary method, whatever carries it: grpc-js (library-call.ts) or Node's HTTP/2 itself (direct-calls.ts). */
import type { WireStatus } from './errors.js';

export interface UnaryCall {
  readonly request: Buffer;
  /** The caller wants an error at once where there is no leader. */
  readonly requiresLeader: boolean;
  /** In monotonic ms. */
  readonly deadline: number | undefined;
  /** The caller is gone, or has all of its answer. */
  readonly isClosed: boolean;
  /** `listener` runs once, when the call's stream closes; never when it is closed already. */
  onClosed(listener: () => void): void;
  /** Exactly one of answer() and refuse() is called, once; neither has an effect on a closed call. */
  answer(message: Buffer): void;
  refuse(status: WireStatus): void;
}

export type ServeUnary = (call: UnaryCall) => void;
