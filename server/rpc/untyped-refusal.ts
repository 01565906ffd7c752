/**
 * etcd's lock and election services answer what the caller did wrong with the status UNKNOWN, whatever the other services
 * say to the same: their clients know the errors by their texts.
 */
import { QuorateError } from '../lib/quorate-error.js';
import type { UnaryHandler } from './unary-calls.js';
import { UntypedRefusal } from './errors.js';

const untypedCodes: ReadonlySet<string> = new Set(['EMPTY_KEY', 'LEASE_NOT_FOUND', 'REQUEST_TOO_LARGE']);

export function untyped<Request, Response>(handler: UnaryHandler<Request, Response>): UnaryHandler<Request, Response> {
  return async (request, context) => {
    try {
      return await handler(request, context);
    } catch (error) {
      throw error instanceof QuorateError && untypedCodes.has(error.code) ? new UntypedRefusal(error) : error;
    }
  };
}
