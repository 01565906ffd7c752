/** A token on its way to a service, and the service's door. What `Fencing-Token: NAME;TOKEN` means stands here alone. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { isQuorateError, QuorateError } from '../core/quorate-error.js';
import { assertClaim, type Claim } from './claim.js';

const HEADER = 'Fencing-Token';

/** For `fetch`: `{ headers: { ...fencingHeader({ name, grant }) } }`. Throws unless the grant is surely held now. */
export function fencingHeader(claim: Claim): { readonly 'Fencing-Token': string } {
  assertClaim(claim);
  claim.grant.assertHeld();
  return { [HEADER]: `${encodeURIComponent(claim.name).replaceAll('%2F', '/')};${claim.grant.token}` };
}

/**
 * The claim that came with a request, for the thing that the service itself knows as `name`. INVALID_ARGUMENT: there is
 * none, it cannot be read, or it is for something else; tokens of another lock say nothing here.
 */
export function claimOf(headers: IncomingHttpHeaders, name: string): Claim {
  const value = headers[HEADER.toLowerCase()];
  const [, encoded = '', digits = ''] =
    /^([^;,\s]+);([1-9]\d{0,15})$/.exec(typeof value === 'string' ? value : '') ?? [];
  // Whoever sent it has asserted; a service can only compare.
  const claim: Claim = { name, grant: { token: Number(digits), assertHeld: () => undefined } };
  if (decoded(encoded) !== name) {
    throw new QuorateError('INVALID_ARGUMENT', { detail: `the request needs ${HEADER}: NAME;TOKEN for ${name}` });
  }
  assertClaim(claim);
  return claim;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** 409 for FENCED, 400 for INVALID_ARGUMENT; undefined: the error is none of fencing's. */
export function fenceStatus(error: unknown): 400 | 409 | undefined {
  if (isQuorateError(error, 'FENCED')) return 409;
  if (isQuorateError(error, 'INVALID_ARGUMENT')) return 400;
  return undefined;
}

export interface FenceOptions {
  /** What the request is about to touch. */
  readonly name: string | ((request: IncomingMessage) => string);
  /** Raises the mark in a store of the service's own, or throws FENCED: `(claim) => fenced(pool, claim, async () => {})`. */
  readonly claim: (claim: Claim) => Promise<unknown>;
}

const claims = new WeakMap<IncomingMessage, Claim>();

/**
 * A door for requests, as express, connect and plain `node:http` take it. Answers 409 below the mark and 400 without a
 * token that can be read, and lets all others pass once the mark is raised. What fails otherwise goes to `next`.
 *
 * A request that has passed may be overtaken while it is served: it must write by `fenced(pool, requestClaim(request),
 * ...)`, which looks again.
 */
export function fenceRequests(
  options: FenceOptions,
): (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void {
  const pass = async (request: IncomingMessage): Promise<void> => {
    const name = typeof options.name === 'string' ? options.name : options.name(request);
    const claim = claimOf(request.headers, name);
    await options.claim(claim);
    claims.set(request, claim);
  };
  return (request, response, next) => {
    pass(request).then(
      () => next(),
      (error: unknown) => {
        const status = fenceStatus(error);
        if (status === undefined || !isQuorateError(error)) return next(error);
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ code: error.code, detail: error.detail }));
      },
    );
  };
}

/** The claim with which a request has passed `fenceRequests`. */
export function requestClaim(request: IncomingMessage): Claim {
  const claim = claims.get(request);
  if (claim === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', { detail: 'the request has not passed fenceRequests()' });
  }
  return claim;
}
