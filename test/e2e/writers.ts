/**
 * The load of the fault suites: clients that call without pause for breath, one call each at a time, move on to the
 * next member when one fails, and put everything they see into a history. They never retry a write.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterMember } from '../harness/cluster.js';
import { CallError } from '../harness/cluster-outcome.js';
import type { Random } from '../../server/lib/random.js';
import type { Call, History, Outcome } from './history.js';

const callTimeoutMs = 1_000;
/** Between two calls of a client: keeps the load, and the history, at a size that two cores bear. */
const pauseMsMax = 12;
/** A key is given up after so many attempts to write it: its whole past must be read back in the end. */
const writesPerKey = 200;

export interface WriterOptions {
  readonly count: number;
  readonly members: readonly ClusterMember[];
  readonly history: History;
  readonly random: Random;
}

export class Writers {
  readonly #running: Promise<unknown>;
  #isStopped = false;

  constructor({ count, members, history, random }: WriterOptions) {
    const shared = { attempts: 0 };
    const writers = Array.from({ length: count }, (_, client) => new Writer(client, members, history, random, shared));
    this.#running = Promise.all(writers.map((writer) => writer.run(() => this.#isStopped)));
  }

  /** Resolves when the last call has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }
}

class Writer {
  readonly #client: number;
  readonly #members: readonly ClusterMember[];
  readonly #history: History;
  readonly #random: Random;
  /** Of all writers: the key that they fight for changes with it. */
  readonly #shared: { attempts: number };
  #turn: number;
  #calls = 0;
  #rewrites = 0;

  constructor(
    client: number,
    members: readonly ClusterMember[],
    history: History,
    random: Random,
    shared: { attempts: number },
  ) {
    this.#client = client;
    this.#members = members;
    this.#history = history;
    this.#random = random;
    this.#shared = shared;
    this.#turn = client;
  }

  async run(isStopped: () => boolean): Promise<void> {
    while (!isStopped()) {
      const draw = this.#random.below(100);
      if (draw < 50) await this.#putFresh();
      else if (draw < 70) await this.#putAgain();
      else if (draw < 80) await this.#call({ kind: 'get', key: this.#ownKey() });
      else await this.#compareAndSwap();
      await delay(this.#random.below(pauseMsMax));
    }
  }

  async #putFresh(): Promise<void> {
    const value = this.#nextValue();
    await this.#call({ kind: 'put', key: `fresh/${value}`, value });
  }

  async #putAgain(): Promise<void> {
    this.#rewrites += 1;
    await this.#call({ kind: 'put', key: this.#ownKey(), value: this.#nextValue() });
  }

  async #compareAndSwap(): Promise<void> {
    this.#shared.attempts += 1;
    const key = `shared/${Math.floor(this.#shared.attempts / writesPerKey)}`;
    const seen = await this.#call({ kind: 'get', key });
    if (seen.kind !== 'read') return;
    const value = this.#nextValue();
    await this.#call({ kind: 'cas', key, logKey: `won/${value}`, value, expected: seen.found?.modRevision ?? 0 });
  }

  #ownKey(): string {
    return `own/${this.#client}/${Math.floor(this.#rewrites / writesPerKey)}`;
  }

  #nextValue(): string {
    this.#calls += 1;
    return `${this.#client}-${this.#calls}`;
  }

  async #call(call: Call): Promise<Outcome> {
    const member = this.#members[this.#turn % this.#members.length];
    if (member === undefined) throw new Error('writers need members');
    const startMs = performance.now();
    const outcome = await send(member, call).catch(outcomeFromError);
    const endMs = performance.now();
    this.#history.addOperation({
      type: 'operation',
      client: this.#client,
      member: member.name,
      call,
      outcome,
      startMs,
      endMs,
    });
    if (outcome.kind === 'failed' || outcome.kind === 'unknown') this.#turn += 1;
    return outcome;
  }
}

async function send({ client }: ClusterMember, call: Call): Promise<Outcome> {
  switch (call.kind) {
    case 'put': {
      const { revision } = await client.put(call.key, call.value, callTimeoutMs);
      return { kind: 'acknowledged', revision };
    }
    case 'cas': {
      const keys = [call.key, call.logKey] as const;
      const { succeeded, revision } = await client.putIfUnwritten(keys, call.value, call.expected, callTimeoutMs);
      return { kind: succeeded ? 'acknowledged' : 'refused', revision };
    }
    case 'get': {
      const { revision, kvs } = await client.range({ key: call.key }, callTimeoutMs);
      const [kv] = kvs;
      return kv === undefined
        ? { kind: 'read', revision }
        : { kind: 'read', revision, found: { value: kv.value, modRevision: kv.modRevision } };
    }
  }
}

function outcomeFromError(error: unknown): Outcome {
  if (error instanceof CallError) return { kind: error.outcome, code: error.code, text: error.text };
  throw error;
}
