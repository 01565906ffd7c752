/** What carries calls to the services: grpc-js, Node's HTTP/2 itself, or nothing but memory. */
import type { Server } from '@grpc/grpc-js';
import type { ServeUnary } from './unary-call.js';

/** Every method of a service is registered here; see Server.register of grpc-js. */
export type Carrier = Pick<Server, 'register'>;

/** Carries plain unary calls, of methods that `Carrier` carries too. */
export interface UnaryCarrier {
  /** `path`: /package.Service/Method. */
  serve(path: string, serve: ServeUnary): void;
}
