/** quorate.v1.Session over gRPC: carries frames, and knows nothing of what they say. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { SessionDefinition } from '@quorate/proto/quorate/v1/session.js';
import type { Carrier } from './carrier.js';
import { passBytes } from './codec.js';
import type { SessionSource } from './session-port.js';

export function serveSessions(server: Carrier, source: SessionSource): void {
  const { name } = SessionDefinition.methods.exchange;
  const serve = (call: ServerDuplexStream<Buffer, Buffer>): void => {
    const exchange = source.open({
      write: (frame) => call.write(frame),
      pause: () => call.pause(),
      resume: () => call.resume(),
      end: () => call.end(),
    });
    call.on('data', (frame: Buffer) => exchange.receive(frame));
    call.on('end', () => exchange.halfClosed());
    call.on('drain', () => exchange.drained());
    // Emitted whenever the stream closes.
    call.on('cancelled', () => exchange.close());
    call.on('error', () => exchange.close());
  };
  server.register(`/${SessionDefinition.fullName}/${name}`, serve, passBytes, passBytes, 'bidi');
}
