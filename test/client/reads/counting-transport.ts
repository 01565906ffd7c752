/** Counts, for each member, the answers to reads that come over a session's streams, and those that were held back. */
import { GrpcTransport } from '../../../client/transport/grpc-transport.js';
import type { Connection, Stream, StreamHandler, Transport } from '../../../client/transport/transport.js';
import { eachReply, serverFrame } from '../../../client/wire/server-frames.js';

/** Where the answer to a read stands among the alternatives of Reply. */
const rangeField = 3;

export interface ReadCounts {
  answers: number;
  /** Of these, the ones that a later request of the same stream has overtaken: they had to wait at the member. */
  overtaken: number;
}

export class CountingTransport implements Transport {
  /** By host:port. */
  readonly counts = new Map<string, ReadCounts>();
  readonly #transport = new GrpcTransport();

  connect(address: string): Connection {
    const connection = this.#transport.connect(address);
    const counts = this.counts.get(address) ?? { answers: 0, overtaken: 0 };
    this.counts.set(address, counts);
    return {
      unary: (...call) => connection.unary(...call),
      stream: (method, metadata, handler): Stream => connection.stream(method, metadata, counted(handler, counts)),
      close: () => connection.close(),
    };
  }
}

function counted(handler: StreamHandler, counts: ReadCounts): StreamHandler {
  let newest = 0;
  return {
    onMessage(bytes) {
      if (serverFrame(bytes).kind === 'replies') {
        eachReply(bytes, 0, (number, field) => {
          if (field === rangeField) {
            counts.answers += 1;
            if (number < newest) counts.overtaken += 1;
          }
          newest = Math.max(newest, number);
        });
      }
      handler.onMessage(bytes);
    },
    onEnd: (status) => handler.onEnd(status),
  };
}
