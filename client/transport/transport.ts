/**
 * The port to the members: bytes go out, bytes come back, and every call ends exactly once. What the bytes mean is none of
 * its business. gRPC and a server in the same process stand behind it; tests and simulators bring their own.
 */

/** How a call ended, in gRPC's words. */
export type StatusName =
  | 'OK'
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED';

export interface CallStatus {
  readonly name: StatusName;
  /** What the member said, or the transport when no member said anything. */
  readonly text: string;
  /** False only when nothing of the call has left this process: the member surely does not know of it. */
  readonly wasSent: boolean;
  /** The code and the detail that members of Quorate send along. */
  readonly quorateCode?: string | undefined;
  readonly quorateDetail?: string | undefined;
}

export type Metadata = Readonly<Record<string, string>>;

export interface UnaryOptions {
  /** Told to the member, which drops what nobody waits for. */
  readonly timeoutMs: number;
  readonly metadata?: Metadata | undefined;
}

/** Called once, never before the call has returned. With status OK there is an answer. */
export type UnaryDone = (status: CallStatus, answer: Uint8Array | undefined) => void;

export interface StreamHandler {
  /** The bytes belong to the receiver. Never before the call that opened the stream has returned. */
  onMessage(bytes: Uint8Array): void;
  /** Once, and the last thing: also when the stream was canceled from here. */
  onEnd(status: CallStatus): void;
}

export interface Stream {
  /**
   * Sends a message; nobody writes into the bytes any more. `done`, if given, is called when the next one may be sent
   * without piling up, or never when the stream has ended.
   */
  send(bytes: Uint8Array, done?: () => void): void;
  /** No more messages come until `resume`, except a few that were under way. */
  pause(): void;
  resume(): void;
  /** Ends the stream from here. Safe to call again. */
  cancel(): void;
}

/** A connection to one member. Connects when it is first used, and again after it broke. */
export interface Connection {
  /** Returns what gives the call up: `done` is then called with CANCELLED. Safe to call again. */
  unary(method: string, request: Uint8Array, options: UnaryOptions, done: UnaryDone): () => void;
  stream(method: string, metadata: Metadata, handler: StreamHandler): Stream;
  /** Ends everything on it. Safe to call again. */
  close(): void;
}

export interface Transport {
  /** `address` is host:port. Nothing is sent yet; two connections to one member do not hold each other up. */
  connect(address: string): Connection;
}
