/** What the doors may ask of a member about leases. The same promises as in member.ts. Times are whole seconds here. */
import type { Clock } from '../lib/clock.js';
import { type ByteString, compareBigints } from '../lib/bytes.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Random } from '../lib/random.js';
import type { LogIndex } from '../raft/types.js';
import type { LeaseGrantCommand } from '../state/command.js';
import { LEASE_TTL_MS_MAX } from '../state/lease/lease-commands.js';
import { SlicedSort } from '../state/mvcc/sliced-sort.js';
import { LINEARIZABLE, SERIALIZABLE } from './consistency.js';
import type { LeaseTime } from './lease-keeper.js';
import { LIMITS } from './limits.js';
import type { Header, RequestOptions } from './member.js';
import type { RaftNode } from './raft-node.js';
import { Requests, resultOf } from './requests.js';

export interface LeaseGrantAnswer {
  readonly header: Header;
  readonly id: bigint;
  readonly ttl: bigint;
}

export interface LeaseKeepAliveAnswer {
  /** Taken before the time was started anew. */
  readonly header: Header;
  readonly id: bigint;
  /** As granted; 0n: there is no such lease. */
  readonly ttl: bigint;
}

export interface LeaseTimeToLiveAnswer {
  readonly header: Header;
  readonly id: bigint;
  /** What is left, rounded down; -1n: there is no such lease. */
  readonly ttl: bigint;
  /** 0n: there is no such lease. */
  readonly grantedTtl: bigint;
  /** In byte order; empty unless they were asked for. */
  readonly keys: readonly ByteString[];
}

export interface LeaseListAnswer {
  readonly header: Header;
  /** What ends first comes first, as far as this member knows: only the leader counts the time. */
  readonly ids: readonly bigint[];
}

export interface LeaseMember {
  /** `id` 0n: the member chooses. A ttl below the least one is raised to it; LEASE_TTL_TOO_LARGE, LEASE_EXISTS. */
  grant(request: { readonly id: bigint; readonly ttl: bigint }, options?: RequestOptions): Promise<LeaseGrantAnswer>;
  /** LEASE_NOT_FOUND. */
  revoke(id: bigint, options?: RequestOptions): Promise<{ readonly header: Header }>;
  /** NO_LEADER, or TIMEOUT when the leader cannot confirm that it is one. */
  keepAlive(id: bigint, options?: RequestOptions): Promise<LeaseKeepAliveAnswer>;
  timeToLive(
    request: { readonly id: bigint; readonly keys: boolean },
    options?: RequestOptions,
  ): Promise<LeaseTimeToLiveAnswer>;
  /** From this member's own state. */
  leases(options?: RequestOptions): Promise<LeaseListAnswer>;
}

/** A chosen id that is taken is a strange chance; twice is a broken source of randomness. */
const GRANT_ATTEMPTS = 3;
const SECOND_MS = 1000;
const TTL_MAX = BigInt(LEASE_TTL_MS_MAX / SECOND_MS);
/** A lease must outlive an election, and a little more: in election timeouts, as in etcd. */
const TTL_MIN_ELECTIONS = 1.5;

export interface LeaseMemberParts {
  readonly node: RaftNode;
  readonly clock: Clock;
  readonly random: Random;
  readonly clusterId: bigint;
  readonly electionMs: number;
}

export class NodeLeaseMember implements LeaseMember {
  readonly #parts: LeaseMemberParts;
  readonly #requests: Requests;
  readonly #ttlMin: bigint;

  constructor(parts: LeaseMemberParts) {
    this.#parts = parts;
    this.#requests = new Requests(parts.node, parts.clock, parts.clusterId);
    this.#ttlMin = BigInt(Math.ceil((TTL_MIN_ELECTIONS * parts.electionMs) / SECOND_MS));
  }

  async grant({ id, ttl }: { id: bigint; ttl: bigint }, options?: RequestOptions): Promise<LeaseGrantAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#grant(this.grantCommand({ id, ttl }), options);
      } catch (error) {
        const isClash = error instanceof QuorateError && error.code === 'LEASE_EXISTS';
        if (id !== 0n || !isClash || attempt === GRANT_ATTEMPTS) throw error;
      }
    }
  }

  /** What grant() proposes. */
  grantCommand({ id, ttl }: { id: bigint; ttl: bigint }): LeaseGrantCommand {
    if (ttl > TTL_MAX) throw new QuorateError('LEASE_TTL_TOO_LARGE', `${ttl} s, at most ${TTL_MAX}`);
    const granted = ttl < this.#ttlMin ? this.#ttlMin : ttl;
    return { kind: 'leaseGrant', id: id === 0n ? this.#randomId() : id, ttlMs: Number(granted) * SECOND_MS };
  }

  revoke(id: bigint, options?: RequestOptions): Promise<{ header: Header }> {
    return this.#requests.propose({ kind: 'leaseRevoke', id }, options, (applied) => {
      resultOf(applied, 'leaseRevoke');
      return { header: this.#requests.header(applied.revision) };
    });
  }

  async keepAlive(id: bigint, options?: RequestOptions): Promise<LeaseKeepAliveAnswer> {
    const header = this.#headerNow();
    const { ttlMs } = await this.#ask(id, true, options);
    return { header, id, ttl: seconds(ttlMs) };
  }

  async timeToLive(
    { id, keys }: { id: bigint; keys: boolean },
    options?: RequestOptions,
  ): Promise<LeaseTimeToLiveAnswer> {
    const within = { ...options, deadline: this.#requests.deadline(options) };
    for (;;) {
      const before = this.#grantOf(id);
      const { ttlMs, leftMs } = await this.#ask(id, false, within);
      if (ttlMs === 0) return this.#noLease(id);
      const time = { id, ttl: seconds(leftMs), grantedTtl: seconds(ttlMs) };
      if (!keys) return { header: this.#headerNow(), ...time, keys: [] };
      // The keys are this member's own, as of now or later; by then the id may name another lease than the leader told of.
      const answer = await this.#requests.read(LINEARIZABLE, within, () => {
        const grant = this.#grantOf(id);
        if (grant === undefined) return this.#noLease(id);
        if (grant !== before) return undefined;
        return { header: this.#headerNow(), ...time, keys: this.#parts.node.machine.leases.keysOf(id) };
      });
      if (answer !== undefined) return answer;
    }
  }

  leases(options?: RequestOptions): Promise<LeaseListAnswer> {
    return this.#requests.read(SERIALIZABLE, options, () => this.#list());
  }

  async #list(): Promise<LeaseListAnswer> {
    const { node, clock } = this.#parts;
    const header = this.#headerNow();
    const leases = [...node.machine.leases.all()].map(({ id, ttlMs, remainingMs }) => {
      return { id, endsAt: node.leaseDeadline(id) ?? (remainingMs || ttlMs) };
    });
    const sort = new SlicedSort(leases, (a, b) => a.endsAt - b.endsAt || compareBigints(a.id, b.id), leases.length);
    for (;;) {
      const sorted = sort.step(LIMITS.leaseSlice);
      if (sorted !== undefined) return { header, ids: sorted.map(({ id }) => id) };
      await new Promise<void>((resolve) => clock.defer(resolve));
    }
  }

  #grant(command: LeaseGrantCommand, options: RequestOptions | undefined): Promise<LeaseGrantAnswer> {
    return this.#requests.propose(command, options, (applied) => {
      const { id, ttlMs } = resultOf(applied, 'leaseGrant');
      return { header: this.#requests.header(applied.revision), id, ttl: seconds(ttlMs) };
    });
  }

  #ask(id: bigint, renew: boolean, options: RequestOptions | undefined): Promise<LeaseTime> {
    const deadline = this.#requests.deadline(options);
    return new Promise((resolve, reject) => {
      this.#parts.node.askLease({ id, renew }, deadline, { answered: resolve, failed: reject });
    });
  }

  /** Which lease the id names here. */
  #grantOf(id: bigint): LogIndex | undefined {
    return this.#parts.node.machine.leases.get(id)?.grantedIndex;
  }

  #noLease(id: bigint): LeaseTimeToLiveAnswer {
    return { header: this.#headerNow(), id, ttl: -1n, grantedTtl: 0n, keys: [] };
  }

  #headerNow(): Header {
    return this.#requests.header(this.#parts.node.machine.revision);
  }

  /** Positive, 63 bits. */
  #randomId(): bigint {
    const { random } = this.#parts;
    const id = (BigInt(random.below(2 ** 31)) << 32n) | BigInt(random.below(2 ** 32));
    return id === 0n ? 1n : id;
  }
}

export function seconds(ms: number): bigint {
  return BigInt(Math.floor(ms / SECOND_MS));
}
