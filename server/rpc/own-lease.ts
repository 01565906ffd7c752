/** Callers of the lock and election services may leave the lease to the server. */
import { QuorateError } from '../lib/quorate-error.js';

export interface OwnLeases {
  grant(request: { readonly id: bigint; readonly ttl: bigint }): Promise<{ readonly id: bigint }>;
  revoke(id: bigint): Promise<unknown>;
}

/** As in etcd. Nobody keeps it alive but the caller, who can read its id off the key. */
const ownLeaseSeconds = 60n;

/** Runs `work` under `lease`, or under one of its own if that is 0n, which does not outlive a failure. */
export async function withLease<T>(leases: OwnLeases, lease: bigint, work: (lease: bigint) => Promise<T>): Promise<T> {
  if (lease !== 0n) return work(lease);
  const { id } = await leases.grant({ id: 0n, ttl: ownLeaseSeconds });
  try {
    return await work(id);
  } catch (error) {
    leases.revoke(id).catch((failure: unknown) => {
      // It ends by itself then.
      if (!(failure instanceof QuorateError)) throw failure;
    });
    throw error;
  }
}
