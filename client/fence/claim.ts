/** What a holder shows to whatever its grant guards: the name of the guarded thing and the token. Pure. */
import { QuorateError } from '../core/quorate-error.js';

/** As much of a `Grant` as fencing needs. A service that was sent a token has no more of it than that. */
export interface FencingGrant {
  readonly token: number;
  /** Throws unless the grant is surely held at this moment. */
  assertHeld(): void;
}

export interface Claim {
  /**
   * Of what is guarded; need not be the name of the lock. Whatever is guarded by one name is guarded by tokens of one
   * exclusive lock or election, or of one slot of a semaphore: tokens of two holders at a time would fence each other.
   */
  readonly name: string;
  readonly grant: FencingGrant;
}

/** So that every resource can keep it in an index, byte for byte. */
const NAME_BYTES_MAX = 255;

/** Throws INVALID_ARGUMENT for what could not be told apart from another claim once it is stored. */
export function assertClaim({ name, grant }: Claim): void {
  const bytes = Buffer.from(name);
  if (bytes.length === 0 || bytes.length > NAME_BYTES_MAX) {
    throw new QuorateError('INVALID_ARGUMENT', { detail: `the name of a fence has 1 to ${NAME_BYTES_MAX} bytes` });
  }
  if (name.includes('\0') || bytes.toString() !== name) {
    throw new QuorateError('INVALID_ARGUMENT', { detail: 'the name of a fence is text without NUL' });
  }
  if (!Number.isSafeInteger(grant.token) || grant.token <= 0) {
    throw new QuorateError('INVALID_ARGUMENT', { detail: 'a fencing token is a whole number above 0' });
  }
}

export function fencedOff({ name, grant }: Claim): QuorateError {
  return new QuorateError('FENCED', { detail: `${name}: a newer token than ${grant.token} was here before` });
}
