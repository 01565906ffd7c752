/** What users hold: everything that can be asked of a cluster, and the end of it. */
import type { Caller, CallerStats } from '../calls/caller.js';
import type { Keeper } from '../calls/lease-keeper.js';
import type { MemberStreamOptions } from '../calls/member-stream.js';
import { Barrier } from '../grant/barrier.js';
import type { Election } from '../grant/election.js';
import { Grants } from '../grant/grants.js';
import { Latch } from '../grant/latch.js';
import { LeasePool } from '../grant/lease-pool.js';
import type { Mutex } from '../grant/mutex.js';
import type { RwLock } from '../grant/rw-lock.js';
import type { Semaphore } from '../grant/semaphore.js';
import { backoffMs } from '../core/backoff.js';
import type { Clock } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { KeyRange } from '../wire/key-range.js';
import { Keyspace, type KeyspaceOptions } from './keyspace.js';
import { Kv } from './kv.js';
import { type LeaseEvent, Leases } from './lease.js';
import { pause } from './pause.js';
import { checkRange, type Requests } from './requests.js';
import type { Status, StatusBoard } from './status.js';
import { Txn } from './txn.js';
import { type NewsSource, Watch, type WatchOptions, type WatchPorts } from './watch.js';

/** What a client is made of; connect.ts puts it together. */
export interface ClientParts {
  readonly caller: Caller;
  readonly requests: Requests;
  readonly leaseKeeper: Keeper;
  readonly onLeaseEvent: (event: LeaseEvent) => void;
  readonly openWatch: (range: KeyRange, from: number | undefined, prevKv: boolean) => NewsSource;
  readonly board: StatusBoard;
  readonly clock: Clock;
  readonly random: Random;
  readonly timeoutMs: number;
  /** How `observe` of an election reaches the members. */
  readonly observe: MemberStreamOptions;
  readonly isExactlyOnce: boolean;
  readonly stats: () => CallerStats;
  /** Ends what lies below the caller. */
  readonly end: () => void;
}

export interface ClientStats extends CallerStats {
  /** Leases that are kept alive. */
  readonly leases: number;
  /** The least time that was left of a lease when a renewal of it was answered; Infinity: none was. */
  readonly leaseMarginMsMin: number;
  /** Watches that are open. */
  readonly watches: number;
}

const CLOSE_MS = 5_000;

export class Client implements AsyncDisposable {
  readonly kv: Kv;
  readonly lease: Leases;
  /** Whether the members keep sessions: then no write is ever applied twice, and `session` reads are what they say. */
  readonly isExactlyOnce: boolean;
  readonly #parts: ClientParts;
  readonly #pool: LeasePool;
  readonly #grants: Grants;
  readonly #watches = new Set<Watch>();
  readonly #watchPorts: WatchPorts;
  #closing: Promise<void> | undefined;

  /** @internal Use `connect`. */
  constructor(parts: ClientParts) {
    const { caller, requests, timeoutMs } = parts;
    this.#parts = parts;
    this.isExactlyOnce = parts.isExactlyOnce;
    this.kv = new Kv(caller, requests, parts, timeoutMs);
    this.lease = new Leases(caller, parts.leaseKeeper, parts.clock, parts.onLeaseEvent);
    this.#pool = new LeasePool(this.lease, parts.clock, timeoutMs);
    this.#grants = new Grants({ ...parts, pool: this.#pool, namespace: requests.namespace });
    this.#watchPorts = {
      open: parts.openWatch,
      read: (range, consistency, limit, signal) => this.kv.list(range, { consistency, limit, signal }),
      pause: (failures, signal) => pause(parts.clock, backoffMs(failures, parts.random), signal),
      onBegin: (watch) => {
        this.#watches.add(watch);
        return this.#closing === undefined;
      },
      onOver: (watch) => this.#watches.delete(watch),
    };
  }

  /** Begins a transaction. */
  txn(): Txn {
    return new Txn(this.#parts.caller, this.#parts.requests);
  }

  /** A lock that one holds at a time. Each object is an owner of its own: it is never taken twice through one object. */
  mutex(name: string): Mutex {
    return this.#grants.mutex([name]);
  }

  /** Several mutexes at once, all or none: whoever asks in whatever order, nobody waits in a circle. */
  multiLock(names: readonly string[]): Mutex {
    return this.#grants.mutex(names);
  }

  /** A lock that many hold to read, or one to write. */
  rwLock(name: string): RwLock {
    return this.#grants.rwLock(name);
  }

  /** So many permits. All that use the name must say the same number. */
  semaphore(name: string, { permits }: { readonly permits: number }): Semaphore {
    return this.#grants.semaphore(name, permits);
  }

  /** So many meet before any goes on. */
  barrier(name: string): Barrier {
    const { clock, random, timeoutMs } = this.#parts;
    const watch = this.watch.bind(this);
    return new Barrier({ kv: this.kv, txn: () => this.txn(), watch, pool: this.#pool, clock, random, timeoutMs }, name);
  }

  /** Opens once each participant has counted down. All must name the same ones. */
  latch(name: string, participants: readonly string[]): Latch {
    const watch = this.watch.bind(this);
    return new Latch({ txn: () => this.txn(), watch, clock: this.#parts.clock }, name, participants);
  }

  /** One leader at a time. */
  election(name: string): Election {
    return this.#grants.election(name);
  }

  /** Everything that happens to a key, or to a range of them. Begins when it is iterated; leaving the loop ends it. */
  watch(range: KeyRange, options: WatchOptions = {}): Watch {
    checkRange(range);
    return new Watch(range, options, this.#watchPorts);
  }

  /** The keys below a prefix, with values that fit a schema. */
  keyspace<Input, Output, Key = string>(
    prefix: string,
    options: KeyspaceOptions<Input, Output, Key>,
  ): Keyspace<Input, Output, Key> {
    return new Keyspace(this.kv, (range, watchOptions) => this.watch(range, watchOptions), prefix, options);
  }

  /** What happens to this client from now on, until it is closed or the loop is left. */
  status(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Status> {
    return this.#parts.board.listen(options.signal);
  }

  /** Counts since the beginning, and what is under way now. */
  stats(): Readonly<ClientStats> {
    const { count: leases, marginMsMin: leaseMarginMsMin } = this.lease;
    return { ...this.#parts.stats(), leases, leaseMarginMsMin, watches: this.#watches.size };
  }

  /**
   * Ends the watches and the leases, takes no more calls, lets those that were made finish for at most `timeout` ms
   * (default 5,000), and ends. Safe to call again; never rejects.
   */
  close({ timeout = CLOSE_MS }: { readonly timeout?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(timeout);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    const { caller, clock, board, end } = this.#parts;
    const deadline = clock.now() + timeoutMs;
    for (const watch of this.#watches) watch.close();
    this.#pool.close();
    await this.lease.revokeAll(timeoutMs);
    await caller.close(Math.max(0, deadline - clock.now()));
    end();
    board.close();
  }
}
