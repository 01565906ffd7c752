/**
 * One client under load, in a process of its own: @quorate/client as it is built, or the etcd3 package from npm. A fixed
 * number of callers, each with a key of its own, call as soon as they were answered. What the process takes of the
 * processor while they do so is all that the client costs: collecting garbage and the callers included.
 *
 * This file is both ends: imported it starts the process, and as that process it serves.
 */
import { fileURLToPath } from 'node:url';
import { connect } from '@quorate/client';
import { Etcd3 } from 'etcd3';
import { percentile } from '../e2e/figures.js';
import type { Program } from '../harness/etcd.js';
import type { Operation } from './contender.js';
import { RemoteProcess, serve } from './remote-process.js';

export interface LoadOptions {
  /** The client is that of the program. */
  readonly program: Program;
  /** host:port of the leader. */
  readonly endpoint: string;
  readonly operation: Operation;
  readonly inFlight: number;
}

/** Of one run. */
export interface SdkResult {
  readonly calls: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the client's process for one call, system time included. */
  readonly clientMicros: number;
}

type Question =
  | { readonly kind: 'open'; readonly options: LoadOptions }
  | { readonly kind: 'run'; readonly seconds: number }
  | { readonly kind: 'close' };

/** Rejects when the answer is not what it must be. */
type Call = (key: string) => Promise<void>;

interface OpenClient {
  readonly calls: Readonly<Record<Operation, Call>>;
  close(): Promise<void>;
}

export const valueBytes = 256;

/** Of one caller; callers are numbered from 0. */
export function keyOf(caller: number): string {
  return `bench/${String(caller).padStart(4, '0')}`;
}

export class SdkLoad {
  readonly #process: RemoteProcess<Question>;

  private constructor(nodeArgs: readonly string[]) {
    this.#process = new RemoteProcess(fileURLToPath(import.meta.url), nodeArgs);
  }

  /** Resolves once the client is connected and every caller's key is there. */
  static async start(options: LoadOptions, nodeArgs: readonly string[]): Promise<SdkLoad> {
    const load = new SdkLoad(nodeArgs);
    try {
      await load.#process.ask<void>({ kind: 'open', options });
    } catch (error) {
      load.#process.end();
      throw error;
    }
    return load;
  }

  run(seconds: number): Promise<SdkResult> {
    return this.#process.ask<SdkResult>({ kind: 'run', seconds });
  }

  /** Closes the client, whose process then ends by itself. */
  end(): Promise<void> {
    return this.#process.ask<void>({ kind: 'close' });
  }
}

async function openQuorate(endpoint: string, value: Buffer): Promise<OpenClient> {
  const client = await connect(endpoint);
  return {
    calls: {
      async put(key) {
        await client.kv.put(key, value);
      },
      async get(key) {
        const found = await client.kv.get(key);
        if (found?.value.length !== valueBytes) throw new Error(`${key} is not as it was written`);
      },
    },
    close: () => client.close(),
  };
}

function openEtcd(endpoint: string, value: Buffer): OpenClient {
  const client = new Etcd3({ hosts: endpoint });
  return {
    calls: {
      async put(key) {
        await client.put(key).value(value);
      },
      async get(key) {
        const found = await client.get(key).buffer();
        if (found?.length !== valueBytes) throw new Error(`${key} is not as it was written`);
      },
    },
    close: async () => client.close(),
  };
}

class Callers {
  readonly #client: OpenClient;
  readonly #call: Call;
  readonly #keys: readonly string[];

  private constructor(client: OpenClient, { operation, inFlight }: LoadOptions) {
    this.#client = client;
    this.#call = client.calls[operation];
    this.#keys = Array.from({ length: inFlight }, (_, caller) => keyOf(caller));
  }

  static async open(options: LoadOptions): Promise<Callers> {
    const { program, endpoint } = options;
    const value = Buffer.alloc(valueBytes, 'v');
    const client = program === 'etcd' ? openEtcd(endpoint, value) : await openQuorate(endpoint, value);
    const callers = new Callers(client, options);
    await Promise.all(callers.#keys.map((key) => client.calls.put(key)));
    return callers;
  }

  async run(seconds: number): Promise<SdkResult> {
    const latencies: number[] = [];
    const before = process.cpuUsage();
    const startedAt = performance.now();
    const until = startedAt + seconds * 1_000;
    await Promise.all(this.#keys.map((key) => this.#callUntil(until, key, latencies)));
    const elapsedMs = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(before);
    const calls = latencies.length;
    return {
      calls,
      perSecond: calls / (elapsedMs / 1_000),
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
      clientMicros: (user + system) / calls,
    };
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #callUntil(until: number, key: string, latencies: number[]): Promise<void> {
    for (let askedAt = performance.now(); askedAt < until; ) {
      await this.#call(key);
      const now = performance.now();
      latencies.push(now - askedAt);
      askedAt = now;
    }
  }
}

function serveCallers(): void {
  let callers: Callers | undefined;
  serve(async (question: Question): Promise<unknown> => {
    if (question.kind === 'open') {
      callers = await Callers.open(question.options);
      return undefined;
    }
    if (callers === undefined) throw new Error('not open');
    if (question.kind === 'run') return callers.run(question.seconds);
    await callers.close();
    setImmediate(() => process.disconnect());
    return undefined;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serveCallers();
