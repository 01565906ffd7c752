/**
 * The load of the fault suites: clients that call without pause for breath, one call each at a time, move on to the
 * next member when one fails, and put everything they see into a history. They never retry a write.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../server/lib/random.js';
import type { AppendRecord } from '../checkers/append-op.js';
import type { Operation } from '../checkers/operation.js';
import type { History } from './history.js';
import { LoadKeys } from './load-keys.js';
import { type CallTarget, type SentCall, send } from './member-calls.js';
import { drawPlay, type Turn } from './plays.js';

const callTimeoutMs = 1_000;
/** Between two plays of a client: keeps the load, and the history, at a size that two cores bear. */
const pauseMsMax = 12;

export interface WriterOptions {
  readonly count: number;
  readonly members: readonly CallTarget[];
  readonly history: History;
  readonly random: Random;
}

export class Writers {
  readonly #running: Promise<unknown>;
  #isStopped = false;

  constructor({ count, ...options }: WriterOptions) {
    const shared = { ...options, keys: new LoadKeys(count), newestRevision: 1 };
    const writers = Array.from({ length: count }, (_, client) => new Writer(client, shared));
    this.#running = Promise.all(writers.map((writer) => writer.run(() => this.#isStopped)));
  }

  /** Resolves when the last call has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }
}

/** What all writers have in common. */
interface Shared extends Omit<WriterOptions, 'count'> {
  readonly keys: LoadKeys;
  newestRevision: number;
}

class Writer implements Turn {
  readonly client: number;
  readonly #shared: Shared;
  /** Of the member that is asked. */
  #place: number;
  #values = 0;

  constructor(client: number, shared: Shared) {
    this.client = client;
    this.#shared = shared;
    this.#place = client;
  }

  get random(): Random {
    return this.#shared.random;
  }

  get keys(): LoadKeys {
    return this.#shared.keys;
  }

  async run(isStopped: () => boolean): Promise<void> {
    while (!isStopped()) {
      await drawPlay(this.random)(this);
      await delay(this.random.below(pauseMsMax));
    }
  }

  freshValue(): string {
    this.#values += 1;
    return `${this.client}-${this.#values}`;
  }

  newestRevision(): number {
    return this.#shared.newestRevision;
  }

  addAppend(append: AppendRecord): void {
    this.#shared.history.addAppend(append);
  }

  async ask(call: SentCall): Promise<Operation> {
    const { members, history, keys } = this.#shared;
    const member = members[this.#place % members.length];
    if (member === undefined) throw new Error('writers need members');
    const startMs = performance.now();
    const outcome = await send(member, call, callTimeoutMs);
    const endMs = performance.now();
    const operation = { client: this.client, member: member.name, call, outcome, startMs, endMs };
    history.addOperation(operation);
    keys.called(operation);
    if (outcome.kind === 'ok') this.#shared.newestRevision = Math.max(this.#shared.newestRevision, outcome.revision);
    else this.#place += 1;
    return operation;
  }
}
