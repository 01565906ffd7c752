/**
 * What goes wrong, and when. Each kind of fault draws from a stream of its own and happens again and again, as often as
 * its strength says, for as long as the time of faults lasts. What it began it also ends.
 */
import type { Random } from '../../server/lib/random.js';
import type { NodeId } from '../../server/raft/types.js';
import { between, longTail, pick, shuffled, streamOf } from './draws.js';
import type { CrashMoment, Life, Slot } from './life.js';
import { Operator } from './operator.js';
import type { FaultKind } from './plan-types.js';
import { drawCut } from './sim-disk.js';
import type { World } from './world.js';

/** Mean true ms between two of a kind at full strength, in the whole cluster. */
const EVERY_MS = {
  partitionSymmetric: 1500,
  partitionOneWay: 1500,
  partitionRing: 3000,
  partitionFlapping: 4000,
  slowLink: 2000,
  crash: 700,
  crashAll: 8000,
  gracefulStop: 2500,
  pause: 2000,
  diskWriteError: 4000,
  diskSyncError: 4000,
  diskFull: 5000,
  wallClockJump: 1000,
  leaderTransfer: 1000,
  membershipChange: 1000,
} as const satisfies Partial<Record<FaultKind, number>>;

const CRASH_MOMENTS: readonly CrashMoment[] = [
  'beforeWrite',
  'beforeSync',
  'afterSync',
  'beforeSend',
  'afterSend',
  'beforeAnswer',
  'atChunk',
  'anywhere',
];
/** A crash that waits for its moment in vain happens all the same. */
const MOMENT_WAIT_MS = 500;
const DOWN_MS_MAX = [200, 2000, 10_000, 60_000] as const;
const PARTITION_MS_MAX = [1000, 5000, 15_000] as const;
const PAUSE_MS_MAX = [500, 3000, 30_000] as const;
/** One kind alone keeps no more than this share of the members away, on the average. */
const OUT_SHARE_MAX = 0.3;
const LONG_TAIL_MEAN = 0.2;
/** In election timeouts. */
const ELECTIONS_MISSED = { from: 1, to: 4 } as const;
/** Of an outage. */
const MS_MIN = 10;
const DAY_MS = 86_400_000;

type Action = (random: Random, strength: number) => void;

export class Faults {
  readonly #world: World;
  readonly #operator: Operator;
  /** Of members that end by themselves or are made to. */
  readonly #restarts: Random;
  /** The longest time that a member of this run stays down, or stands still. */
  readonly #downMsMax: number;
  readonly #pauseMsMax: number;
  /** What undoes the partitions and slow spells that last. */
  readonly #undo = new Set<() => void>();

  constructor(world: World) {
    this.#world = world;
    this.#operator = new Operator(world);
    this.#restarts = streamOf(world.plan.seed, 'restarts');
    this.#downMsMax = pick(this.#restarts, DOWN_MS_MAX);
    this.#pauseMsMax = pick(this.#restarts, PAUSE_MS_MAX);
  }

  start(): void {
    const world = this.#world;
    world.onEnded = (slot) => this.#restartLater(slot);
    const actions: Readonly<Record<keyof typeof EVERY_MS, Action>> = {
      partitionSymmetric: (random) => this.#partition('partitionSymmetric', random, splitIn(this.#sides(random))),
      partitionOneWay: (random) => this.#partition('partitionOneWay', random, oneWay(this.#sides(random))),
      partitionRing: (random) => this.#partition('partitionRing', random, ring(shuffled(random, this.#ids))),
      partitionFlapping: (random) => this.#flap(random),
      slowLink: (random, strength) => this.#slowLink(random, strength),
      crash: (random) => this.#crash(random),
      crashAll: (random) => this.#crashAll(random),
      gracefulStop: (random) => this.#withLife(random, (life) => world.stop(life)),
      pause: (random) => this.#pause(random),
      diskWriteError: (random) => world.conditions.failNextWrite(pick(random, this.#ids)),
      diskSyncError: (random) => world.conditions.failNextSync(pick(random, this.#ids)),
      diskFull: (random) => this.#fillDisk(random),
      wallClockJump: (random) => this.#jumpClock(random),
      leaderTransfer: (random) => this.#operator.transferLeadership(random),
      membershipChange: (random) => this.#operator.changeMembers(random),
    };
    for (const [kind, everyMs] of Object.entries(EVERY_MS)) {
      const known = kind as keyof typeof EVERY_MS;
      this.#repeat(known, everyMs, actions[known]);
    }
  }

  /** Everything that lasts is over. */
  stop(): void {
    for (const undo of this.#undo) undo();
    this.#undo.clear();
  }

  #repeat(kind: FaultKind, everyMs: number, action: Action): void {
    const strength = this.#world.plan.faults[kind];
    if (strength === undefined) return;
    const random = streamOf(this.#world.plan.seed, kind);
    const meanMs = Math.max(everyMs, this.#outageMs(kind) / (OUT_SHARE_MAX * this.#world.plan.voters)) / strength;
    const next = (): void => {
      this.#world.time.after(between(random, 0, 2 * meanMs), () => {
        if (!this.#world.isFaulty) return;
        action(random, strength);
        next();
      });
    };
    next();
  }

  /** For how long a fault takes its member away, about; 0 for those that do not. */
  #outageMs(kind: FaultKind): number {
    switch (kind) {
      case 'crash':
      case 'gracefulStop':
      case 'diskWriteError':
      case 'diskSyncError':
        return LONG_TAIL_MEAN * this.#downMsMax;
      case 'pause':
        return (LONG_TAIL_MEAN * this.#pauseMsMax + this.#electionsMissedMs) / 2;
      case 'partitionSymmetric':
      case 'partitionOneWay':
        return this.#electionsMissedMs / 2;
      default:
        return 0;
    }
  }

  get #electionsMissedMs(): number {
    return ((ELECTIONS_MISSED.from + ELECTIONS_MISSED.to) / 2) * this.#world.plan.electionMs;
  }

  get #ids(): readonly NodeId[] {
    return [...this.#world.slots.keys()];
  }

  /** The leader's, now and then: that is where most can go wrong. */
  #withLife(random: Random, act: (life: Life) => void): void {
    const { leader, slots } = this.#world;
    const lives = [...slots.values()].flatMap(({ life }) => (life === undefined ? [] : [life]));
    if (lives.length === 0) return;
    const drawn = pick(random, lives);
    act(leader !== undefined && random.below(2) === 0 ? leader : drawn);
  }

  /** Half of the outages last long enough for another leader to be found, and end while the old one's work is open. */
  #outageOf(random: Random, longest: number): number {
    if (random.below(2) === 0) return longTail(random, MS_MIN, longest);
    return between(random, ELECTIONS_MISSED.from, ELECTIONS_MISSED.to) * this.#world.plan.electionMs;
  }

  #restartLater(slot: Slot): void {
    if (slot.isGone) return;
    const ms = this.#world.isFaulty ? longTail(this.#restarts, 0, this.#downMsMax) : 1;
    this.#world.time.after(ms, () => this.#world.start(slot));
  }

  // Networks

  #sides(random: Random): readonly [readonly NodeId[], readonly NodeId[]] {
    const { leader } = this.#world;
    const drawn = shuffled(random, this.#ids);
    const first = leader !== undefined && random.below(2) === 0 ? [leader.slot.id] : [];
    const order = [...first, ...drawn.filter((id) => !first.includes(id))];
    const size = random.below(2) === 0 ? 1 : 1 + random.below(Math.max(1, order.length - 1));
    return [order.slice(0, size), order.slice(size)];
  }

  #partition(kind: FaultKind, random: Random, links: readonly (readonly [NodeId, NodeId])[]): void {
    this.#cut(kind, links, this.#outageOf(random, pick(random, PARTITION_MS_MAX)), random);
  }

  #cut(kind: FaultKind, links: readonly (readonly [NodeId, NodeId])[], ms: number, random: Random): void {
    if (links.length === 0) return;
    const { network, trace, streams, faults } = this.#world;
    faults.add(kind);
    trace.event(
      () => `${kind} for ${Math.round(ms)} ms: ${links.map((link) => link.join('->')).join(' ')}`,
      links.length,
    );
    for (const [from, to] of links) {
      network.cut(from, to);
      streams.linkCut(from, to);
      if (random.below(4) === 0) this.#tellBroken(from, to);
    }
    this.#forSomeTime(ms, () => {
      trace.event(() => `${kind} is over`, links.length);
      for (const [from, to] of links) network.mend(from, to);
    });
  }

  /** The sender's connection is reset. */
  #tellBroken(from: NodeId, to: NodeId): void {
    const { time, slots } = this.#world;
    time.after(1, () => {
      const life = slots.get(from)?.life;
      life?.process.run(() => life.receiver?.unreachable(to));
    });
  }

  #flap(random: Random): void {
    const [a, b] = shuffled(random, this.#ids);
    if (a === undefined || b === undefined) return;
    const links = random.below(3) === 0 ? splitIn(this.#sides(random)) : splitIn([[a], [b]]);
    const periodMs = between(random, 200, 2000);
    for (let times = 2 + random.below(8); times > 0; times -= 1) {
      this.#world.time.after(2 * times * periodMs, () => {
        if (this.#world.isFaulty) this.#cut('partitionFlapping', links, periodMs, random);
      });
    }
  }

  #slowLink(random: Random, strength: number): void {
    const [from, to] = shuffled(random, this.#ids);
    if (from === undefined || to === undefined) return;
    const { network } = this.#world;
    const slowMs = longTail(random, 5, 5 + 2000 * strength);
    network.slow(from, to, slowMs);
    this.#forSomeTime(longTail(random, 100, 10_000), () => network.slow(from, to, -slowMs));
  }

  // Processes

  #crash(random: Random): void {
    this.#withLife(random, (life) => {
      const { slot } = life;
      const moment = pick(random, CRASH_MOMENTS);
      if (moment === 'anywhere') {
        this.#world.crash(life);
        return;
      }
      slot.crashAt = moment;
      this.#world.time.after(MOMENT_WAIT_MS, () => {
        if (slot.life === life && slot.crashAt === moment && this.#world.isFaulty) this.#world.crash(life);
      });
    });
  }

  /** Power loss of all: also of those that are down, whose disks may still owe them something. */
  #crashAll(random: Random): void {
    this.#world.faults.add('crashAll');
    for (const slot of this.#world.slots.values()) {
      if (slot.life === undefined) slot.disk.cut(random, drawCut(random));
      else this.#world.end(slot.life, drawCut(random), 'loses power');
    }
    const downMsMax = pick(random, [100, 1000, 5000]);
    for (const slot of this.#world.slots.values()) {
      this.#world.time.after(between(random, 0, downMsMax), () => {
        if (this.#world.isFaulty) this.#world.start(slot);
      });
    }
  }

  #pause(random: Random): void {
    this.#withLife(random, ({ slot, process }) => {
      if (process.isPaused) return;
      const { faults, trace } = this.#world;
      const ms = this.#outageOf(random, this.#pauseMsMax);
      faults.add('pause');
      trace.event(() => `m${slot.id} is paused for ${Math.round(ms)} ms`, Number(slot.id), 6);
      process.pause();
      this.#forSomeTime(ms, () => {
        trace.event(() => `m${slot.id} goes on`, Number(slot.id), 7);
        process.resume();
      });
    });
  }

  // Disks and clocks

  #fillDisk(random: Random): void {
    const id = pick(random, this.#ids);
    const { conditions, trace } = this.#world;
    conditions.setFull(id, true);
    trace.event(() => `the disk of m${id} is full`, Number(id), 8);
    this.#forSomeTime(longTail(random, 50, 10_000), () => conditions.setFull(id, false));
  }

  #jumpClock(random: Random): void {
    this.#withLife(random, ({ process }) => {
      this.#world.faults.add('wallClockJump');
      process.jumpWallClock(between(random, -DAY_MS, DAY_MS));
    });
  }

  #forSomeTime(ms: number, undo: () => void): void {
    const once = (): void => {
      if (this.#undo.delete(once)) undo();
    };
    this.#undo.add(once);
    this.#world.time.after(ms, once);
  }
}

type Link = readonly [NodeId, NodeId];

function oneWay([ones, others]: readonly [readonly NodeId[], readonly NodeId[]]): readonly Link[] {
  return ones.flatMap((from) => others.map((to): Link => [from, to]));
}

function splitIn([ones, others]: readonly [readonly NodeId[], readonly NodeId[]]): readonly Link[] {
  return [...oneWay([ones, others]), ...oneWay([others, ones])];
}

/** Everybody hears a majority around itself, each another one: neighbours on a ring, half the way round in all. */
function ring(order: readonly NodeId[]): readonly Link[] {
  const reach = Math.ceil(Math.floor(order.length / 2) / 2);
  const links: Link[] = [];
  for (const [i, from] of order.entries()) {
    for (const [j, to] of order.entries()) {
      const apart = Math.min((i - j + order.length) % order.length, (j - i + order.length) % order.length);
      if (apart > reach) links.push([from, to]);
    }
  }
  return links;
}
