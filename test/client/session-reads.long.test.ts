/**
 * `session` reads on every member while members lag, stand still and restart: each shows what its client had written and
 * nothing older than its client had been shown. `serializable` reads, asked of the same members at the same moment, do
 * neither: so the check bites.
 *
 * QUORATE_FULL=1: 1,000,000 reads, some minutes. Else 50,000.
 */
import { describe, expect, it } from 'vitest';
import { connect } from '../../client/index.js';
import { seededRandom } from '../../server/lib/random.js';
import { seed } from '../e2e/subject.js';
import { type Cluster, withCluster } from '../harness/cluster.js';
import { DelayedLinks } from '../harness/delayed-links.js';
import { requirePeer } from '../harness/etcd.js';
import { CountingTransport, type ReadCounts } from './reads/counting-transport.js';
import { type LagCounts, LaggingMembers } from './reads/lagging-members.js';
import { type Broken, brokenBy, ReadingClient, type ReadKind } from './reads/reading-client.js';

const isFull = process.env['QUORATE_FULL'] === '1';
const readsMin = isFull ? 1_000_000 : 50_000;
const roundsMin = isFull ? 10 : 2;
const clientCount = 3;

interface Run {
  readonly reads: Readonly<Record<ReadKind, number>>;
  readonly broken: Readonly<Record<ReadKind, Broken>>;
  readonly examples: readonly string[];
  readonly writes: number;
  /** By member. */
  readonly counts: readonly ReadCounts[];
  readonly lags: LagCounts;
  readonly seconds: number;
}

async function run(cluster: Cluster, links: DelayedLinks): Promise<Run> {
  const random = seededRandom(seed);
  const endpoints = cluster.members.map(({ spec }) => spec.endpoint);
  const transport = new CountingTransport();
  const lagging = new LaggingMembers(cluster, links, random);
  const clients: ReadingClient[] = [];
  const sessionReads = (): number => clients.reduce((sum, { reads }) => sum + reads.session, 0);
  let hasFailed = false;
  const isOver = (): boolean => hasFailed || (sessionReads() >= readsMin && lagging.counts.rounds >= roundsMin);
  const sdk = await Promise.all(
    Array.from({ length: clientCount }, () => connect(endpoints, { transport, connectTimeout: 60_000 })),
  );
  for (const [number, client] of sdk.entries()) {
    clients.push(new ReadingClient({ client, number, clients: clientCount, random, isOver }));
  }
  const beganMs = performance.now();
  const work = [lagging.run(isOver), ...clients.map((client) => client.run())];
  await Promise.all(
    work.map((part) =>
      part.catch((error: unknown) => {
        hasFailed = true;
        throw error;
      }),
    ),
  );
  const seconds = (performance.now() - beganMs) / 1_000;
  await Promise.all(sdk.map((client) => client.close()));
  return {
    reads: { session: sessionReads(), serializable: clients.reduce((sum, { reads }) => sum + reads.serializable, 0) },
    broken: { session: brokenBy(clients, 'session'), serializable: brokenBy(clients, 'serializable') },
    examples: clients.flatMap(({ examples }) => examples),
    writes: clients.reduce((sum, { writes }) => sum + writes, 0),
    counts: endpoints.map((endpoint) => transport.counts.get(endpoint) ?? { answers: 0, overtaken: 0 }),
    lags: lagging.counts,
    seconds,
  };
}

function report({ reads, broken, writes, counts, lags, seconds }: Run): void {
  const rate = (reads.session + reads.serializable) / seconds;
  console.log(
    `seed ${seed}: ${reads.session} session and ${reads.serializable} serializable reads among ${writes} writes in ` +
      `${seconds.toFixed(1)} s (${rate.toFixed(0)} reads/s); by member ${JSON.stringify(counts)}; ` +
      `${lags.rounds} rounds of a delay, a stop and a restart, ${lags.leaders} of leaders; ` +
      `broken promises: session ${JSON.stringify(broken.session)}, serializable ${JSON.stringify(broken.serializable)}`,
  );
}

describe.skipIf(!requirePeer('quorate'))('reads on members that lag, stand still and restart', () => {
  it('of a session show what it wrote and never go back; others do', {
    timeout: isFull ? 3_000_000 : 400_000,
  }, async () => {
    const links = new DelayedLinks();
    const forPeers = (endpoint: string): Promise<string> => links.open(endpoint);
    let outcome: Run;
    try {
      outcome = await withCluster({ program: 'quorate', detours: { forPeers } }, (cluster) => run(cluster, links));
    } finally {
      await links.end();
    }
    report(outcome);
    const { reads, broken, examples, counts, lags, writes } = outcome;
    expect(examples).toEqual([]);
    expect(broken.session).toEqual({ ownWrite: 0, backwards: 0, torn: 0 });
    // The control: the same members, at the same time.
    expect(broken.serializable.ownWrite).toBeGreaterThan(20);
    expect(broken.serializable.backwards).toBeGreaterThan(100);
    expect(broken.serializable.torn).toBe(0);
    // Less, and the run would prove nothing.
    expect(reads.session).toBeGreaterThanOrEqual(readsMin);
    expect(lags.rounds).toBeGreaterThanOrEqual(roundsMin);
    expect(writes).toBeGreaterThan(readsMin / 200);
    for (const { answers } of counts) expect(answers).toBeGreaterThan(readsMin / 10);
    expect(counts.filter(({ overtaken }) => overtaken > readsMin / 1_000).length).toBeGreaterThan(1);
  });
});
