/**
 * Clients that take and give back locks, in a process of their own: @quorate/client as it is built, or the etcd3 package from
 * npm. Its lock() does not wait: it takes the lock or fails, so whoever wants it tries again after a moment.
 *
 * This file is both ends: imported it starts the process, and as that process it serves.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '@quorate/client';
import { Etcd3, EtcdLockFailedError } from 'etcd3';
import { percentile } from '../e2e/figures.js';
import type { Program } from '../harness/etcd.js';
import { RemoteProcess, serve } from './remote-process.js';

export interface LockLoadOptions {
  /** The clients are those of the program. */
  readonly program: Program;
  /** host:port of the leader. */
  readonly endpoint: string;
  /** Each with a connection of its own. */
  readonly clients: number;
  /** Of each client: how many locks it takes at a time. */
  readonly lanes: number;
  /** Each lane has one of its own; or all want the same. */
  readonly locks: 'own' | 'one';
}

/** Of one run. */
export interface LockResult {
  /** Times that a lock was taken and given back. */
  readonly cycles: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

type Question =
  | { readonly kind: 'open'; readonly options: LockLoadOptions }
  | { readonly kind: 'run'; readonly seconds: number }
  /** Takes the lock of each lane and keeps it; answers the moment, on the clock that all processes share. */
  | { readonly kind: 'hold'; readonly ttlSeconds: number }
  /** Waits for the lock of each lane; answers the moments at which they were taken. */
  | { readonly kind: 'await'; readonly ttlSeconds: number }
  | { readonly kind: 'close' };

interface LockClient {
  /** Resolves with what gives it back. */
  take(name: string, ttlSeconds: number): Promise<() => Promise<unknown>>;
  close(): Promise<void>;
}

const ttlSeconds = 10;
/** Before the next attempt of a client that was told that the lock is taken. */
const retryMs = 5;
const awaitMs = 60_000;

export class LockLoad {
  readonly #process = new RemoteProcess<Question>(fileURLToPath(import.meta.url));

  static async start(options: LockLoadOptions): Promise<LockLoad> {
    const load = new LockLoad();
    try {
      await load.#process.ask<void>({ kind: 'open', options });
    } catch (error) {
      load.kill();
      throw error;
    }
    return load;
  }

  run(seconds: number): Promise<LockResult> {
    return this.#process.ask<LockResult>({ kind: 'run', seconds });
  }

  hold(ttl: number): Promise<void> {
    return this.#process.ask<void>({ kind: 'hold', ttlSeconds: ttl });
  }

  /** Milliseconds of the machine's monotonic clock. */
  takenAt(ttl: number): Promise<readonly number[]> {
    return this.#process.ask<readonly number[]>({ kind: 'await', ttlSeconds: ttl });
  }

  /** As a crash would. */
  kill(): void {
    this.#process.end('SIGKILL');
  }

  end(): Promise<void> {
    return this.#process.ask<void>({ kind: 'close' });
  }
}

/** Of the machine: the same in every process. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function openQuorate(endpoint: string): Promise<LockClient> {
  const client = await connect(endpoint, { timeout: 30_000 });
  return {
    async take(name, ttl) {
      const lock = await client.mutex(name).acquire({ ttl: ttl * 1_000, timeout: awaitMs });
      return () => lock.release();
    },
    close: () => client.close(),
  };
}

function openEtcd(endpoint: string): LockClient {
  const client = new Etcd3({ hosts: endpoint });
  return {
    async take(name, ttl) {
      for (;;) {
        const lock = client.lock(name).ttl(ttl);
        try {
          await lock.acquire();
          return () => lock.release();
        } catch (error) {
          if (!(error instanceof EtcdLockFailedError)) throw error;
          await delay(retryMs);
        }
      }
    },
    close: async () => client.close(),
  };
}

class Takers {
  readonly #clients: readonly LockClient[];
  readonly #lanes: readonly { readonly client: LockClient; readonly name: string }[];

  private constructor(clients: readonly LockClient[], { lanes, locks }: LockLoadOptions) {
    this.#clients = clients;
    const all = clients.flatMap((client) => Array.from({ length: lanes }, () => client));
    this.#lanes = all.map((client, place) => ({ client, name: locks === 'own' ? `lock-${place}` : 'lock' }));
  }

  static async open(options: LockLoadOptions): Promise<Takers> {
    const { program, endpoint, clients } = options;
    const opened: LockClient[] = [];
    for (let place = 0; place < clients; place += 1) {
      opened.push(program === 'etcd' ? openEtcd(endpoint) : await openQuorate(endpoint));
    }
    return new Takers(opened, options);
  }

  async run(seconds: number): Promise<LockResult> {
    const cyclesMs: number[] = [];
    const startedAt = performance.now();
    const until = startedAt + seconds * 1_000;
    await this.#all(async (client, name) => {
      for (let askedAt = performance.now(); askedAt < until; ) {
        const giveBack = await client.take(name, ttlSeconds);
        await giveBack();
        const now = performance.now();
        cyclesMs.push(now - askedAt);
        askedAt = now;
      }
    });
    const elapsedMs = performance.now() - startedAt;
    return {
      cycles: cyclesMs.length,
      perSecond: cyclesMs.length / (elapsedMs / 1_000),
      p50Ms: percentile(cyclesMs, 0.5),
      p99Ms: percentile(cyclesMs, 0.99),
    };
  }

  async hold(ttl: number): Promise<void> {
    await this.#all((client, name) => client.take(name, ttl));
  }

  async takenAt(ttl: number): Promise<readonly number[]> {
    const taken: number[] = [];
    const givers = await this.#all(async (client, name) => {
      const giveBack = await client.take(name, ttl);
      taken.push(machineMs());
      return giveBack;
    });
    await Promise.all(givers.map((giveBack) => giveBack()));
    return taken;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  #all<Result>(work: (client: LockClient, name: string) => Promise<Result>): Promise<readonly Result[]> {
    return Promise.all(this.#lanes.map(({ client, name }) => work(client, name)));
  }
}

function serveTakers(): void {
  let takers: Takers | undefined;
  serve(async (question: Question): Promise<unknown> => {
    if (question.kind === 'open') {
      takers = await Takers.open(question.options);
      return undefined;
    }
    if (takers === undefined) throw new Error('not open');
    if (question.kind === 'run') return takers.run(question.seconds);
    if (question.kind === 'hold') return takers.hold(question.ttlSeconds);
    if (question.kind === 'await') return takers.takenAt(question.ttlSeconds);
    await takers.close();
    setImmediate(() => process.disconnect());
    return undefined;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serveTakers();
