/** The leases of a running member as clients reach them: the same way, and the same checks, as through its other door. */
import type {
  LeaseGrantAnswer,
  LeaseKeepAliveAnswer,
  LeaseListAnswer,
  LeaseMember,
  LeaseTimeToLiveAnswer,
} from '../../server/node/lease-member.js';
import type { Header, RequestOptions } from '../../server/node/member.js';
import type { Door } from './door.js';

const headerOf = ({ header }: { readonly header: Header }): Header => header;

export interface LeaseDoorParts {
  readonly door: Door;
  readonly leases: LeaseMember;
  /** A client's wish to renew a lease is with the member from now on; the function is called when it is not any more. */
  readonly renewing: (id: bigint) => () => void;
}

export class LeaseDoor implements LeaseMember {
  readonly #parts: LeaseDoorParts;

  constructor(parts: LeaseDoorParts) {
    this.#parts = parts;
  }

  grant(request: { id: bigint; ttl: bigint }, options?: RequestOptions): Promise<LeaseGrantAnswer> {
    const { door, leases } = this.#parts;
    const make = (_: unknown, local: RequestOptions): Promise<LeaseGrantAnswer> => leases.grant(request, local);
    return door.call(options, { name: 'leaseGrant', isLinearizable: true, make, headerOf });
  }

  revoke(id: bigint, options?: RequestOptions): Promise<{ readonly header: Header }> {
    const { door, leases } = this.#parts;
    const make = (_: unknown, local: RequestOptions): Promise<{ header: Header }> => leases.revoke(id, local);
    return door.call(options, { name: 'leaseRevoke', isLinearizable: true, make, headerOf });
  }

  /** The header is of before the answer, and of this member. */
  keepAlive(id: bigint, options?: RequestOptions): Promise<LeaseKeepAliveAnswer> {
    const { door, leases, renewing } = this.#parts;
    const make = async (_: unknown, local: RequestOptions): Promise<LeaseKeepAliveAnswer> => {
      const renewed = renewing(id);
      try {
        return await leases.keepAlive(id, local);
      } finally {
        renewed();
      }
    };
    return door.call(options, { name: 'leaseKeepAlive', isLinearizable: false, make, headerOf });
  }

  timeToLive(
    request: { readonly id: bigint; readonly keys: boolean },
    options?: RequestOptions,
  ): Promise<LeaseTimeToLiveAnswer> {
    const { door, leases } = this.#parts;
    const make = (_: unknown, local: RequestOptions): Promise<LeaseTimeToLiveAnswer> =>
      leases.timeToLive(request, local);
    // What the leader says of the time shows in no revision; the keys are read here, and are never of the past.
    return door.call(options, { name: 'leaseTimeToLive', isLinearizable: false, make, headerOf });
  }

  leases(options?: RequestOptions): Promise<LeaseListAnswer> {
    const { door, leases } = this.#parts;
    const make = (_: unknown, local: RequestOptions): Promise<LeaseListAnswer> => leases.leases(local);
    return door.call(options, { name: 'leases', isLinearizable: false, make, headerOf });
  }
}
