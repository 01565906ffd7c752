/** A lease as an argument: one of this client's, or the id of any. */
import type { LeaseId } from '../core/ids.js';

export type LeaseLike = LeaseId | { readonly id: LeaseId; assertAlive(): void };

/** Throws LEASE_LOST when the client knows that it is too late: what is sent then would only be refused, or worse. */
export function leaseIdOf(lease: LeaseLike | undefined): LeaseId | undefined {
  if (typeof lease !== 'object') return lease;
  lease.assertAlive();
  return lease.id;
}
