/**
 * Sessions without a wire: frames of session.proto as bytes, in and out, with back-pressure both ways. gRPC is one carrier
 * (session-service.ts); a program that embeds a member, or a simulator, may be another.
 */

/** What carries frames to a client. */
export interface SessionSink {
  /** Takes the frame in any case. False: it wants no more before SessionExchange.drained(). */
  write(frame: Buffer): boolean;
  /** No more frames of the client, for now. Those that come all the same are kept: it shall not go on for long. */
  pause(): void;
  resume(): void;
  /** That was the last frame. */
  end(): void;
}

/** The member's end of an exchange. */
export interface SessionExchange {
  /** A frame of the client, which belongs to the exchange from now on. */
  receive(frame: Buffer): void;
  /** The client says no more, and waits for the rest of its replies. */
  halfClosed(): void;
  /** The sink takes more. */
  drained(): void;
  /** The client is gone, or does not want to hear any more. Idempotent; needless after SessionSink.end(). */
  close(): void;
}

export interface SessionSource {
  open(sink: SessionSink): SessionExchange;
}
