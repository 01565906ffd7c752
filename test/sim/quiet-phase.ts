/**
 * After the faults: everything is good for a random majority of the members, the others are dead or cut off for ever.
 * Then one leader must be found, fresh writes acknowledged through every member, all of them become equal, and nothing
 * be left waiting anywhere. Whatever keeps that from happening is a dead end.
 */
import type { Random } from '../../server/lib/random.js';
import { describeConf } from '../../server/raft/describe.js';
import { quorumSize } from '../../server/raft/quorum.js';
import type { ConfState, NodeId } from '../../server/raft/types.js';
import { pick, shuffled, streamOf } from './draws.js';
import type { Faults } from './faults.js';
import type { Life, Running } from './life.js';
import { drawCut } from './sim-disk.js';
import { describeError, type World } from './world.js';
import type { Target, Workload } from './workload-ports.js';

const ELECTIONS_MAX = 20;
/** The slowest clock runs at nine tenths of true time. */
const SLOWEST_CLOCK = 0.9;
const BOOT_MS_MAX = 10_000;
/** Snapshots, catching up, and what waited for its own time-out before. */
const PROOF_MS_MAX = 60_000;
const REST_MS_MAX = 60_000;
/** No shorter lease is left in the end. */
const LEASE_MS_MAX = 10_000;
/** The longest that clients ask for. */
const LOCK_DELAY_MS_MAX = 3000;
/** After its time, with a leader that stays. */
const LEASE_LATE_MS_MAX = 3000;

export class QuietPhase {
  readonly #world: World;
  readonly #random: Random;
  readonly #core: ReadonlySet<NodeId>;

  constructor(world: World) {
    this.#world = world;
    this.#random = streamOf(world.plan.seed, 'quiet');
    this.#core = this.#drawCore();
  }

  /** Reports what does not happen in time. */
  async run(faults: Faults, workload: Workload): Promise<void> {
    const world = this.#world;
    this.#heal(faults);
    workload.quiet();
    const steps: readonly (() => Promise<string | undefined>)[] = [
      () => this.#allRun(),
      () => this.#oneLeads(),
      () => this.#allAnswer(workload),
      () => this.#leasesEnd(),
      () => this.#lockDelaysEnd(),
      () => this.#allRest(),
      () => this.#allEqual(),
      () => this.#judge(workload),
    ];
    for (const step of steps) {
      const problem = await step();
      if (world.violation !== undefined) return;
      if (problem !== undefined) {
        world.report('liveness', `${problem}\n${this.#describe()}`);
        return;
      }
    }
  }

  get #members(): readonly (Life & { readonly running: Running })[] {
    return this.#world.running.filter(({ slot }) => this.#core.has(slot.id));
  }

  /** A majority of every configuration that may be in force when all is sorted out, and whoever else is lucky. */
  #drawCore(): ReadonlySet<NodeId> {
    const order = shuffled(
      this.#random,
      [...this.#world.slots.values()].filter(({ isGone }) => !isGone),
    ).map(({ id }) => id);
    const confs = this.#possibleConfs();
    const extra = this.#random.below(3);
    const core = new Set<NodeId>();
    const isEnough = ({ voters }: ConfState): boolean =>
      voters.filter((id) => core.has(id)).length >= quorumSize(voters.length);
    for (const id of order) {
      if (!confs.every(isEnough) && confs.some((conf) => !isEnough(conf) && conf.voters.includes(id))) core.add(id);
    }
    for (const id of order.filter((one) => !core.has(one)).slice(0, extra)) {
      if (confs.some(({ voters, learners }) => voters.includes(id) || learners.includes(id))) core.add(id);
    }
    return core;
  }

  /** The committed one, and those that stand behind it in anybody's log or are on their way into one. */
  #possibleConfs(): readonly ConfState[] {
    const { checks, slots, running } = this.#world;
    const confs = [checks.reference.now.conf, ...running.map(({ running: { node } }) => node.core.conf)];
    for (const { disk } of slots.values()) {
      for (let { lastIndex: index } = disk.image; index > checks.committed.index; index -= 1) {
        const entry = checks.entries.get({ index, term: disk.image.termAt(index) ?? 0 });
        if (entry?.kind === 'conf') confs.push(entry.conf);
      }
    }
    for (const { index, conf } of checks.confsSent) if (index > checks.committed.index) confs.push(conf);
    return confs.filter(({ voters }) => voters.length > 0);
  }

  #heal(faults: Faults): void {
    const world = this.#world;
    world.isFaulty = false;
    world.network.isFaulty = false;
    world.conditions.heal();
    world.clients.heal();
    faults.stop();
    world.trace.event(() => `all is well from now on for ${[...this.#core].join(' ')}`, ...[...this.#core].map(Number));
    const ids = [...world.slots.keys()];
    for (const slot of world.slots.values()) {
      slot.crashAt = undefined;
      if (this.#core.has(slot.id)) {
        world.start(slot);
        continue;
      }
      if (this.#random.below(2) === 0) {
        slot.isGone = true;
        if (slot.life !== undefined) world.end(slot.life, drawCut(this.#random), 'is dead for good');
        continue;
      }
      for (const id of ids) {
        if (!this.#core.has(id)) continue;
        for (const [from, to] of [[id, slot.id] as const, [slot.id, id] as const]) {
          world.network.cut(from, to);
          world.streams.linkCut(from, to);
        }
      }
    }
  }

  async #allRun(): Promise<string | undefined> {
    const isUp = (): boolean => this.#members.filter(({ stage }) => stage === 'running').length === this.#core.size;
    return (await this.#world.until(isUp, BOOT_MS_MAX + this.#electionsMs(3))) ? undefined : 'not every member runs';
  }

  async #oneLeads(): Promise<string | undefined> {
    const isLed = await this.#world.until(() => this.#isLed, this.#electionsMs(ELECTIONS_MAX));
    return isLed ? undefined : `no leader after ${ELECTIONS_MAX} election timeouts`;
  }

  /** One leads, has committed something of its own term and all changes of members, and those that count know it. */
  get #isLed(): boolean {
    const leader = this.#leader;
    if (leader === undefined) return false;
    const { core } = leader.running.node;
    if (core.termAt(core.commitIndex) !== core.term || !core.conf.voters.includes(leader.slot.id)) return false;
    if (describeConf(core.conf) !== describeConf(this.#world.checks.reference.now.conf)) return false;
    return this.#members.every(({ running: { node } }) => {
      const counts = core.conf.voters.includes(node.id) || core.conf.learners.includes(node.id);
      return !counts || node.core.leader === leader.slot.id;
    });
  }

  get #leader(): (Life & { readonly running: Running }) | undefined {
    const leaders = this.#members.filter(({ running }) => running.node.core.role === 'leader');
    return leaders.length === 1 ? leaders[0] : undefined;
  }

  async #allAnswer(workload: Workload): Promise<string | undefined> {
    let isProven = false;
    workload.proveLive(this.#targets).then(() => {
      isProven = true;
    }, this.#broke);
    const isInTime = await this.#world.until(() => isProven, PROOF_MS_MAX + this.#electionsMs(ELECTIONS_MAX));
    return isInTime ? undefined : 'fresh writes and reads are not answered through every member';
  }

  /** Those that belong to the cluster: whoever was removed, or never came in, answers nothing. */
  get #targets(): readonly Target[] {
    return this.#belonging.map(({ slot, running: { door, leaseDoor, grantDoor, watches } }) => ({
      id: slot.id,
      /** Its disk may have failed before, and it notices and starts again only now. */
      get kv() {
        return slot.life?.running?.door ?? door;
      },
      get watches() {
        return slot.life?.running?.watches ?? watches;
      },
      get leases() {
        return slot.life?.running?.leaseDoor ?? leaseDoor;
      },
      get grants() {
        return slot.life?.running?.grantDoor ?? grantDoor;
      },
    }));
  }

  get #belonging(): readonly (Life & { readonly running: Running })[] {
    const { conf } = this.#world.checks.reference.now;
    return this.#members.filter(({ slot: { id } }) => conf.voters.includes(id) || conf.learners.includes(id));
  }

  /** Nobody renews any more, and the leader stays: so leases end when they should. Long ones are not waited for. */
  async #leasesEnd(): Promise<string | undefined> {
    const { checks, plan } = this.#world;
    const isLeft = (): boolean =>
      checks.leases?.lives.some(({ ended, ttlMs }) => ended === undefined && ttlMs <= LEASE_MS_MAX) === true;
    // What was asked for before may renew for as long as a member keeps trying.
    const renewMs = this.#members[0]?.running.node.requestTimeoutMs ?? 0;
    const maxMs = (renewMs + plan.electionMs + LEASE_MS_MAX + LEASE_LATE_MS_MAX) / SLOWEST_CLOCK;
    return (await this.#world.until(() => !isLeft(), maxMs, 20)) ? undefined : 'leases are there whose time is over';
  }

  /** The leader lets time pass for as long as somebody is kept out. */
  async #lockDelaysEnd(): Promise<string | undefined> {
    const { grants } = this.#world.checks;
    const maxMs = (LOCK_DELAY_MS_MAX + LEASE_LATE_MS_MAX) / SLOWEST_CLOCK;
    const isOver = await this.#world.until(() => grants.bars === 0, maxMs, 20);
    return isOver ? undefined : 'lock delays do not end';
  }

  async #allRest(): Promise<string | undefined> {
    const isAtRest = (): boolean =>
      this.#belonging.every(({ slot, running }) => isIdle(running) && slot.disk.openIterators === 0);
    const { requestTimeoutMs } = this.#members[0]?.running.node ?? { requestTimeoutMs: 0 };
    const maxMs = REST_MS_MAX + (2 * requestTimeoutMs) / SLOWEST_CLOCK;
    return (await this.#world.until(isAtRest, maxMs, 20)) ? undefined : 'something is left waiting';
  }

  async #allEqual(): Promise<string | undefined> {
    const world = this.#world;
    const isEqual = (): boolean => {
      const last = world.checks.committed.index;
      return this.#belonging.every(({ running: { node } }) => {
        const { appliedIndex, commitIndex, lastIndex } = node.status();
        return node.isServing && appliedIndex === last && commitIndex === last && lastIndex === last;
      });
    };
    if (!(await world.until(isEqual, REST_MS_MAX, 20))) return 'the members do not become equal';
    world.thorough();
    for (const { slot } of this.#belonging) {
      if (slot.disk.hasFailed) world.report('failed-disk-stops', `m${slot.id} goes on although its disk has failed`);
    }
    return this.#historiesEqual();
  }

  async #historiesEqual(): Promise<string | undefined> {
    // Of one revision: leases may still end meanwhile.
    const { revision } = this.#world.checks.reference.now;
    const hashes = new Map<string, NodeId>();
    let open = 0;
    let problem: string | undefined;
    for (const { id, kv } of this.#targets) {
      open += 1;
      kv.hashKv(revision).then(
        ({ hash, hashRevision, compactRevision }) => {
          open -= 1;
          hashes.set(`${hash} at ${hashRevision}, compacted ${compactRevision}`, id);
        },
        (error: unknown) => {
          open -= 1;
          problem ??= `m${id} cannot hash its history: ${String(error)}`;
        },
      );
    }
    if (!(await this.#world.until(() => open === 0, REST_MS_MAX))) return 'the histories cannot be hashed';
    if (hashes.size > 1) this.#world.report('history-equal', [...hashes.keys()].join('; '));
    return problem;
  }

  async #judge(workload: Workload): Promise<string | undefined> {
    const target = pick(this.#random, this.#targets);
    let isOver = false;
    workload.judge(target).then((findings) => {
      isOver = true;
      for (const { checker, message } of findings) this.#world.report(checker, message);
    }, this.#broke);
    return (await this.#world.until(() => isOver, PROOF_MS_MAX + REST_MS_MAX)) ? undefined : 'no judgement is reached';
  }

  readonly #broke = (error: unknown): void => this.#world.report('exception', describeError(error));

  #electionsMs(times: number): number {
    return (times * this.#world.plan.electionMs) / SLOWEST_CLOCK;
  }

  #describe(): string {
    const lines = [...this.#world.slots.values()].map(({ id, life, isGone }) => {
      const role = this.#core.has(id) ? 'core' : isGone ? 'gone' : 'cut off';
      if (life?.running === undefined) return `m${id} (${role}) ${life === undefined ? 'is down' : 'boots'}`;
      const { node } = life.running;
      const { peers, conf, ...status } = node.status();
      const members = `${conf.voters.join(' ')}; ${conf.learners.join(' ')}`;
      const rest = JSON.stringify(
        { ...status, ...node.queues(), isServing: node.isServing, peers },
        (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value),
      );
      return `m${id} (${role}) of (${members}) ${rest}`;
    });
    return lines.join('\n');
  }
}

function isIdle({ node }: Running): boolean {
  const { proposals, reads, leases, writes } = node.queues();
  const { uncommittedBytes, waitingReads } = node.status();
  // Who reads history holds compaction up.
  const { removedRevision, compactedRevision } = node.machine;
  const isCompacted = removedRevision >= compactedRevision;
  return isCompacted && proposals + reads + leases + writes + uncommittedBytes + waitingReads === 0;
}
