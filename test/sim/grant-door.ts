/**
 * The grants of a running member as clients reach them: the same way, and the same checks, as through its other doors, by the
 * member's coordination service; as through a session only where somebody takes a place first and then waits for the grant.
 */
import type {
  AcquireAnswer,
  AttemptPlace,
  DescribeAnswer,
  GrantAnswer,
  GrantMember,
  QueueAnswer,
} from '../../server/node/grant-member.js';
import type { Header, RequestOptions } from '../../server/node/member.js';
import type {
  GrantAcquireCommand,
  GrantForceCommand,
  GrantProclaimCommand,
  GrantReleaseCommand,
} from '../../server/state/command.js';
import type { Call, Door } from './door.js';
import type { ServedGrants } from './served-grants.js';

interface Answer {
  readonly header: Header;
}

export interface GrantTarget
  extends Pick<GrantMember, 'acquire' | 'release' | 'proclaim' | 'force' | 'granted' | 'describe' | 'next'> {
  /** Answers when it is granted, where it may wait. */
  attain: GrantMember['acquire'];
}

export class GrantDoor implements GrantTarget {
  readonly #door: Door;
  readonly #grants: GrantMember;
  readonly #served: ServedGrants;

  constructor(door: Door, grants: GrantMember, served: ServedGrants) {
    this.#door = door;
    this.#grants = grants;
    this.#served = served;
  }

  attain(command: GrantAcquireCommand, options?: RequestOptions): Promise<AcquireAnswer> {
    return this.#call('grantAttain', options, (local) => this.#served.acquire(command, local));
  }

  acquire(command: GrantAcquireCommand, options?: RequestOptions): Promise<AcquireAnswer> {
    return this.#call('grantAcquire', options, (local) => this.#grants.acquire(command, local));
  }

  release(command: GrantReleaseCommand, options?: RequestOptions): Promise<{ header: Header; released: boolean }> {
    return this.#call('grantRelease', options, (local) => this.#served.release(command, local));
  }

  proclaim(command: GrantProclaimCommand, options?: RequestOptions): Promise<Answer> {
    return this.#call('grantProclaim', options, (local) => this.#served.proclaim(command, local));
  }

  force(command: GrantForceCommand, options?: RequestOptions): Promise<Answer> {
    return this.#call('grantForce', options, (local) => this.#served.force(command, local));
  }

  describe(_: undefined, limit: number, options?: RequestOptions): Promise<DescribeAnswer> {
    return this.#call('grantDescribe', options, (local) => this.#served.describe(limit, local));
  }

  /** The header is of this member's own state, which may be behind. */
  granted(place: AttemptPlace, options?: RequestOptions): Promise<GrantAnswer> {
    const make: Call<GrantAnswer>['make'] = (_, local) => this.#grants.granted(place, local);
    return this.#door.call(options, { name: 'granted', isLinearizable: false, make, headerOf: ({ header }) => header });
  }

  next(name: string, change: number, signal: AbortSignal): Promise<QueueAnswer> {
    const make: Call<QueueAnswer>['make'] = (_, local) => this.#served.next(name, change, local.signal);
    return this.#door.call({ signal }, { name: 'grantNext', isLinearizable: false, make, headerOf: () => undefined });
  }

  #call<T extends Answer>(
    name: string,
    options: RequestOptions | undefined,
    make: (local: RequestOptions) => Promise<T>,
  ): Promise<T> {
    return this.#door.call(options, {
      name,
      isLinearizable: true,
      make: (_, local) => make(local),
      headerOf: ({ header }) => header,
    });
  }
}
