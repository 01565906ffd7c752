/** Writes of every kind, without a pause to speak of, until it is told to stop. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../../client/api/client.js';
import { del, type Op, put } from '../../../client/api/txn.js';
import { isQuorateError } from '../../../client/core/quorate-error.js';
import { mulberry } from '../mulberry.js';

/** The keys that watchers watch, and others beside them. */
export const WATCHED = 'w/';
export const ONE_KEY = 'w/07';
const OTHERS = 'x/';
const KEYS = 24;
const BURST = 4;
const PAUSE_MS = 8;
/** Of values, in bytes: a cut comes in the middle of many. */
const VALUE_MAX = 1_200;
/** As the client retries: members are killed meanwhile. */
const TIMEOUT_MS = 30_000;

export class Workload {
  readonly #client: Client;
  readonly #below: (bound: number) => number;
  #count = 0;
  #isOver = false;
  #running: Promise<void> | undefined;

  constructor(client: Client, seed: number) {
    this.#client = client;
    this.#below = mulberry(seed);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** So many writes, one burst after the other. */
  async write(count: number): Promise<void> {
    for (let left = count; left > 0; left -= BURST) {
      await Promise.all(Array.from({ length: Math.min(left, BURST) }, () => this.#one()));
    }
  }

  /** One revision that concerns every watcher. */
  async last(): Promise<number> {
    const ops = [put(ONE_KEY, 'last'), put(`${WATCHED}last`, 'last'), put(`${OTHERS}last`, 'last')];
    const { revision } = await this.#client
      .txn()
      .then(...ops)
      .commit({ timeout: TIMEOUT_MS });
    return revision;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.write(BURST);
      await delay(PAUSE_MS);
    }
  }

  async #one(): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      // What became of it, the history shows.
      if (!isQuorateError(error)) throw error;
    }
  }

  async #write(): Promise<unknown> {
    const { kv } = this.#client;
    const options = { timeout: TIMEOUT_MS };
    const dice = this.#below(100);
    if (dice < 55) return kv.put(this.#key(), this.#value(), options);
    if (dice < 65) return kv.delete(this.#key(), options);
    if (dice < 68) return kv.delete({ prefix: `${WATCHED}1` }, options);
    const keys = new Set(Array.from({ length: 2 + this.#below(5) }, () => this.#key()));
    const ops = [...keys].map((key): Op<unknown> => (this.#below(4) === 0 ? del(key) : put(key, this.#value())));
    return this.#client
      .txn()
      .then(...ops)
      .commit(options);
  }

  #key(): string {
    const prefix = this.#below(5) === 0 ? OTHERS : WATCHED;
    return prefix + String(this.#below(KEYS)).padStart(2, '0');
  }

  /** No two are alike. */
  #value(): string {
    this.#count += 1;
    return `${this.#count} ${'v'.repeat(this.#below(VALUE_MAX))}`;
  }
}
