/**
 * The grants of a member, and whoever waits there for one: after every step all those are gone whom the member's own state has
 * something to tell.
 */
import type { Header, RequestOptions } from '../../server/node/member.js';
import type {
  AcquireAnswer,
  AttemptPlace,
  DescribeAnswer,
  GrantAnswer,
  GrantMember,
  QueueAnswer,
} from '../../server/node/grant-member.js';
import type { RaftNode } from '../../server/node/raft-node.js';
import type {
  GrantAcquireCommand,
  GrantForceCommand,
  GrantProclaimCommand,
  GrantReleaseCommand,
} from '../../server/state/command.js';
import type { KeyRange } from '../../server/state/mvcc/key-range.js';
import type { Report } from './check-report.js';
import type { GrantRecords } from './workload-ports.js';

export interface GrantWaitsParts {
  readonly node: RaftNode;
  readonly grants: GrantMember;
  readonly records: Pick<GrantRecords, 'stateAt'>;
  readonly report: Report;
}

export class GrantWaits implements GrantMember {
  readonly #parts: GrantWaitsParts;
  /** Each says what it should have been told by now; undefined: nothing. */
  readonly #open = new Set<() => string | undefined>();

  constructor(parts: GrantWaitsParts) {
    this.#parts = parts;
  }

  /** Between two steps, when all that follows from one has happened. */
  check(): void {
    const { node, report } = this.#parts;
    if (this.#open.size === 0 || !node.isServing) return;
    for (const missed of this.#open) {
      const what = missed();
      if (what !== undefined) report('grant-wakes', `m${node.id} keeps ${what}`);
    }
  }

  acquire(command: GrantAcquireCommand, options?: RequestOptions): Promise<AcquireAnswer> {
    return this.#parts.grants.acquire(command, options);
  }
  release(command: GrantReleaseCommand, options?: RequestOptions): Promise<{ header: Header; released: boolean }> {
    return this.#parts.grants.release(command, options);
  }
  proclaim(command: GrantProclaimCommand, options?: RequestOptions): Promise<{ header: Header }> {
    return this.#parts.grants.proclaim(command, options);
  }
  force(command: GrantForceCommand, options?: RequestOptions): Promise<{ header: Header }> {
    return this.#parts.grants.force(command, options);
  }
  describe(range: KeyRange | undefined, limit: number, options?: RequestOptions): Promise<DescribeAnswer> {
    return this.#parts.grants.describe(range, limit, options);
  }
  header(): Header {
    return this.#parts.grants.header();
  }
  get timeMs(): number {
    return this.#parts.grants.timeMs;
  }

  granted(place: AttemptPlace, options?: RequestOptions): Promise<GrantAnswer> {
    const { attempt, change, untilLost } = place;
    return this.#during(this.#parts.grants.granted(place, options), () => {
      const { grants } = this.#parts.node.machine;
      if (grants.clock.changes < change) return undefined;
      const entry = grants.find(attempt);
      if (entry === undefined) return `${attempt} waiting, which is gone`;
      return entry.token === 0 || untilLost ? undefined : `${attempt} waiting, which has token ${entry.token}`;
    });
  }

  next(name: string, change: number, signal: AbortSignal): Promise<QueueAnswer> {
    return this.#during(this.#parts.grants.next(name, change, signal), () => {
      const { changes } = this.#parts.node.machine.grants.clock;
      const { change: last } = this.#parts.records.stateAt(name, changes);
      return last > change ? `an observer of ${name} at change ${change}, and shows ${last}` : undefined;
    });
  }

  async #during<T>(wait: Promise<T>, missed: () => string | undefined): Promise<T> {
    this.#open.add(missed);
    try {
      return await wait;
    } finally {
      this.#open.delete(missed);
    }
  }
}
