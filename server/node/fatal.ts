/** Why a node stopped by itself. */
import { InvariantError } from '../lib/assert.js';

export interface Fatal {
  readonly cause: 'storage' | 'invariant';
  readonly error: unknown;
}

/** What comes back from the disk may also be a rule of ours that was broken on the way there. */
export function diskFailure(error: unknown): Fatal {
  return { cause: error instanceof InvariantError ? 'invariant' : 'storage', error };
}
