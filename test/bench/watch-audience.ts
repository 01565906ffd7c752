/**
 * The watchers of a bench, in a process of their own: many on each stream, many streams on each connection. Every watcher
 * must get every revision from the first one on, once and in order; a figure comes out only while that holds.
 */
import { WatchCreateRequest, WatchRequest } from '@quorate/proto/etcd/watch.js';
import { GrpcConnection } from './grpc-connection.js';
import { WatchScan } from './watch-scan.js';

export interface AudienceOptions {
  /** host:port */
  readonly endpoint: string;
  readonly connections: number;
  /** The key of every watcher of every stream. Where they are to be told anything, all watch the same key. */
  readonly keys: readonly (readonly string[])[];
}

export interface Told {
  /** Those with events, since the watchers were created. */
  readonly messages: number;
  /** Of the last event, in ms of the machine's monotonic clock. */
  readonly atMs: number;
}

/** When the events of a revision arrived, at every watcher. */
export type Arrivals = ReadonlyMap<number, readonly number[]>;

const watchPath = '/etcdserverpb.Watch/Watch';

/** The same clock in every process of a machine. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export class WatchAudience {
  readonly #connections: GrpcConnection[] = [];
  readonly #scan = new WatchScan();
  /** The revision that each watcher must be told next, by stream and id; 0: whichever comes first. */
  readonly #next: readonly Map<number, number[]>[];
  readonly #watchers: number;
  readonly #fail: (error: Error) => void;
  #arrivals: Map<number, number[]> | undefined;
  #created = 0;
  #events = 0;
  #messages = 0;
  #goal: { readonly reached: () => boolean; readonly resolve: (atMs: number) => void } | undefined;

  /** `fail` is told what makes every figure worthless. */
  constructor({ endpoint, connections, keys }: AudienceOptions, fail: (error: Error) => void) {
    this.#fail = fail;
    this.#watchers = keys.flat().length;
    this.#next = Array.from({ length: connections }, () => new Map<number, number[]>());
    for (const next of this.#next) {
      this.#connections.push(
        new GrpcConnection(endpoint, {
          message: (stream, bytes, start, end) => this.#take(next.get(stream), bytes, start, end),
          ended: (reason) => fail(new Error(reason)),
        }),
      );
    }
    for (const [place, keysOfStream] of keys.entries()) this.#open(place % connections, keysOfStream);
  }

  async created(): Promise<void> {
    await this.#until(() => this.#created === this.#watchers);
  }

  /** Resolves once the watchers were told so many events, since they were created. */
  async told(events: number): Promise<Told> {
    const atMs = await this.#until(() => this.#events >= events);
    if (this.#events > events) this.#fail(new Error(`${this.#events} events, not ${events}`));
    return { messages: this.#messages, atMs };
  }

  /** From now on, until takeArrivals(). */
  recordArrivals(): void {
    this.#arrivals = new Map();
  }

  takeArrivals(): Arrivals {
    const arrivals = this.#arrivals ?? new Map<number, number[]>();
    this.#arrivals = undefined;
    return arrivals;
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #open(place: number, keys: readonly string[]): void {
    const connection = this.#connections[place];
    if (connection === undefined) throw new Error('no connection');
    const stream = connection.open(watchPath);
    this.#next[place]?.set(
      stream,
      keys.map(() => 0),
    );
    for (const key of keys) {
      const value = WatchCreateRequest.fromPartial({ key: Buffer.from(key) });
      connection.send(stream, WatchRequest.encode({ requestUnion: { $case: 'createRequest', value } }).finish());
    }
  }

  #until(reached: () => boolean): Promise<number> {
    return new Promise((resolve) => {
      this.#goal = { reached, resolve };
      this.#lookAtGoal();
    });
  }

  #lookAtGoal(): void {
    if (this.#goal?.reached() !== true) return;
    const { resolve } = this.#goal;
    this.#goal = undefined;
    resolve(nowMs());
  }

  #take(next: number[] | undefined, bytes: Buffer, start: number, end: number): void {
    const scan = this.#scan;
    scan.read(bytes, start, end);
    const { watchId, events, firstRevision, lastRevision } = scan;
    const expected = next?.[watchId];
    if (next === undefined || expected === undefined || scan.isCanceled) {
      this.#fail(new Error(`a message for watcher ${watchId}, canceled: ${scan.isCanceled}`));
      return;
    }
    if (scan.isCreated) this.#created += 1;
    if (events > 0) {
      if (expected !== 0 && firstRevision !== expected) {
        this.#fail(new Error(`watcher ${watchId} got revision ${firstRevision}, not ${expected}`));
      }
      next[watchId] = lastRevision + 1;
      this.#events += events;
      this.#messages += 1;
      if (this.#arrivals !== undefined) this.#record(this.#arrivals, firstRevision, lastRevision);
    }
    this.#lookAtGoal();
  }

  #record(arrivals: Map<number, number[]>, first: number, last: number): void {
    const atMs = nowMs();
    for (let revision = first; revision <= last; revision += 1) {
      const times = arrivals.get(revision);
      if (times === undefined) arrivals.set(revision, [atMs]);
      else times.push(atMs);
    }
  }
}
