/**
 * Watches against three members of Quorate and of etcd, in one run on one machine, one after the other: one writer, a
 * thousand watchers of its key over fifty streams. The same client reads both, and takes its share of the machine.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { PutRequest, PutResponse } from '@quorate/proto/etcd/kv.js';
import { WatchCreateRequest, WatchRequest, WatchResponse } from '@quorate/proto/etcd/watch.js';
import { Cluster, until } from '../harness/cluster.js';
import type { Program } from '../harness/etcd.js';
import { RawClient } from '../harness/raw-client.js';

export interface WatchFigure {
  readonly program: Program;
  /** While the writer writes as fast as it can, from its first put to the last event. */
  readonly eventsPerSecond: number;
  /** From the writer's acknowledgement to an event's arrival, while the writer is paced. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Growth of the member's resident memory for each of many idle watchers. */
  readonly idleWatcherBytes: number;
  /** One put at a time, before the idle watchers and beside them. */
  readonly putMs: number;
  readonly putBesideIdleMs: number;
}

const connections = 10;
const streams = 50;
const watchersPerStream = 20;
const watchers = streams * watchersPerStream;
const burstPuts = 200;
/** The writer does not wait for one put before it sends the next: else its latency would be measured, not the watches. */
const burstInFlight = 8;
const pacedPuts = 100;
const pacedIntervalMs = 60;
const idleWatchers = 10_000;
const timedPuts = 300;
const waitMs = 60_000;
const putPath = '/etcdserverpb.KV/Put';

export async function runWatch(programs: readonly Program[]): Promise<readonly WatchFigure[]> {
  const figures: WatchFigure[] = [];
  for (const program of programs) figures.push(await measure(program));
  return figures;
}

async function measure(program: Program): Promise<WatchFigure> {
  const cluster = await Cluster.start({ program });
  const clients: Client[] = [];
  try {
    const { leader } = await cluster.untilSettled();
    const { endpoint } = leader.spec;
    const writer = new RawClient(endpoint);
    for (let count = 0; count < connections; count += 1) clients.push(connect(endpoint));
    const putMs = await timePuts(writer);
    const idle = await measureIdle(clients, leader.process.pid);
    const putBesideIdleMs = await timePuts(writer);
    for (const stream of idle.streams) stream.end();
    const load = await measureLoad(clients, writer);
    writer.close();
    return { program, ...load, idleWatcherBytes: idle.bytes, putMs, putBesideIdleMs };
  } finally {
    for (const client of clients) client.close();
    await cluster.end();
  }
}

async function measureLoad(
  clients: readonly Client[],
  writer: RawClient,
): Promise<Pick<WatchFigure, 'eventsPerSecond' | 'p50Ms' | 'p99Ms'>> {
  /** Arrivals of each revision, by revision. */
  const arrivals = new Map<number, number[]>();
  let told = 0;
  const opened = Array.from({ length: streams }, (_, at) =>
    WatchedStream.open(
      clientAt(clients, at),
      watchersPerStream,
      () => 'hot',
      (revision, atMs) => {
        told += 1;
        const times = arrivals.get(revision);
        if (times === undefined) arrivals.set(revision, [atMs]);
        else times.push(atMs);
      },
    ),
  );
  await Promise.all(opened.map((stream) => stream.created()));
  await burst(5);
  const startedAt = performance.now();
  const before = told;
  await burst(burstPuts);
  const eventsPerSecond = ((told - before) * 1_000) / (performance.now() - startedAt);

  const acknowledged: (readonly [revision: number, atMs: number])[] = [];
  arrivals.clear();
  const beforePaced = told;
  for (let count = 0; count < pacedPuts; count += 1) {
    const revision = await put(writer, 'hot');
    acknowledged.push([revision, performance.now()]);
    await delay(pacedIntervalMs);
  }
  await until('all events', waitMs, async () => (told >= beforePaced + pacedPuts * watchers ? true : undefined));
  const delays = acknowledged.flatMap(([revision, atMs]) =>
    (arrivals.get(revision) ?? []).map((arrival) => Math.max(0, arrival - atMs)),
  );
  delays.sort((a, b) => a - b);
  for (const stream of opened) stream.end();
  return { eventsPerSecond, p50Ms: quantile(delays, 0.5), p99Ms: quantile(delays, 0.99) };

  async function burst(puts: number): Promise<void> {
    const goal = told + puts * watchers;
    let left = puts;
    const work = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await put(writer, 'hot');
      }
    };
    await Promise.all(Array.from({ length: burstInFlight }, work));
    await until('all events', waitMs, async () => (told >= goal ? true : undefined));
  }
}

async function measureIdle(
  clients: readonly Client[],
  pid: number,
): Promise<{ readonly bytes: number; readonly streams: readonly WatchedStream[] }> {
  const before = await residentBytes(pid);
  const opened = Array.from({ length: streams }, (_, at) =>
    WatchedStream.open(
      clientAt(clients, at),
      idleWatchers / streams,
      (n) => `idle/${at}/${n}`,
      () => undefined,
    ),
  );
  await Promise.all(opened.map((stream) => stream.created()));
  const after = await residentBytes(pid);
  return { bytes: (after - before) / idleWatchers, streams: opened };
}

class WatchedStream {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #watchers: number;
  #created = 0;

  private constructor(client: Client, count: number, onEvent: (revision: number, atMs: number) => void) {
    this.#watchers = count;
    this.#call = client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', passBytes, passBytes);
    this.#call.on('error', () => undefined);
    this.#call.on('data', (bytes: Buffer) => {
      const now = performance.now();
      const { created, events } = WatchResponse.decode(bytes);
      if (created) this.#created += 1;
      for (const { kv } of events) onEvent(Number(kv?.modRevision), now);
    });
  }

  static open(
    client: Client,
    count: number,
    keyOf: (n: number) => string,
    onEvent: (revision: number, atMs: number) => void,
  ): WatchedStream {
    const stream = new WatchedStream(client, count, onEvent);
    for (let n = 0; n < count; n += 1) {
      const value = WatchCreateRequest.fromPartial({ key: Buffer.from(keyOf(n)) });
      const request = WatchRequest.encode({ requestUnion: { $case: 'createRequest', value } }).finish();
      stream.#call.write(Buffer.from(request));
    }
    return stream;
  }

  async created(): Promise<void> {
    await until('the watchers', waitMs, async () => (this.#created === this.#watchers ? true : undefined));
  }

  end(): void {
    this.#call.cancel();
  }
}

const passBytes = (bytes: Buffer): Buffer => bytes;

function connect(endpoint: string): Client {
  return new Client(endpoint, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
}

function clientAt(clients: readonly Client[], at: number): Client {
  const client = clients[at % clients.length];
  if (client === undefined) throw new Error('no connection');
  return client;
}

async function put(writer: RawClient, key: string): Promise<number> {
  const request = PutRequest.fromPartial({ key: Buffer.from(key), value: Buffer.alloc(256, 'v') });
  const answer = await writer.call(putPath, PutRequest.encode(request).finish());
  if (!answer.ok) throw new Error(answer.text);
  return Number(PutResponse.decode(answer.bytes).header?.revision);
}

/** The median, in ms. */
async function timePuts(writer: RawClient): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < timedPuts; count += 1) {
    const startedAt = performance.now();
    await put(writer, 'cold');
    times.push(performance.now() - startedAt);
  }
  return quantile(
    times.sort((a, b) => a - b),
    0.5,
  );
}

/** The lowest of two seconds: garbage comes and goes. */
async function residentBytes(pid: number): Promise<number> {
  let lowest = Infinity;
  for (let count = 0; count < 4; count += 1) {
    await delay(500);
    const status = await readFile(`/proc/${pid}/status`, 'latin1');
    lowest = Math.min(lowest, Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024);
  }
  return lowest;
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
