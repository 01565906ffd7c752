/**
 * Exactly once, through connections that break at every point and leaders that die: every write of every client is held
 * against the log of what really happened, which a plain watch on the members themselves has written down meanwhile. The
 * control: a client that sends again whatever failed must be found to write twice.
 *
 * QUORATE_FULL=1: 40,000 puts on ten keys and 20,000 transactions, some minutes. Else a tenth of that.
 */
import { describe, expect, it } from 'vitest';
import { connect } from '../../client/index.js';
import { seededRandom } from '../../server/lib/random.js';
import { seed } from '../e2e/subject.js';
import { type Cluster, withCluster } from '../harness/cluster.js';
import { requirePeer } from '../harness/etcd.js';
import { ArmedFaults, type FaultKind, UnreliableProxy } from '../harness/unreliable-proxy.js';
import { judge, type Verdict } from './once/judge.js';
import { LeaderKills } from './once/leader-kills.js';
import { openAccounts, runLoad, total } from './once/load.js';
import { NaiveDoor } from './once/naive-door.js';
import { SdkDoor } from './once/sdk-door.js';
import { logOf, WatchedLog } from './once/watched-log.js';
import type { WriteCall } from './once/write-call.js';
import type { WriteDoor } from './once/write-door.js';

interface Size {
  readonly puts: number;
  readonly transfers: number;
  /** A leader dies each time that so many calls have ended. */
  readonly callsPerKill: number;
  /** And a connection breaks. */
  readonly callsPerFault: number;
}

const isFull = process.env['QUORATE_FULL'] === '1';
const size: Size = isFull
  ? { puts: 40_000, transfers: 20_000, callsPerKill: 3_000, callsPerFault: 40 }
  : { puts: 4_000, transfers: 2_000, callsPerKill: 1_000, callsPerFault: 15 };
const controlSize: Size = { puts: 400, transfers: 200, callsPerKill: 300, callsPerFault: 8 };
const doorCount = 5;
const patienceMs = 120_000;
const violationsShown = 20;

interface Run {
  readonly calls: readonly WriteCall[];
  readonly verdict: Verdict;
  readonly struck: Readonly<Record<FaultKind, number>>;
  readonly kills: number;
  readonly retries: number;
  readonly reconnects: number;
  readonly lastRevision: number;
  readonly resumed: number;
  readonly seconds: number;
}

type DoorKind = 'sdk' | 'naive';

/** A cluster whose members tell clients to find them behind proxies. */
async function withProxies<T>(
  faults: ArmedFaults,
  use: (cluster: Cluster, behind: readonly string[]) => Promise<T>,
): Promise<T> {
  const proxies: UnreliableProxy[] = [];
  const forClients = async (endpoint: string): Promise<string> => {
    const proxy = await UnreliableProxy.start(endpoint, faults);
    proxies.push(proxy);
    return proxy.endpoint;
  };
  try {
    return await withCluster({ program: 'quorate', detours: { forClients } }, (cluster) =>
      use(
        cluster,
        proxies.map(({ endpoint }) => endpoint),
      ),
    );
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }
}

async function run(kind: DoorKind, { puts, transfers, callsPerKill, callsPerFault }: Size): Promise<Run> {
  const random = seededRandom(seed);
  const faults = new ArmedFaults(random);
  return withProxies(faults, async (cluster, behind) => {
    const direct = cluster.members.map(({ spec }) => spec.endpoint);
    await openAccounts(async (key, value) => cluster.members[0]?.client.put(key, value, patienceMs));
    const log = new WatchedLog(direct);
    const opened = await openDoors(kind, behind);
    const { doors } = opened;
    const kills = new LeaderKills(cluster, random);
    const beganMs = performance.now();
    const onEnded = (count: number): void => {
      if (count % callsPerFault === 0) faults.arm();
      if (count % callsPerKill === callsPerKill / 2) kills.ask();
    };
    const calls = await runLoad({ puts, transfers, doors, random, onEnded });
    const seconds = (performance.now() - beganMs) / 1_000;
    faults.disarm();
    await kills.finish();
    const counts = doors.map((door) => door.counts());
    // What was given up is settled before the end: nothing may come later.
    await opened.close();
    const lastRevision = await settledRevision(cluster);
    await log.untilRevision(lastRevision, patienceMs);
    log.stop();
    for (const endpoint of direct) {
      const again = await logOf(endpoint, lastRevision, patienceMs);
      if (JSON.stringify(again) !== JSON.stringify(log.puts)) throw new Error(`${endpoint} tells another story`);
    }
    const verdict = judge({ calls, log: log.puts, lastRevision, versions: await versionsIn(cluster), total });
    return {
      calls,
      verdict,
      struck: faults.struck,
      kills: kills.count,
      retries: counts.reduce((sum, { retries }) => sum + retries, 0),
      reconnects: counts.reduce((sum, { reconnects }) => sum + reconnects, 0),
      lastRevision,
      resumed: log.resumed,
      seconds,
    };
  });
}

interface Doors {
  readonly doors: readonly WriteDoor[];
  readonly close: () => Promise<void>;
}

async function openDoors(kind: DoorKind, behind: readonly string[]): Promise<Doors> {
  const numbers = Array.from({ length: doorCount }, (_, number) => number);
  if (kind === 'naive') {
    const doors = numbers.map(() => new NaiveDoor(behind));
    return { doors, close: async () => void (await Promise.all(doors.map((door) => door.close()))) };
  }
  const reader = await connect(behind);
  const doors = await Promise.all(numbers.map((number) => SdkDoor.open(behind, reader, `writer-${number}`)));
  return {
    doors,
    async close() {
      await Promise.all([reader.close(), ...doors.map((door) => door.close())]);
    },
  };
}

/** Of all members, once none of them has anything left to apply. */
async function settledRevision(cluster: Cluster): Promise<number> {
  await cluster.untilSettled(patienceMs);
  const [member] = cluster.members;
  // Linearizable: nothing that was ever acknowledged or applied is missing.
  const { revision } = (await member?.client.range({ key: 'x' }, patienceMs)) ?? { revision: 0 };
  await cluster.untilRevision(revision, patienceMs);
  return revision;
}

/** As every member has them. */
async function versionsIn(cluster: Cluster): Promise<ReadonlyMap<string, number>> {
  const stories = await Promise.all(
    cluster.members.map(async ({ client }) => {
      const { kvs } = await client.range({ key: '\0', rangeEnd: '\0', serializable: true }, patienceMs);
      return kvs.map(({ key, version }) => [key, version] as const);
    }),
  );
  const [first, ...others] = stories;
  for (const story of others) expect(story).toEqual(first);
  return new Map(first);
}

function countsBy(texts: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

function report(kind: DoorKind, outcome: Run): void {
  const { calls, verdict, struck, kills, retries, reconnects, lastRevision, resumed, seconds } = outcome;
  const puts = calls.filter(({ keys }) => keys.length === 1).length;
  const codes = countsBy(calls.flatMap(({ ending }) => ('code' in ending ? [`${ending.outcome} ${ending.code}`] : [])));
  console.log(
    `${kind}: seed ${seed}, ${puts} puts and ${calls.length - puts} transfers (${verdict.moved} moved) in ` +
      `${seconds.toFixed(1)} s; faults ${JSON.stringify(struck)}, ${kills} leaders killed; ` +
      `${retries} writes sent again, ${reconnects} connections lost; endings ${JSON.stringify(verdict.endings)}, ` +
      `codes ${JSON.stringify(codes)}; log of ${lastRevision} revisions, resumed ${resumed} times; ` +
      `violations ${JSON.stringify(countsBy(verdict.violations.map(({ kind: what }) => what)))}`,
  );
}

/** Less, and the run would prove nothing. */
function expectEnough({ calls, verdict: { endings, moved }, struck, kills, retries }: Run): void {
  const made = size.puts + size.transfers;
  const faults = made / size.callsPerFault;
  expect(calls.length).toBe(made);
  expect(kills).toBe(made / size.callsPerKill);
  for (const kind of ['beforeRequest', 'afterRequest', 'beforeReply', 'afterReply'] as const) {
    expect(struck[kind], kind).toBeGreaterThan(faults / 10);
  }
  for (const kind of ['halfOpen', 'pause'] as const) expect(struck[kind], kind).toBeGreaterThan(faults / 100);
  expect(retries).toBeGreaterThan(made / 10);
  expect(endings.ok).toBeGreaterThan(made / 2);
  expect(moved).toBeGreaterThan(size.transfers / 5);
  for (const ending of ['notApplied', 'unknown', 'proven'] as const) {
    expect(endings[ending], ending).toBeGreaterThan(made / 2_000);
  }
  expect(endings.applied, 'applied').toBeGreaterThan(0);
}

describe.skipIf(!requirePeer('quorate'))('writes through connections that break, while leaders die', () => {
  it('happen once, or never, as the client was told', { timeout: isFull ? 3_000_000 : 500_000 }, async () => {
    const outcome = await run('sdk', size);
    report('sdk', outcome);
    expect(outcome.verdict.violations.slice(0, violationsShown)).toEqual([]);
    expectEnough(outcome);
  });

  it('happen twice when they are just sent again: the judge sees it', { timeout: 300_000 }, async () => {
    const outcome = await run('naive', controlSize);
    report('naive', outcome);
    const { twice = 0, miscounted = 0 } = countsBy(outcome.verdict.violations.map(({ kind }) => kind));
    expect(twice).toBeGreaterThan(10);
    expect(miscounted).toBeGreaterThan(5);
  });
});
