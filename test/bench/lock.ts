/**
 * Locks as applications use them: @quorate/client on three members of Quorate, and the etcd3 package from npm on three of
 * etcd. One client that nobody disturbs, 64 with a lock each, 32 that want the same one, in short rounds that take turns;
 * then how long after the death of a holder the next one has the lock.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { percentile, type Spread, spreadOf } from '../e2e/figures.js';
import { Cluster, type Leadership } from '../harness/cluster.js';
import type { Program } from '../harness/etcd.js';
import { LockLoad, type LockLoadOptions, type LockResult, machineMs } from './lock-load.js';

export interface LockOptions {
  readonly programs: readonly Program[];
  /** Of every figure in every round. */
  readonly seconds: number;
  readonly rounds: number;
  readonly nodeArgs: readonly string[];
}

export interface LockFigure {
  readonly program: Program;
  readonly load: string;
  /** One for each round, in their order. */
  readonly rounds: readonly LockResult[];
  readonly perSecond: Spread;
}

/** From the death of the holder to the next grant, without the ttl. */
export interface DeathFigure {
  readonly program: Program;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
}

export interface LockFigures {
  readonly loads: readonly LockFigure[];
  readonly deaths: readonly DeathFigure[];
}

const loads: readonly (Pick<LockLoadOptions, 'clients' | 'lanes' | 'locks'> & { readonly name: string })[] = [
  { name: 'one client, one lock', clients: 1, lanes: 1, locks: 'own' },
  { name: 'one client, 64 locks', clients: 1, lanes: 64, locks: 'own' },
  { name: '64 clients, a lock each', clients: 64, lanes: 1, locks: 'own' },
  { name: '32 clients, one lock', clients: 32, lanes: 1, locks: 'one' },
];
const warmUpSeconds = 2;
const deaths = 5;
const locksPerDeath = 20;
const deathTtlSeconds = 2;
/** Holders renew at a third of the ttl, and die at any moment between two renewals. */
const deathAfterMs = 1_500;

export async function runLocks(options: LockOptions): Promise<LockFigures> {
  const contenders: LockContender[] = [];
  try {
    for (const program of options.programs) contenders.push(await LockContender.start(program, options.nodeArgs));
    const figures: LockFigure[] = [];
    for (const load of loads) figures.push(...(await measure(contenders, load, options)));
    const died: DeathFigure[] = [];
    for (const contender of contenders) died.push(await contender.killHolders());
    return { loads: figures, deaths: died };
  } finally {
    for (const contender of contenders) await contender.end();
  }
}

async function measure(
  contenders: readonly LockContender[],
  { name, ...load }: (typeof loads)[number],
  { seconds, rounds }: LockOptions,
): Promise<readonly LockFigure[]> {
  const measured = [];
  for (const contender of contenders) {
    const run = await contender.load(load);
    await run.run(warmUpSeconds);
    measured.push({ contender, run, results: new Array<LockResult>() });
  }
  for (let round = 0; round < rounds; round += 1) {
    const inTurn = round % 2 === 0 ? measured : [...measured].reverse();
    for (const { run, results } of inTurn) results.push(await run.run(seconds));
  }
  for (const { contender, run } of measured) {
    await run.end();
    await contender.assertSettled();
  }
  return measured.map(({ contender: { program }, results }) => {
    return { program, load: name, rounds: results, perSecond: spreadOf(results.map((one) => one.perSecond)) };
  });
}

/** Three fresh members, and the checks that make a figure worth printing. */
class LockContender {
  readonly #cluster: Cluster;
  readonly #leadership: Leadership;

  private constructor(cluster: Cluster, leadership: Leadership) {
    this.#cluster = cluster;
    this.#leadership = leadership;
  }

  static async start(program: Program, nodeArgs: readonly string[]): Promise<LockContender> {
    const cluster = await Cluster.start({ program, nodeArgs });
    return new LockContender(cluster, await cluster.untilSettled());
  }

  get program(): Program {
    return this.#cluster.program;
  }

  load(load: Pick<LockLoadOptions, 'clients' | 'lanes' | 'locks'>): Promise<LockLoad> {
    const { endpoint } = this.#leadership.leader.spec;
    return LockLoad.start({ ...load, program: this.program, endpoint });
  }

  async assertSettled(): Promise<void> {
    const { leader, term } = await this.#cluster.untilLeadership();
    if (leader === this.#leadership.leader && term === this.#leadership.term) return;
    throw new Error(`${this.program}: no valid figure: the leader changed`);
  }

  async killHolders(): Promise<DeathFigure> {
    const late: number[] = [];
    const waiters = await this.load({ clients: locksPerDeath, lanes: 1, locks: 'own' });
    for (let death = 0; death < deaths; death += 1) {
      const holders = await this.load({ clients: locksPerDeath, lanes: 1, locks: 'own' });
      await holders.hold(deathTtlSeconds);
      const taken = waiters.takenAt(deathTtlSeconds);
      await delay(deathAfterMs + (death * deathTtlSeconds * 1_000) / (3 * deaths));
      const diedAt = machineMs();
      holders.kill();
      for (const at of await taken) {
        if (at < diedAt) throw new Error(`${this.program}: no valid figure: a lock was taken from one that lives`);
        late.push(at - diedAt - deathTtlSeconds * 1_000);
      }
    }
    await waiters.end();
    return { program: this.program, p50Ms: percentile(late, 0.5), p99Ms: percentile(late, 0.99), count: late.length };
  }

  async end(): Promise<void> {
    await Promise.all(this.#cluster.members.map((member) => member.stop()));
    await this.#cluster.end();
  }
}
