/**
 * A cluster under random faults and load, drawn from one seed: crashes that lose unsynced batches, cuts, a bad network,
 * pauses, stuck disks, graceful stops, compactions, small logs that force snapshots. Meanwhile clients write keys, each
 * once, and read them all. Whatever was answered must have been true.
 */
import { expect } from 'vitest';
import { QuorateError, type ErrorCode } from '../../server/lib/quorate-error.js';
import { type Random, seededRandom } from '../../server/lib/random.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';
import { compact, get, getAll, put } from './requests.js';

/** A write with one of these surely did not happen and never will. */
const DEFINITE: ReadonlySet<ErrorCode> = new Set([
  'PROPOSAL_DROPPED',
  'DEADLINE_EXCEEDED',
  'STOPPED',
  'TOO_MANY_REQUESTS',
  'CANCELED',
]);

interface Write {
  readonly key: string;
  readonly member: RunningMember;
  outcome: 'open' | 'acknowledged' | 'refused' | 'unknown';
}

export interface RunReport {
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly reads: number;
  readonly crashes: number;
  readonly installed: number;
}

interface RunOptions {
  readonly seed: number;
  readonly members: number;
  readonly steps: number;
}

interface RunsOptions {
  readonly members: number;
  readonly steps: number;
  readonly firstSeed: number;
  readonly lastSeed: number;
}

/** One run for each seed, and what they saw together. A failure names its seed. */
export async function randomRuns({ members, steps, firstSeed, lastSeed }: RunsOptions): Promise<RunReport> {
  const sum = { acknowledged: 0, refused: 0, unknown: 0, reads: 0, crashes: 0, installed: 0 };
  for (let seed = firstSeed; seed <= lastSeed; seed += 1) {
    const report = await randomRun({ seed, members, steps }).catch((error: unknown) => {
      throw new Error(`seed ${seed}, ${members} members: ${String(error)}`, { cause: error });
    });
    sum.acknowledged += report.acknowledged;
    sum.refused += report.refused;
    sum.unknown += report.unknown;
    sum.reads += report.reads;
    sum.crashes += report.crashes;
    sum.installed += report.installed;
  }
  return sum;
}

async function randomRun(options: RunOptions): Promise<RunReport> {
  const run = new RandomRun(options);
  for (let step = 0; step < options.steps; step += 1) await run.step();
  return run.finish();
}

class RandomRun {
  readonly #random: Random;
  readonly #cluster: NodeCluster;
  readonly #writes: Write[] = [];
  readonly #leaders = new Map<number, bigint>();
  readonly #revisions = new Map<number, number>();
  readonly #down = new Set<bigint>();
  readonly #stopping = new Set<bigint>();
  /** What the last finished read saw: a later one sees no less. */
  #seen: ReadonlySet<string> = new Set();
  #reads = 0;
  #crashes = 0;
  #installed = 0;

  constructor({ seed, members }: RunOptions) {
    this.#random = seededRandom(seed);
    this.#cluster = new NodeCluster(members, {
      seed,
      snapshotCount: 10 + this.#random.below(40),
      snapshotCatchUpEntries: 1 + this.#random.below(10),
      raft: {
        applyPageEntriesMax: 1 + this.#random.below(5),
        appendBytesMax: 100 + this.#random.below(1000),
        inflightMessagesMax: 1 + this.#random.below(4),
      },
    });
    this.#cluster.onRebuild = () => {
      this.#installed += 1;
    };
  }

  async step(): Promise<void> {
    await this.#startMissing(false);
    this.#load();
    await this.#fault();
    await this.#cluster.clock.advance(1 + this.#random.below(250));
    this.#check();
  }

  async finish(): Promise<RunReport> {
    const cluster = this.#cluster;
    this.#healAll();
    await cluster.until(() => this.#stopping.size === 0);
    await this.#startMissing(true);
    await cluster.untilLeader();
    // Every request has its answer by now, whatever became of it.
    await cluster.clock.advance(8000);
    await cluster.quiet();
    await cluster.clock.advance(100);
    this.#check();
    for (const write of this.#writes) {
      if (write.outcome !== 'open') continue;
      expect(cluster.running).not.toContain(write.member);
      write.outcome = 'unknown';
    }
    await this.#checkKeys();
    await this.#checkEnd();
    const count = (outcome: Write['outcome']): number => this.#writes.filter((w) => w.outcome === outcome).length;
    return {
      acknowledged: count('acknowledged'),
      refused: count('refused'),
      unknown: count('unknown'),
      reads: this.#reads,
      crashes: this.#crashes,
      installed: this.#installed,
    };
  }

  async #startMissing(all: boolean): Promise<void> {
    for (const id of this.#cluster.ids) {
      const isRunning = this.#cluster.running.some(({ node }) => node.id === id);
      if (isRunning || this.#stopping.has(id) || (!all && this.#down.has(id) && !this.#chance(30))) continue;
      this.#down.delete(id);
      await this.#cluster.run(this.#cluster.start(id));
    }
  }

  #load(): void {
    for (const member of this.#cluster.running) {
      for (let more = this.#random.below(4); more > 0; more -= 1) this.#write(member);
      if (this.#chance(40)) this.#read(member);
      if (this.#chance(3)) {
        const revision = Math.max(1, member.node.machine.revision - this.#random.below(20));
        void member.kv.compact(compact(revision), false).catch(() => undefined);
      }
    }
  }

  #write(member: RunningMember): void {
    const write: Write = { key: `w${this.#writes.length}`, member, outcome: 'open' };
    this.#writes.push(write);
    member.kv.put(put(write.key, 'x'.repeat(this.#random.below(100)))).then(
      () => {
        expect(write.outcome).toBe('open');
        write.outcome = 'acknowledged';
      },
      (error: unknown) => {
        const isDefinite = error instanceof QuorateError && DEFINITE.has(error.code);
        write.outcome = isDefinite ? 'refused' : 'unknown';
      },
    );
  }

  /** It sees every write acknowledged before it began, and everything that an earlier read saw. */
  #read(member: RunningMember): void {
    const known = new Set(this.#seen);
    for (const { key, outcome } of this.#writes) if (outcome === 'acknowledged') known.add(key);
    member.kv.range(getAll({ keysOnly: true })).then(
      ({ kvs }) => {
        const found = new Set(kvs.map(({ key }) => key));
        for (const key of known) if (!found.has(key)) this.#stale.push(`${key} at member ${member.node.id}`);
        if (found.size > this.#seen.size) this.#seen = found;
        this.#reads += 1;
      },
      () => undefined,
    );
  }
  readonly #stale: string[] = [];

  async #fault(): Promise<void> {
    const { ids } = this.#cluster;
    const id = this.#pick(ids);
    const roll = this.#random.below(100);
    if (roll < 8) this.#crash(id);
    else if (roll < 10) for (const each of ids) this.#crash(each);
    else if (roll < 18) this.#cluster.isolate(id);
    else if (roll < 24) this.#cluster.cut(id, this.#pick(ids));
    else if (roll < 30) this.#cluster.cutOneWay(id, this.#pick(ids));
    else if (roll < 45) this.#cluster.heal();
    else if (roll < 52) this.#badNetwork();
    else if (roll < 60) this.#cluster.network = () => [1];
    else if (roll < 66) this.#pause(id);
    else if (roll < 72) this.#stickDisk(id);
    else if (roll < 76) this.#stop(id);
  }

  #crash(id: bigint): void {
    if (!this.#cluster.running.some(({ node }) => node.id === id) || this.#stopping.has(id)) return;
    const { unsyncedBatches } = this.#cluster.disk(id);
    this.#cluster.crash(id, this.#random.below(unsyncedBatches + 1));
    this.#cluster.probe(id).beforeSync = () => undefined;
    this.#down.add(id);
    this.#crashes += 1;
  }

  #badNetwork(): void {
    const lost = this.#random.below(20);
    const doubled = this.#random.below(30);
    const slow = 1 + this.#random.below(400);
    this.#cluster.network = () => {
      if (this.#chance(lost)) return [];
      const delay = 1 + (this.#chance(30) ? this.#random.below(slow) : 0);
      return this.#chance(doubled) ? [delay, delay + this.#random.below(2000)] : [delay];
    };
  }

  #pause(id: bigint): void {
    this.#cluster.pause(id);
    this.#cluster.clock.setTimer(() => this.#cluster.resume(id), this.#random.below(3000));
  }

  #stickDisk(id: bigint): void {
    const until = this.#cluster.clock.now() + this.#random.below(2500);
    this.#cluster.probe(id).beforeSync = () => {
      const left = until - this.#cluster.clock.now();
      if (left <= 0) return;
      return new Promise((resolve) => this.#cluster.clock.setTimer(resolve, left));
    };
  }

  #stop(id: bigint): void {
    const member = this.#cluster.running.find(({ node }) => node.id === id);
    if (member === undefined || this.#stopping.has(id)) return;
    this.#stopping.add(id);
    void member.node.stop().then(() => {
      this.#stopping.delete(id);
      this.#cluster.remove(id);
      this.#down.add(id);
    });
  }

  #healAll(): void {
    const cluster = this.#cluster;
    cluster.heal();
    cluster.network = () => [1];
    for (const id of cluster.ids) {
      cluster.resume(id);
      cluster.probe(id).beforeSync = () => undefined;
    }
  }

  #check(): void {
    expect(this.#cluster.fatals).toEqual([]);
    expect(this.#stale).toEqual([]);
    for (const { node } of this.#cluster.running) {
      const { role, term, appliedIndex, id } = node.status();
      if (role === 'leader') {
        expect(this.#leaders.get(term) ?? id).toBe(id);
        this.#leaders.set(term, id);
      }
      if (!node.isServing) continue;
      const { revision } = node.machine;
      expect(this.#revisions.get(appliedIndex) ?? revision).toBe(revision);
      this.#revisions.set(appliedIndex, revision);
    }
  }

  async #checkKeys(): Promise<void> {
    const { running } = this.#cluster;
    const reader = running[0];
    if (reader === undefined) throw new Error('nobody runs');
    for (const { key, outcome } of this.#writes) {
      const { kvs } = await reader.kv.range(get(key, { serializable: true }));
      const version = kvs[0]?.version ?? 0;
      const allowed: readonly number[] = { acknowledged: [1], refused: [0], unknown: [0, 1], open: [] }[outcome];
      if (!allowed.includes(version)) throw new Error(`${key} was ${outcome} and is there ${version} times`);
    }
  }

  async #checkEnd(): Promise<void> {
    const hashes = new Set<string>();
    for (const { node, kv } of this.#cluster.running) {
      expect(node.queues()).toEqual({ proposals: 0, reads: 0, leases: 0, writes: 0 });
      expect(node.status()).toMatchObject({ waitingReads: 0, uncommittedBytes: 0 });
      const { hash, hashRevision } = await this.#cluster.run(kv.hashKv(0));
      hashes.add(`${hashRevision} ${hash}`);
    }
    expect(hashes.size).toBe(1);
  }

  #chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }
  #pick<T>(items: readonly T[]): T {
    const item = items[this.#random.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}
