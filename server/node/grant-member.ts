/**
 * What a door may ask of a member about grants. The same promises as in member.ts. That a grant was given is told from
 * this member's own state, which may be behind: what the state said is so, and whether it still is so only a transaction
 * can tell that requires it.
 */
import type { ByteString } from '../lib/bytes.js';
import type { Clock } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import type {
  GrantAcquireCommand,
  GrantForceCommand,
  GrantProclaimCommand,
  GrantReleaseCommand,
} from '../state/command.js';
import type { GrantEntry } from '../state/grant/grant-entry.js';
import { GRANT_CAPACITY_MAX } from '../state/grant/grant-limits.js';
import type { GrantView } from '../state/grant/grant-table.js';
import { endOf, isSingleKey, type KeyRange } from '../state/mvcc/key-range.js';
import { LINEARIZABLE } from './consistency.js';
import type { Header, RequestOptions } from './member.js';
import type { RaftNode } from './raft-node.js';
import { Requests, resultOf } from './requests.js';

export interface GrantAnswer {
  readonly header: Header;
  /** 0: it waits. */
  readonly token: number;
  readonly slots: readonly number[];
  /** The version of all grants. */
  readonly change: number;
}

export interface AcquireAnswer extends GrantAnswer {
  /** 0: it was not free, and the request did not want to wait. */
  readonly place: number;
}

export interface QueueAnswer {
  readonly name: ByteString;
  readonly change: number;
  /** At most GRANTED_TOLD_MAX. */
  readonly granted: readonly GrantEntry[];
  readonly grantedCount: number;
  /** At most WAITING_TOLD_MAX. */
  readonly waiting: readonly GrantEntry[];
  readonly waitingCount: number;
}

export interface DescribeAnswer {
  readonly header: Header;
  readonly queues: readonly QueueAnswer[];
  readonly more: boolean;
  /** The cluster's time. */
  readonly timeMs: number;
}

export interface AttemptPlace {
  readonly attempt: string;
  readonly name: ByteString;
  /** An older state says nothing about the attempt. */
  readonly change: number;
  /** Only its end is of interest. */
  readonly untilLost: boolean;
}

/** As many as a limited capacity has room for. */
export const GRANTED_TOLD_MAX = GRANT_CAPACITY_MAX;
export const WAITING_TOLD_MAX = 100;
export const DESCRIBE_NAMES_MAX = 1_000;
/** Characters of what an operator says about it. */
export const FORCE_REASON_MAX = 4_096;

export interface GrantMember {
  /** LEASE_NOT_FOUND, INVALID_GRANT, GRANT_OWNED, TOO_MANY_GRANTS. */
  acquire(command: GrantAcquireCommand, options?: RequestOptions): Promise<AcquireAnswer>;
  /** GRANT_NOT_FOUND where who is to come next does not wait. */
  release(command: GrantReleaseCommand, options?: RequestOptions): Promise<{ header: Header; released: boolean }>;
  /** GRANT_NOT_FOUND. */
  proclaim(command: GrantProclaimCommand, options?: RequestOptions): Promise<{ header: Header }>;
  /** GRANT_NOT_FOUND. */
  force(command: GrantForceCommand, options?: RequestOptions): Promise<{ header: Header }>;
  /** Resolves once it is granted, or at the deadline as it stands. GRANT_NOT_FOUND: it is lost, or was given up. */
  granted(place: AttemptPlace, options?: RequestOptions): Promise<GrantAnswer>;
  /** At most DESCRIBE_NAMES_MAX names; `range` undefined: of all. */
  describe(range: KeyRange | undefined, limit: number, options?: RequestOptions): Promise<DescribeAnswer>;
  /** The state of a name that is newer than `change`, as soon as there is one; what `signal` was aborted with. */
  next(name: ByteString, change: number, signal: AbortSignal): Promise<QueueAnswer>;
  readonly timeMs: number;
  header(): Header;
}

export interface GrantMemberParts {
  readonly node: RaftNode;
  readonly clock: Clock;
  readonly clusterId: bigint;
}

export class NodeGrantMember implements GrantMember {
  readonly #node: RaftNode;
  readonly #clock: Clock;
  readonly #requests: Requests;

  constructor({ node, clock, clusterId }: GrantMemberParts) {
    this.#node = node;
    this.#clock = clock;
    this.#requests = new Requests(node, clock, clusterId);
  }

  get timeMs(): number {
    return this.#node.machine.sessions.timeMs;
  }

  header(): Header {
    return this.#requests.header(this.#node.machine.revision);
  }

  acquire(command: GrantAcquireCommand, options?: RequestOptions): Promise<AcquireAnswer> {
    return this.#requests.propose(command, options, (applied) => {
      const { place, token, slots, change } = resultOf(applied, 'grantAcquire');
      return { header: this.#requests.header(applied.revision), place, token, slots, change };
    });
  }

  release(command: GrantReleaseCommand, options?: RequestOptions): Promise<{ header: Header; released: boolean }> {
    return this.#requests.propose(command, options, (applied) => {
      const { released } = resultOf(applied, 'grantRelease');
      return { header: this.#requests.header(applied.revision), released };
    });
  }

  proclaim(command: GrantProclaimCommand, options?: RequestOptions): Promise<{ header: Header }> {
    return this.#requests.propose(command, options, ({ revision }) => ({ header: this.#requests.header(revision) }));
  }

  force(command: GrantForceCommand, options?: RequestOptions): Promise<{ header: Header }> {
    return this.#requests.propose(command, options, ({ revision }) => ({ header: this.#requests.header(revision) }));
  }

  granted({ attempt, name, change, untilLost }: AttemptPlace, options?: RequestOptions): Promise<GrantAnswer> {
    const deadline = this.#requests.deadline(options);
    const look = (): GrantAnswer | undefined => {
      const { grants } = this.#node.machine;
      if (!this.#isFresh(change)) return undefined;
      const entry = grants.find(attempt);
      if (entry === undefined) throw new QuorateError('GRANT_NOT_FOUND', `attempt ${attempt} is lost or was given up`);
      return entry.token === 0 || untilLost ? undefined : this.#grantAnswer(entry);
    };
    const late = (): GrantAnswer =>
      this.#grantAnswer(this.#node.machine.grants.find(attempt) ?? { token: 0, slots: [] });
    return this.#until(name, look, options?.signal, { at: deadline, late });
  }

  describe(range: KeyRange | undefined, limit: number, options?: RequestOptions): Promise<DescribeAnswer> {
    return this.#requests.read(LINEARIZABLE, options, () => {
      const max = Math.min(limit, DESCRIBE_NAMES_MAX);
      // One more than is told says whether there are more.
      const names = namesIn(this.#node.machine.grants, range, max + 1);
      const told = names.slice(0, max);
      const queues = told.map((name) => this.#queueAnswer(name));
      return { header: this.header(), queues, more: names.length > told.length, timeMs: this.timeMs };
    });
  }

  next(name: ByteString, change: number, signal: AbortSignal): Promise<QueueAnswer> {
    const look = (): QueueAnswer | undefined => (this.#isFresh(change + 1) ? this.#queueAnswer(name) : undefined);
    return this.#until(name, look, signal);
  }

  /** Of a state that is being replaced nothing is told. */
  #isFresh(change: number): boolean {
    return this.#node.isServing && this.#node.machine.grants.clock.changes >= change;
  }

  /** Looks now, and whenever the name has changed. */
  #until<T>(
    name: ByteString,
    look: () => T | undefined,
    signal: AbortSignal | undefined,
    end?: { readonly at: number; readonly late: () => T },
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const cleanUps: (() => void)[] = [];
      const settle = (work: () => T | undefined): void => {
        try {
          const found = work();
          if (found === undefined) return;
          resolve(found);
        } catch (error) {
          reject(error);
        }
        for (const cleanUp of cleanUps) cleanUp();
      };
      const giveUp = (): void =>
        settle(() => {
          throw signal?.reason ?? new QuorateError('CANCELED');
        });
      if (signal?.aborted === true) {
        giveUp();
        return;
      }
      cleanUps.push(this.#node.grantListeners.add(name, () => settle(look)));
      signal?.addEventListener('abort', giveUp, { once: true });
      cleanUps.push(() => signal?.removeEventListener('abort', giveUp));
      if (end !== undefined) {
        const timer = this.#clock.setTimer(() => settle(end.late), Math.max(0, end.at - this.#clock.now()));
        cleanUps.push(() => timer.cancel());
      }
      settle(look);
    });
  }

  #grantAnswer({ token, slots }: Pick<GrantEntry, 'token' | 'slots'>): GrantAnswer {
    return { header: this.header(), token, slots, change: this.#node.machine.grants.clock.changes };
  }

  #queueAnswer(name: ByteString): QueueAnswer {
    const { grants } = this.#node.machine;
    const queue = grants.queue(name);
    const waiting = queue?.waiting ?? [];
    const granted = queue?.granted ?? [];
    return {
      name,
      change: grants.clock.changes,
      granted: granted.slice(0, GRANTED_TOLD_MAX),
      grantedCount: granted.length,
      waiting: waiting.slice(0, WAITING_TOLD_MAX),
      waitingCount: waiting.length,
    };
  }
}

function namesIn(grants: GrantView, range: KeyRange | undefined, max: number): readonly ByteString[] {
  if (range === undefined) return grants.names('', undefined, max);
  return isSingleKey(range) ? [range.key] : grants.names(range.key, endOf(range), max);
}
