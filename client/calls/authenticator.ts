/** Keeps the token of a user: fetched with name and password, and again when it is no good any more. */
import type { MemberRotation } from '../core/member-rotation.js';
import { QuorateError } from '../core/quorate-error.js';
import { AuthenticateRequest, AuthenticateResponse } from '../wire/auth-wire.js';
import type { Connection, Metadata } from '../transport/transport.js';
import { faultOf } from './call-faults.js';
import type { Tokens } from './unary-caller.js';

const METHOD = '/etcdserverpb.Auth/Authenticate';
const ATTEMPT_MS = 3_000;
const ATTEMPTS_MAX = 6;

/** Who asks, where the members want to know. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Of a client without credentials. */
export const noTokens: Tokens = {
  metadata: () => ({}),
  refresh: () => Promise.reject(new QuorateError('AUTHENTICATION_FAILED', { detail: 'the client has no credentials' })),
};

export class Authenticator implements Tokens {
  readonly #credentials: Credentials;
  readonly #rotation: MemberRotation;
  readonly #connectionTo: (address: string) => Connection;
  #metadata: Metadata = {};
  #refreshing: Promise<void> | undefined;

  constructor(credentials: Credentials, rotation: MemberRotation, connectionTo: (address: string) => Connection) {
    this.#credentials = credentials;
    this.#rotation = rotation;
    this.#connectionTo = connectionTo;
  }

  metadata(): Metadata {
    return this.#metadata;
  }

  /** One request, however many calls need a new token. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#fetch().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #fetch(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const member = this.#rotation.current;
      const result = await this.#ask(member);
      if (typeof result === 'string') {
        this.#metadata = { token: result };
        return;
      }
      if (result.isOfMember) this.#rotation.failed(member);
      // A cluster without authentication takes everybody.
      if (result.code === 'AUTH_NOT_ENABLED') return;
      if (!result.retryable || attempt >= ATTEMPTS_MAX) {
        throw new QuorateError(result.code, { outcome: 'notApplied', detail: result.detail, member });
      }
    }
  }

  #ask(member: string): Promise<string | ReturnType<typeof faultOf>> {
    const { user: name, password } = this.#credentials;
    return new Promise((resolve) => {
      const body = AuthenticateRequest.encode({ name, password }).finish();
      this.#connectionTo(member).unary(METHOD, body, { timeoutMs: ATTEMPT_MS }, (status, answer) => {
        if (status.name === 'OK' && answer !== undefined) resolve(AuthenticateResponse.decode(answer).token);
        else resolve(faultOf(status));
      });
    });
  }
}
