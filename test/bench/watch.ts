/**
 * Watches against three members of Quorate and of etcd, in alternating rounds of one run on one machine: one writer, a
 * thousand watchers of its key over fifty streams. The same processes write to and read from both, and take their share
 * of the machine; how much the reading one can take without any member is printed first.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { PutRequest, PutResponse } from '@quorate/proto/etcd/kv.js';
import { percentile, spreadOf } from '../e2e/figures.js';
import { Cluster } from '../harness/cluster.js';
import type { Program } from '../harness/etcd.js';
import { RawClient } from '../harness/raw-client.js';
import { CannedMember } from './canned-member.js';
import { RemoteAudience } from './remote-audience.js';
import { nowMs } from './watch-audience.js';

export interface WatchOptions {
  readonly programs: readonly Program[];
  readonly rounds: number;
  /** Flags of Node.js itself, for Quorate's members. */
  readonly nodeArgs: readonly string[];
}

/** Medians over all rounds. */
export interface WatchFigure {
  readonly program: Program;
  readonly bursts: readonly BurstFigure[];
  /** From the writer's acknowledgement to an event's arrival, while the writer is paced; negative: it came earlier. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Growth of the member's resident memory for each of many idle watchers. */
  readonly idleWatcherBytes: number;
  /** One put at a time, without the idle watchers and beside them. */
  readonly putMs: number;
  readonly putBesideIdleMs: number;
}

/** The writer writes as fast as it can. */
export interface BurstFigure {
  /** Puts that the writer sends before the first of them is answered. */
  readonly inFlight: number;
  /** From its first put to the last event. */
  readonly eventsPerSecond: number;
  readonly eventsPerSecondMin: number;
  readonly eventsPerSecondMax: number;
  readonly eventsPerMessage: number;
}

interface Burst {
  readonly inFlight: number;
  readonly eventsPerSecond: number;
  readonly eventsPerMessage: number;
}

interface Delays {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Idle {
  readonly bytesPerWatcher: number;
  readonly putMs: number;
  readonly putBesideIdleMs: number;
}

const connections = 10;
const streams = 50;
const watchersPerStream = 20;
const watchers = streams * watchersPerStream;
const valueBytes = 256;
const burstPuts = 1_000;
/**
 * The writer does not wait for one put before it sends the next: else its latency would be measured, not the watches. With
 * many puts in flight it is the watches that cannot follow.
 */
const burstsInFlight = [8, 64] as const;
const warmUpPuts = 100;
const pacedPuts = 100;
const pacedIntervalMs = 60;
const idleWatchers = 10_000;
const timedPuts = 300;
const putPath = '/etcdserverpb.KV/Put';

/** Events per second that the audience takes when nothing but canned bytes come. */
export async function measureAudience(): Promise<number> {
  const streamsPerConnection = streams / connections;
  const canned = await CannedMember.start({
    streamsPerConnection,
    watchersPerStream,
    revisions: burstPuts,
    valueBytes,
  });
  const audience = await audienceOf(canned.endpoint, () => 'hot');
  const startedAt = nowMs();
  canned.play();
  const { atMs } = await audience.told(burstPuts * watchers);
  audience.end();
  canned.end();
  return (burstPuts * watchers * 1_000) / (atMs - startedAt);
}

export async function runWatch({ programs, rounds, nodeArgs }: WatchOptions): Promise<readonly WatchFigure[]> {
  const subjects: Subject[] = [];
  try {
    for (const program of programs) subjects.push(await Subject.start(program, nodeArgs));
    // Memory first: later nobody knows what it was before.
    for (let round = 0; round < rounds; round += 1) for (const subject of subjects) await subject.measureIdle();
    for (const subject of subjects) await subject.gatherAudience();
    for (const inFlight of burstsInFlight) {
      for (let round = 0; round < rounds; round += 1) {
        for (const subject of subjects) await subject.measureBurst(inFlight);
      }
    }
    for (let round = 0; round < rounds; round += 1) for (const subject of subjects) await subject.measureDelays();
    return subjects.map((subject) => subject.figure());
  } finally {
    for (const subject of subjects) await subject.end();
  }
}

/** One program and everything that was measured of it. */
class Subject {
  readonly #cluster: Cluster;
  readonly #endpoint: string;
  readonly #pid: number;
  readonly #writer: RawClient;
  readonly #bursts: Burst[] = [];
  readonly #delays: Delays[] = [];
  readonly #idle: Idle[] = [];
  #audience: RemoteAudience | undefined;
  #told = 0;
  #messages = 0;

  private constructor(cluster: Cluster, endpoint: string, pid: number) {
    this.#cluster = cluster;
    this.#endpoint = endpoint;
    this.#pid = pid;
    this.#writer = new RawClient(endpoint);
  }

  static async start(program: Program, nodeArgs: readonly string[]): Promise<Subject> {
    const cluster = await Cluster.start({ program, nodeArgs });
    const { leader } = await cluster.untilSettled();
    console.log(`process of ${program}'s leader: ${leader.process.pid}`);
    const subject = new Subject(cluster, leader.spec.endpoint, leader.process.pid);
    await subject.#put('cold', warmUpPuts, 1);
    return subject;
  }

  async gatherAudience(): Promise<void> {
    this.#audience = await audienceOf(this.#endpoint, () => 'hot');
    await this.#burst(this.#audience, warmUpPuts, burstsInFlight[0]);
  }

  async measureBurst(inFlight: number): Promise<void> {
    if (this.#audience !== undefined) this.#bursts.push(await this.#burst(this.#audience, burstPuts, inFlight));
  }

  async measureDelays(): Promise<void> {
    const audience = this.#audience;
    if (audience === undefined) return;
    const acknowledgedAtMs = new Map<number, number>();
    await audience.recordArrivals();
    for (let count = 0; count < pacedPuts; count += 1) {
      const revision = await this.#putOnce('hot');
      acknowledgedAtMs.set(revision, nowMs());
      await delay(pacedIntervalMs);
    }
    await this.#untilTold(audience, pacedPuts);
    const delays: number[] = [];
    for (const [revision, times] of await audience.takeArrivals()) {
      const since = acknowledgedAtMs.get(revision) ?? Number.NaN;
      for (const atMs of times) delays.push(atMs - since);
    }
    this.#delays.push({ p50Ms: percentile(delays, 0.5), p99Ms: percentile(delays, 0.99) });
  }

  async measureIdle(): Promise<void> {
    const alone = await this.#timePuts(timedPuts / 2);
    const before = await residentBytes(this.#pid);
    const idle = await audienceOf(this.#endpoint, (stream, n) => `idle/${stream}/${n}`, idleWatchers / streams);
    const after = await residentBytes(this.#pid);
    const beside = await this.#timePuts(timedPuts);
    idle.end();
    // Before and after, so that a machine that gets slower or faster meanwhile counts for neither.
    alone.push(...(await this.#timePuts(timedPuts / 2)));
    this.#idle.push({
      bytesPerWatcher: (after - before) / idleWatchers,
      putMs: spreadOf(alone).median,
      putBesideIdleMs: spreadOf(beside).median,
    });
  }

  figure(): WatchFigure {
    return {
      program: this.#cluster.program,
      bursts: burstsInFlight.map((inFlight) => this.#burstFigure(inFlight)),
      p50Ms: spreadOf(this.#delays.map(({ p50Ms }) => p50Ms)).median,
      p99Ms: spreadOf(this.#delays.map(({ p99Ms }) => p99Ms)).median,
      // Only the first time does the memory grow: what was freed is used again.
      idleWatcherBytes: this.#idle[0]?.bytesPerWatcher ?? Number.NaN,
      putMs: spreadOf(this.#idle.map(({ putMs }) => putMs)).median,
      putBesideIdleMs: spreadOf(this.#idle.map(({ putBesideIdleMs }) => putBesideIdleMs)).median,
    };
  }

  /** Ends the members as an operator would, so that profiles get written. */
  async end(): Promise<void> {
    this.#audience?.end();
    this.#writer.close();
    await Promise.all(this.#cluster.members.map((member) => member.stop()));
    await this.#cluster.end();
  }

  #burstFigure(inFlight: number): BurstFigure {
    const bursts = this.#bursts.filter((burst) => burst.inFlight === inFlight);
    const perSecond = spreadOf(bursts.map(({ eventsPerSecond }) => eventsPerSecond));
    return {
      inFlight,
      eventsPerSecond: perSecond.median,
      eventsPerSecondMin: perSecond.min,
      eventsPerSecondMax: perSecond.max,
      eventsPerMessage: spreadOf(bursts.map(({ eventsPerMessage }) => eventsPerMessage)).median,
    };
  }

  async #burst(audience: RemoteAudience, puts: number, inFlight: number): Promise<Burst> {
    const messagesBefore = this.#messages;
    const startedAt = nowMs();
    await this.#put('hot', puts, inFlight);
    const endedAt = await this.#untilTold(audience, puts);
    const events = puts * watchers;
    return {
      inFlight,
      eventsPerSecond: (events * 1_000) / (endedAt - startedAt),
      eventsPerMessage: events / (this.#messages - messagesBefore),
    };
  }

  /** Waits for the events of so many more puts. */
  async #untilTold(audience: RemoteAudience, puts: number): Promise<number> {
    this.#told += puts * watchers;
    const { messages, atMs } = await audience.told(this.#told);
    this.#messages = messages;
    return atMs;
  }

  async #put(key: string, puts: number, inFlight: number): Promise<void> {
    let left = puts;
    const work = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await this.#putOnce(key);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, work));
  }

  async #putOnce(key: string): Promise<number> {
    const request = PutRequest.fromPartial({ key: Buffer.from(key), value: Buffer.alloc(valueBytes, 'v') });
    const answer = await this.#writer.call(putPath, PutRequest.encode(request).finish());
    if (!answer.ok) throw new Error(answer.text);
    return Number(PutResponse.decode(answer.bytes).header?.revision);
  }

  /** In ms, one after the other. */
  async #timePuts(puts: number): Promise<number[]> {
    const times: number[] = [];
    for (let count = 0; count < puts; count += 1) {
      const startedAt = nowMs();
      await this.#putOnce('cold');
      times.push(nowMs() - startedAt);
    }
    return times;
  }
}

function audienceOf(
  endpoint: string,
  keyOf: (stream: number, watcher: number) => string,
  perStream = watchersPerStream,
): Promise<RemoteAudience> {
  const keys = Array.from({ length: streams }, (_, stream) =>
    Array.from({ length: perStream }, (__, watcher) => keyOf(stream, watcher)),
  );
  return RemoteAudience.start({ endpoint, connections, keys });
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
