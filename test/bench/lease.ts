/**
 * Leases against three members of Quorate and of etcd, in one run on one machine: renewals of 100,000 live leases on one
 * stream, in rounds that alternate between the two; then how late leases end that nobody renews any more.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { PutRequest } from '@quorate/proto/etcd/kv.js';
import { LeaseGrantRequest, LeaseLeasesRequest, LeaseLeasesResponse } from '@quorate/proto/etcd/lease.js';
import { percentile, type Spread, spreadOf } from '../e2e/figures.js';
import { Cluster, type ClusterMember, until } from '../harness/cluster.js';
import type { Program } from '../harness/etcd.js';
import { RawClient } from '../harness/raw-client.js';
import { WatchClient } from '../rpc/watch-client.js';
import { runLoad } from './h2load.js';
import { KeepAliveLoad, type KeepAliveResult } from './keep-alive-load.js';

export interface LeaseOptions {
  readonly programs: readonly Program[];
  /** Of renewals in every round. */
  readonly seconds: number;
  readonly rounds: number;
  /** For Node.js itself, so for Quorate only. */
  readonly nodeArgs: readonly string[];
}

/** From the end of a lease's time, counted from before its last renewal was sent, until a watcher knew of it. */
export interface Lateness {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Leases that ended before their time. */
  readonly early: number;
}

export interface LeaseFigure {
  readonly program: Program;
  readonly perSecond: Spread;
  /** Most of all rounds; see KeepAliveResult. */
  readonly clientBusy: number;
  /** Of leases whose time is over one after the other, and all at once. */
  readonly spread: Lateness;
  readonly atOnce: Lateness;
}

const liveLeases = 100_000;
const liveTtl = 3_600n;
/** Ids of the member's own choice: h2load sends the same message again and again. */
const liveGrant = LeaseGrantRequest.encode({ ID: 0n, TTL: liveTtl }).finish();
const grants = Array.from({ length: 8 }, () => liveGrant);
const callsEach = liveLeases / grants.length;
const grantPath = '/etcdserverpb.Lease/LeaseGrant';
const firstRenewals = 20_000;

const expiringLeases = 4_000;
const expiringTtl = 10n;
const spreadGroups = 50;
const groupIntervalMs = 100;
const setupInFlight = 128;
const waitMs = 60_000;

export async function runLeases(options: LeaseOptions): Promise<readonly LeaseFigure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-bench-'));
  const contenders: LeaseContender[] = [];
  try {
    for (const program of options.programs) {
      contenders.push(await LeaseContender.start(program, folder, options.nodeArgs));
    }
    const results = contenders.map((): KeepAliveResult[] => []);
    for (let round = 0; round < options.rounds; round += 1) {
      for (const [place, contender] of contenders.entries()) {
        results[place]?.push(await contender.renew(options.seconds));
      }
    }
    const figures: LeaseFigure[] = [];
    for (const [place, contender] of contenders.entries()) {
      figures.push({
        program: contender.program,
        perSecond: spreadOf((results[place] ?? []).map(({ perSecond }) => perSecond)),
        clientBusy: Math.max(...(results[place] ?? []).map(({ clientBusy }) => clientBusy)),
        spread: await contender.expire(spreadGroups),
        atOnce: await contender.expire(1),
      });
    }
    return figures;
  } finally {
    for (const contender of contenders) await contender.end();
    await rm(folder, { recursive: true });
  }
}

class LeaseContender {
  readonly program: Program;
  readonly #cluster: Cluster;
  readonly #leader: ClusterMember;
  readonly #client: RawClient;
  readonly #load: KeepAliveLoad;
  #perSecond = 0;
  #expiries = 0;

  private constructor(cluster: Cluster, leader: ClusterMember, client: RawClient, ids: readonly bigint[]) {
    this.program = cluster.program;
    this.#cluster = cluster;
    this.#leader = leader;
    this.#client = client;
    this.#load = new KeepAliveLoad(leader.spec.endpoint, ids, liveTtl);
  }

  static async start(program: Program, folder: string, nodeArgs: readonly string[]): Promise<LeaseContender> {
    const cluster = await Cluster.start({ program, nodeArgs });
    const { leader } = await cluster.untilSettled();
    if (nodeArgs.length > 0) console.log(`process of ${program}'s leader: ${leader.process.pid}`);
    const { endpoint } = leader.spec;
    const client = new RawClient(endpoint);
    await runLoad({ endpoint, method: grantPath, messages: grants, streams: 32, calls: callsEach }, folder);
    // h2load does not see what gRPC says: some were refused where the machine is busy.
    const missing = liveLeases - (await leasesOf(client)).length;
    await inParallel([...Array(missing).keys()], async () => void (await call(client, grantPath, liveGrant)));
    const ids = await leasesOf(client);
    if (ids.length !== liveLeases) throw new Error(`${program}: ${ids.length} leases, not ${liveLeases}`);
    return new LeaseContender(cluster, leader, client, ids);
  }

  async renew(seconds: number): Promise<KeepAliveResult> {
    if (this.#perSecond === 0) {
      this.#perSecond = (await this.#load.run(firstRenewals)).perSecond;
      this.#perSecond = (await this.#load.run(Math.ceil(this.#perSecond))).perSecond;
    }
    const result = await this.#load.run(Math.ceil(this.#perSecond * seconds));
    this.#perSecond = result.perSecond;
    return result;
  }

  /** Leases with a key each, renewed for the last time in `groups`, one after the other. */
  async expire(groups: number): Promise<Lateness> {
    this.#expiries += 1;
    const prefix = `expiring/${this.#expiries}/`;
    const ids = Array.from({ length: expiringLeases }, (_, n) => BigInt(this.#expiries * 1_000_000 + n));
    await inParallel(ids, async (ID) => {
      await call(this.#client, grantPath, LeaseGrantRequest.encode({ ID, TTL: expiringTtl }).finish());
      const put = PutRequest.fromPartial({ key: Buffer.from(`${prefix}${ID}`), lease: ID });
      await call(this.#client, '/etcdserverpb.KV/Put', PutRequest.encode(put).finish());
    });
    const { endpoint } = this.#leader.spec;
    const watcher = new Client(endpoint, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    const load = new KeepAliveLoad(endpoint, ids, expiringTtl);
    try {
      const endedAt = watchEnds(watcher, prefix);
      await endedAt.begun;
      const renewedAt = new Map<bigint, number>();
      for (let group = 0; group < groups; group += 1) {
        const from = group * (expiringLeases / groups);
        const now = performance.now();
        for (const id of ids.slice(from, from + expiringLeases / groups)) renewedAt.set(id, now);
        await load.run(expiringLeases / groups);
        await delay(Math.max(0, now + groupIntervalMs - performance.now()));
      }
      await until('all leases to end', waitMs, async () => endedAt.times.size === expiringLeases || undefined);
      return latenessOf(renewedAt, endedAt.times);
    } finally {
      load.close();
      watcher.close();
    }
  }

  /** Ends the members as an operator would, so that profiles get written. */
  async end(): Promise<void> {
    this.#load.close();
    this.#client.close();
    await Promise.all(this.#cluster.members.map((member) => member.stop()));
    await this.#cluster.end();
  }
}

async function leasesOf(client: RawClient): Promise<readonly bigint[]> {
  const listed = await call(client, '/etcdserverpb.Lease/LeaseLeases', LeaseLeasesRequest.encode({}).finish());
  return LeaseLeasesResponse.decode(listed).leases.map(({ ID }) => ID);
}

/** When the key of each lease was seen to be deleted. */
function watchEnds(
  client: Client,
  prefix: string,
): { readonly begun: Promise<unknown>; readonly times: Map<bigint, number> } {
  const times = new Map<bigint, number>();
  const watch = new WatchClient(client);
  watch.call.on('data', () => {
    const now = performance.now();
    for (const { events } of watch.responses.splice(0)) {
      for (const { type, kv } of events) {
        if (type === 1) times.set(BigInt(kv?.key.toString().slice(prefix.length) ?? 0), now);
      }
    }
  });
  watch.create(prefix, { rangeEnd: `${prefix.slice(0, -1)}0` });
  return { begun: delay(500), times };
}

function latenessOf(renewedAt: ReadonlyMap<bigint, number>, endedAt: ReadonlyMap<bigint, number>): Lateness {
  const late = [...renewedAt].map(([id, at]) => (endedAt.get(id) ?? Number.NaN) - at - Number(expiringTtl) * 1_000);
  return {
    p50Ms: percentile(late, 0.5),
    p99Ms: percentile(late, 0.99),
    early: late.filter((ms) => ms < 0).length,
  };
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: setupInFlight }, worker));
}

async function call(client: RawClient, method: string, message: Uint8Array): Promise<Buffer> {
  const answer = await client.call(method, message);
  if (!answer.ok) throw new Error(`${method}: ${answer.code} ${answer.text}`);
  return answer.bytes;
}
