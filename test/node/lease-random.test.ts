/**
 * Leases under random faults: members that crash, pause, lose their office or the others, messages lost, doubled and late.
 * No lease ends before the time of its last answered renewal, counted from when that was sent; when the faults end, all
 * leases do, with their keys. QUORATE_SEED repeats a run.
 */
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../server/lib/random.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';
import { getAll, put } from './requests.js';

const FIRST_SEED = Number(process.env['QUORATE_SEED'] ?? 1);
const RUNS = Number(process.env['QUORATE_RUNS'] ?? 12);
const STEPS = 400;
const TTL_MAX_S = 6;
/** After the faults: an election, and what is left of the longest lease. */
const END_MS = 3000 + TTL_MAX_S * 1000 + 2000;

class LeaseRun {
  readonly cluster: NodeCluster;
  readonly #random: Random;
  /** Until when a lease must live, by what its client has heard. */
  readonly #promised = new Map<bigint, number>();
  /** When it was first seen to be gone. */
  readonly #gone = new Map<bigint, number>();
  readonly counts = { renewed: 0, told: 0, failed: 0, granted: 0, ended: 0, changes: 0 };
  #lastId = 0n;
  #paused: bigint | undefined;
  #isFaulty = true;
  #highestIndex = 0;
  #violation: string | undefined;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.cluster = new NodeCluster(3, { seed, leaseCheckpointMs: 1000 });
    this.cluster.network = () => {
      const delay = (): number => 1 + this.#random.below(this.#chance(5) ? 600 : 10);
      if (!this.#isFaulty) return [1];
      if (this.#chance(3)) return [];
      return this.#chance(3) ? [delay(), delay()] : [delay()];
    };
  }

  async run(): Promise<void> {
    await this.cluster.startAll();
    await this.cluster.untilLeader();
    for (let step = 0; step < STEPS; step += 1) {
      await this.#act();
      await this.cluster.clock.advance(1 + this.#random.below(60));
      this.#look();
    }
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#isFaulty = false;
    this.cluster.heal();
    this.#resume();
    await this.cluster.startAll();
    for (let waited = 0; waited < END_MS; waited += 50) {
      await this.cluster.clock.advance(50);
      this.#look();
    }
    const leader = await this.cluster.untilLeader();
    expect([...leader.node.machine.leases.all()]).toEqual([]);
    expect((await this.cluster.run(leader.kv.range(getAll()))).kvs).toEqual([]);
    expect(this.cluster.fatals).toEqual([]);
  }

  async #act(): Promise<void> {
    const roll = this.#random.below(100);
    if (roll < 12) this.#grant();
    else if (roll < 70) this.#renew();
    else if (roll < 94) return;
    else await this.#disturb();
  }

  #grant(): void {
    const member = this.#member();
    if (member === undefined) return;
    this.#lastId += 1n;
    const id = this.#lastId;
    const ttl = BigInt(2 + this.#random.below(TTL_MAX_S - 1));
    const sentAt = this.cluster.clock.now();
    member.leases.grant({ id, ttl }).then(
      (granted) => {
        this.counts.granted += 1;
        this.#promise(id, sentAt, granted.ttl);
        return member.kv.put(put(`k${id}`, '', { lease: id })).catch(() => undefined);
      },
      () => undefined,
    );
  }

  #renew(): void {
    const member = this.#member();
    const live = [...this.#promised.keys()].filter((id) => !this.#gone.has(id));
    const id = live[this.#random.below(Math.max(1, live.length))];
    if (member === undefined || id === undefined) return;
    const sentAt = this.cluster.clock.now();
    member.leases.keepAlive(id).then(
      ({ ttl }) => {
        this.counts[ttl > 0n ? 'renewed' : 'told'] += 1;
        if (ttl > 0n) this.#promise(id, sentAt, ttl);
        else this.#sawEnd(id);
      },
      () => {
        this.counts.failed += 1;
      },
    );
  }

  #promise(id: bigint, sentAt: number, ttl: bigint): void {
    const until = sentAt + Number(ttl) * 1000;
    this.#promised.set(id, Math.max(this.#promised.get(id) ?? 0, until));
    this.#check(id);
  }

  /** At the member that is furthest, unless one that was further is away. */
  #look(): void {
    if (this.#violation !== undefined) throw new Error(this.#violation);
    const serving = this.cluster.running.filter(({ node }) => node.isServing);
    const applied = ({ node }: RunningMember): number => node.status().appliedIndex;
    const furthest = serving.sort((a, b) => applied(b) - applied(a))[0];
    if (furthest === undefined || applied(furthest) < this.#highestIndex) return;
    this.#highestIndex = applied(furthest);
    for (const id of this.#promised.keys()) {
      if (furthest.node.machine.leases.get(id) === undefined) this.#sawEnd(id);
    }
  }

  #sawEnd(id: bigint): void {
    if (this.#gone.has(id)) return;
    this.#gone.set(id, this.cluster.clock.now());
    this.counts.ended += 1;
    this.#check(id);
  }

  #check(id: bigint): void {
    const [gone, promised] = [this.#gone.get(id), this.#promised.get(id)];
    if (gone !== undefined && promised !== undefined && gone < promised) {
      this.#violation ??= `lease ${id} was gone at ${gone}, but was promised until ${promised}`;
    }
  }

  async #disturb(): Promise<void> {
    const { cluster } = this;
    this.counts.changes += 1;
    const roll = this.#random.below(7);
    const victim = this.#random.below(2) === 0 ? cluster.leader() : this.#member();
    if (roll === 0) cluster.heal();
    else if (roll === 1) this.#resume();
    else if (roll === 2) await cluster.startAll();
    else if (victim === undefined) return;
    else if (roll === 3) cluster.isolate(victim.node.id);
    else if (roll === 4 && this.#paused === undefined) {
      this.#paused = victim.node.id;
      cluster.pause(victim.node.id);
    } else if (roll === 5 && victim.node.id !== this.#paused) cluster.crash(victim.node.id);
    else if (roll === 6) {
      const [to] = cluster.followers();
      if (to !== undefined) cluster.leader()?.node.transferLeadership(to.node.id);
    }
  }

  #resume(): void {
    if (this.#paused !== undefined) this.cluster.resume(this.#paused);
    this.#paused = undefined;
  }

  #member(): RunningMember | undefined {
    const members = this.cluster.running.filter(({ node }) => node.id !== this.#paused);
    return members[this.#random.below(Math.max(1, members.length))];
  }

  #chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }
}

describe('leases under random faults', () => {
  it('never end early, and end', { timeout: 240_000 }, async () => {
    const sum = { renewed: 0, told: 0, failed: 0, granted: 0, ended: 0, changes: 0 };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
      const run = new LeaseRun(seed);
      try {
        await run.run();
      } catch (error) {
        throw new Error(`QUORATE_SEED=${seed} QUORATE_RUNS=1 repeats it: ${String(error)}`, { cause: error });
      }
      for (const key of ['renewed', 'told', 'failed', 'granted', 'ended', 'changes'] as const)
        sum[key] += run.counts[key];
    }
    console.info(`${RUNS} runs: ${JSON.stringify(sum)}`);
    expect(sum.granted).toBeGreaterThan(10 * RUNS);
    expect(sum.renewed).toBeGreaterThan(20 * RUNS);
    expect(sum.ended).toBeGreaterThan(5 * RUNS);
  });
});
