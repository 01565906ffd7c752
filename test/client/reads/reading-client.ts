/**
 * A client that writes its own keys and reads everybody's, many reads at a time, of two kinds: `session`, and now and then
 * `serializable`, so that both are asked of the same members at the same moment. Counts the promises that each broke.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, isQuorateError } from '../../../client/index.js';
import type { Random } from '../../../server/lib/random.js';
import { type BrokenPromise, brokenPromises, SeenState } from './seen-state.js';

export const readKinds = ['session', 'serializable'] as const;
export type ReadKind = (typeof readKinds)[number];

export type Broken = Record<BrokenPromise, number>;

/** Of each client; each writes two keys of its own, one write after the other. */
const writersPerClient = 4;
const keysPerClient = 2 * writersPerClient;
/** One read in so many is of what was just written. */
const ownEvery = 4;
const batchSize = 64;
const batches = 4;
const serializableEvery = 8;
/** Between two writes. */
const writePauseMsMax = 10;
/** Longer than any member is away. */
const timeoutMs = 120_000;

export interface ReadingOptions {
  readonly client: Client;
  readonly number: number;
  readonly clients: number;
  readonly random: Random;
  readonly isOver: () => boolean;
}

export class ReadingClient {
  readonly reads: Record<ReadKind, number> = { session: 0, serializable: 0 };
  readonly broken: Record<ReadKind, Broken> = { session: nothingBroken(), serializable: nothingBroken() };
  /** The first few of what no session read may do. */
  readonly examples: string[] = [];
  /** Acknowledged. */
  writes = 0;
  readonly #options: ReadingOptions;
  readonly #state: SeenState;
  #turn = 0;
  #lastWritten = 0;

  constructor(options: ReadingOptions) {
    this.#options = options;
    this.#state = new SeenState(options.clients * keysPerClient);
  }

  /** Resolves when everything has been answered. */
  async run(): Promise<void> {
    const reading = Array.from({ length: batches }, async () => {
      while (!this.#options.isOver()) await Promise.all(Array.from({ length: batchSize }, () => this.#read()));
    });
    const writing = Array.from({ length: writersPerClient }, (_, writer) => this.#write(writer));
    await Promise.all([...writing, ...reading]);
  }

  async #write(writer: number): Promise<void> {
    const { client, number, random, isOver } = this.#options;
    for (let count = 1; !isOver(); count += 1) {
      const key = number * keysPerClient + 2 * writer + random.below(2);
      try {
        const { revision } = await client.kv.put(nameOf(key), String(count), { timeout: timeoutMs });
        this.#state.wrote(key, revision);
        this.writes += 1;
        this.#lastWritten = key;
      } catch (error) {
        // What became of it nobody knows: it is not held against any read.
        if (!isQuorateError(error) || error.outcome !== 'unknown') throw error;
      }
      await delay(random.below(writePauseMsMax));
    }
  }

  async #read(): Promise<void> {
    const { client, random, clients } = this.#options;
    this.#turn += 1;
    const kind = this.#turn % serializableEvery === 0 ? 'serializable' : 'session';
    const key = random.below(ownEvery) === 0 ? this.#lastWritten : random.below(clients * keysPerClient);
    const floor = this.#state.floor(key);
    const { entries, revision } = await client.kv.list(nameOf(key), { consistency: kind, timeout: timeoutMs });
    const modRevision = entries[0]?.modRevision ?? 0;
    this.reads[kind] += 1;
    for (const promise of this.#state.read(floor, modRevision, revision)) {
      this.broken[kind][promise] += 1;
      if (kind === 'session' && this.examples.length < 10) {
        this.examples.push(`${promise}: ${modRevision} as of ${revision}, after ${JSON.stringify(floor)}`);
      }
    }
  }
}

function nothingBroken(): Broken {
  return { ownWrite: 0, backwards: 0, torn: 0 };
}

function nameOf(key: number): string {
  return `k/${key}`;
}

/** Of all clients together. */
export function brokenBy(clients: readonly ReadingClient[], kind: ReadKind): Broken {
  const sum = nothingBroken();
  for (const { broken } of clients) for (const promise of brokenPromises) sum[promise] += broken[kind][promise];
  return sum;
}
