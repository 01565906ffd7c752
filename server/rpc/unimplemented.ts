/**
 * Answers UNIMPLEMENTED, naming the RPC, for every method of a known service that nobody serves: a client learns at
 * once that this release does not have it, instead of guessing from a generic refusal.
 */
import type { Server, ServerDuplexStream, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { QuorateError } from '../lib/quorate-error.js';
import { passBytes } from './codec.js';
import { wireStatusOf } from './errors.js';

interface ServiceShape {
  readonly fullName: string;
  readonly methods: Readonly<
    Record<string, { readonly name: string; readonly requestStream: boolean; readonly responseStream: boolean }>
  >;
}

/** To be called after the service's own methods were registered: the first registration of a method stays. */
export function refuseOtherMethods(server: Server, service: ServiceShape): void {
  for (const { name, requestStream, responseStream } of Object.values(service.methods)) {
    const path = `/${service.fullName}/${name}`;
    const refusal = wireStatusOf(new QuorateError('UNIMPLEMENTED', path));
    const refuseUnary = (_: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => {
      callback(refusal);
    };
    const refuseStream = (call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>): void => {
      call.emit('error', refusal);
    };
    if (!responseStream) server.register(path, refuseUnary, passBytes, passBytes, 'unary');
    else server.register(path, refuseStream, passBytes, passBytes, requestStream ? 'bidi' : 'serverStream');
  }
}
