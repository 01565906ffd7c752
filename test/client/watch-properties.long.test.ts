/**
 * Watches of the client while the connections under them are cut at any byte, members are killed, and history is
 * compacted past their readers: the nine properties hold for what readers are given, as if nothing had happened but for
 * the `resync`s. Judged against the history that a watcher of a member's own recorded; and the same records, spoiled in
 * every way that a client could spoil them, are found out.
 *
 * QUORATE_CUTS says how many forced reconnects (default 100), QUORATE_SEED chooses others.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../client/api/client.js';
import { connect } from '../../client/connect.js';
import { revision } from '../../client/core/ids.js';
import { until } from '../harness/cluster.js';
import { requirePeer, useMembers } from '../harness/etcd.js';
import { StallingProxy } from '../harness/stalling-proxy.js';
import { mulberry } from './mulberry.js';
import { HistoryWitness } from './watches/history-witness.js';
import { judgeWatched } from './watches/judge.js';
import { mutations } from './watches/mutations.js';
import { Reader, type ReaderOptions } from './watches/reader.js';
import { StoreHistory } from './watches/store-history.js';
import { keyValue } from './watches/watched.js';
import { ONE_KEY, WATCHED, Workload } from './watches/workload.js';

const CUTS = Number(process.env['QUORATE_CUTS'] ?? 100);
const SEED = Number(process.env['QUORATE_SEED'] ?? 1);
/** From the members, until the next cut: in the middle of an answer, or after some. */
const CUT_BYTES_MAX = [1_500, 30_000];
const WRITES_UNSEEN = 80;
/** At which part of the cuts a member is killed; and when history is compacted past every reader. */
const KILLS = [0.2, 0.45, 0.8];
const COMPACTIONS = [0.33, 0.66];
/** While the slow readers take nothing; the second compaction is among it. */
const PAUSE = { from: 0.6, to: 0.75 };
const PATIENCE_MS = 60_000;

const prefix = { key: WATCHED, rangeEnd: 'w0' };
const everything = { key: '\0', rangeEnd: '\0' };
const readers: readonly ReaderOptions[] = [
  { asked: { name: 'prefix', ...prefix, from: 0, initial: false, prevKv: true } },
  { asked: { name: 'one key', key: ONE_KEY, rangeEnd: '', from: 0, initial: false, prevKv: true } },
  { asked: { name: 'everything from the first revision', ...everything, from: 1, initial: false, prevKv: false } },
  { asked: { name: 'state and events', ...prefix, from: 0, initial: true, prevKv: true } },
  { asked: { name: 'hops', key: 'w/05', rangeEnd: 'w/15', from: 1, initial: false, prevKv: true }, hopsAfter: 7 },
  { asked: { name: 'slow, from the first', ...prefix, from: 1, initial: false, prevKv: false }, slowMs: 40 },
  { asked: { name: 'slow, with the state', ...everything, from: 0, initial: true, prevKv: true }, slowMs: 40 },
];

describe.skipIf(!requirePeer('quorate'))('watches of the client', () => {
  const cluster = useMembers('quorate', 3);
  let proxies: readonly StallingProxy[] = [];
  let writer: Client;
  let client: Client;
  let witness: HistoryWitness;
  let reconnects = 0;

  beforeAll(async () => {
    const { endpoints } = cluster();
    proxies = await Promise.all(endpoints.map((endpoint) => StallingProxy.start(endpoint)));
    writer = await connect(endpoints, { connectTimeout: 60_000, timeout: 30_000 });
    client = await connect(
      proxies.map(({ endpoint }) => endpoint),
      { connectTimeout: 60_000, timeout: 30_000 },
    );
    // Of the member that nobody kills.
    witness = await HistoryWitness.start(endpoints[0] ?? '');
    void (async () => {
      for await (const { kind } of client.status()) if (kind === 'reconnecting') reconnects += 1;
    })();
  }, 60_000);
  afterAll(async () => {
    witness.end();
    await Promise.all([client.close(), writer.close()]);
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  });

  /** Cuts whichever connections carry the next bytes, and sees that a watch had to find another. */
  async function cut(bytes: number): Promise<void> {
    const before = reconnects;
    await Promise.race(proxies.map((proxy) => proxy.cutAfter(bytes)));
    for (const proxy of proxies) proxy.disarm();
    await until('a watch to notice', PATIENCE_MS, async () => (reconnects > before ? true : undefined));
  }

  async function hasGoneOn(reader: Reader | undefined): Promise<void> {
    const before = reader?.revision ?? 0;
    await until('a reader to go on', PATIENCE_MS, async () => ((reader?.revision ?? 0) > before ? true : undefined));
  }

  it('tell everything once, in order and whole, whatever happens to their connections', {
    timeout: 500_000,
  }, async () => {
    const below = mulberry(SEED);
    const startedAt = performance.now();
    const workload = new Workload(writer, SEED);
    await workload.write(100);
    workload.start();
    let compacted = -1;
    const watching = readers.map((options) => new Reader(client, options, () => compacted));
    const slow = watching.filter((_, place) => readers[place]?.slowMs !== undefined);

    /** No reader that still has an earlier compaction before it. */
    const areAbreast = (some: readonly Reader[]): Promise<true> =>
      until('readers to come abreast', PATIENCE_MS, async () =>
        some.every((reader) => reader.revision > compacted) ? true : undefined,
      );
    /** Nobody hears of what is written, and then it is too late. */
    const compactPastReaders = async (): Promise<void> => {
      await areAbreast(watching.filter((reader) => !reader.isPaused));
      for (const proxy of proxies) proxy.refuse();
      await workload.write(WRITES_UNSEEN);
      compacted = (await writer.kv.put(ONE_KEY, 'compacted')).revision;
      await writer.kv.compact(revision(compacted));
      for (const proxy of proxies) proxy.letGo();
    };
    let killing: Promise<void> | undefined;
    let kills = 0;
    const at = (part: number, count: number): boolean => Math.floor(part * CUTS) === count;
    for (let count = 0; count < CUTS; count += 1) {
      if (KILLS.some((part) => at(part, count))) {
        await killing;
        killing = cluster().restart(1 + (kills % 2));
        kills += 1;
      }
      if (COMPACTIONS.some((part) => at(part, count))) await compactPastReaders();
      if (at(PAUSE.from, count)) {
        await areAbreast(slow);
        for (const reader of slow) reader.pause();
      }
      if (at(PAUSE.to, count)) for (const reader of slow) reader.goOn();
      await cut(1 + below(CUT_BYTES_MAX[count % CUT_BYTES_MAX.length] ?? 1));
      await delay(below(60));
      // Now and then something comes between two cuts.
      if (count % 2 === 1) await hasGoneOn(watching[0]);
    }
    await killing;
    await workload.stop();
    const last = await workload.last();
    await Promise.all(watching.map((reader) => reader.until(last, PATIENCE_MS)));
    await until('the witness', PATIENCE_MS, async () => (witness.revision >= last ? true : undefined));

    expect(witness.complaints()).toEqual([]);
    const history = new StoreHistory(witness.events);
    const { entries } = await writer.kv.list({ prefix: '' });
    expect([...history.contentsAt(last).values()].sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual(
      entries.map(keyValue),
    );

    const all = watching.map(({ watched }) => watched);
    for (const { asked, told } of all) {
      const count = (kind: string): number => told.filter((one) => one.kind === kind).length;
      console.log(`${asked.name}: ${count('events')} batches, ${count('resync')} resyncs, ${count('synced')} marks`);
      expect(count('resync'), asked.name).toBeGreaterThanOrEqual(COMPACTIONS.length);
    }
    expect(all.flatMap((watched) => judgeWatched(history, watched, last))).toEqual([]);

    // The same judge, of records that are spoiled.
    for (const [name, mutation] of Object.entries(mutations)) {
      const spoiled = all.flatMap(({ asked, told }) => {
        const bad = mutation(told);
        return bad === undefined ? [] : [{ asked, told: bad }];
      });
      expect(spoiled.length, name).toBeGreaterThan(0);
      for (const watched of spoiled) {
        expect(judgeWatched(history, watched, last), `${name}: ${watched.asked.name}`).not.toEqual([]);
      }
    }
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    console.log(`${CUTS} cuts, ${reconnects} reconnects, ${kills} kills, ${last} revisions, ${seconds} s`);
  });
});
