/**
 * Whoever runs the cluster: moves leadership, and members in and out. As careful as people are told to be: a learner is
 * promoted once it has caught up, nobody is removed whom the rest needs for a quorum, and an id never comes back.
 */
import type { Random } from '../../server/lib/random.js';
import type { ConfChange } from '../../server/raft/membership.js';
import { quorumSize } from '../../server/raft/quorum.js';
import type { RaftStatus } from '../../server/raft/raft.js';
import type { ConfState, NodeId } from '../../server/raft/types.js';
import { longTail, pick } from './draws.js';
import type { World } from './world.js';

/** Members that a run ever has, beyond its first ones and its spares. */
const REPLACEMENTS_MAX = 3;
/** A learner with no more than this to catch up may vote. */
const PROMOTE_BEHIND_MAX = 10;
/** A member that was removed is switched off within this, or goes on to think that it belongs to the cluster. */
const REMOVED_RUNS_MS = 20_000;

export class Operator {
  readonly #world: World;
  readonly #idsMax: number;
  /** Asked to be removed: whether that ever happens is for the cluster to say. */
  readonly #removed = new Set<NodeId>();

  constructor(world: World) {
    this.#world = world;
    const { voters, spares } = world.plan;
    this.#idsMax = voters + spares + REPLACEMENTS_MAX;
  }

  transferLeadership(random: Random): void {
    const { leader, faults, trace } = this.#world;
    if (leader === undefined) return;
    const { node } = leader.running;
    const to = pick(random, node.core.conf.voters);
    leader.process.run(() => {
      if (!this.#world.isFaulty || !node.transferLeadership(to)) return;
      faults.add('leaderTransfer');
      trace.event(() => `m${node.id} is asked to hand over to m${to}`, Number(node.id), Number(to), 9);
    });
  }

  changeMembers(random: Random): void {
    const { leader, faults, trace } = this.#world;
    if (leader === undefined) return;
    const { node } = leader.running;
    const change = this.#drawChange(random, node.status());
    if (change === undefined) return;
    leader.process.run(() => {
      // A process that was paused takes it later, maybe too late.
      if (!this.#world.isFaulty) return;
      const result = node.proposeConfChange(change);
      trace.event(
        () => `m${node.id} is asked to ${change.kind} m${change.id}: ${result.ok ? 'taken' : result.reason}`,
        Number(node.id),
        Number(change.id),
        10,
      );
      if (!result.ok) return;
      faults.add('membershipChange');
      if (change.kind === 'remove') this.#switchOffLater(random, change.id);
    });
  }

  #drawChange(random: Random, status: RaftStatus): ConfChange | undefined {
    const { conf } = status;
    const choices = [
      () => this.#join(random, conf),
      () => this.#promote(random, status),
      () => this.#remove(random, conf),
    ];
    return pick(random, choices)();
  }

  /** A member that waits, or a new one; it is started with the change. */
  #join(random: Random, conf: ConfState): ConfChange | undefined {
    const { slots } = this.#world;
    const known = [...conf.voters, ...conf.learners];
    if (known.length >= this.#world.plan.voters + Math.max(1, this.#world.plan.spares)) return undefined;
    const waiting = [...slots.values()].filter(({ id, isGone }) => !isGone && !known.includes(id) && !this.#wasIn(id));
    let id = waiting[0]?.id;
    if (id === undefined) {
      if (slots.size >= this.#idsMax) return undefined;
      id = BigInt(slots.size + 1);
      this.#world.start(this.#world.addSlot(id));
    }
    return { kind: random.below(4) === 0 ? 'addVoter' : 'addLearner', id };
  }

  #wasIn(id: NodeId): boolean {
    return id <= BigInt(this.#world.plan.voters) || this.#removed.has(id);
  }

  #promote(random: Random, { conf, peers, lastIndex }: RaftStatus): ConfChange | undefined {
    const ready = peers.filter(
      ({ id, match, recentActive }) =>
        conf.learners.includes(id) && recentActive && match + PROMOTE_BEHIND_MAX >= lastIndex,
    );
    return ready.length === 0 ? undefined : { kind: 'promote', id: pick(random, ready).id };
  }

  #remove(random: Random, { voters, learners }: ConfState): ConfChange | undefined {
    const id = pick(random, [...voters, ...learners]);
    const rest = voters.filter((voter) => voter !== id);
    const started = rest.filter((voter) => this.#world.slots.get(voter)?.life !== undefined);
    if (rest.length === 0 || started.length < quorumSize(rest.length)) return undefined;
    this.#removed.add(id);
    return { kind: 'remove', id };
  }

  /** Only once the cluster has agreed: until then the member may be needed. */
  #switchOffLater(random: Random, id: NodeId): void {
    this.#world.time.after(longTail(random, 100, REMOVED_RUNS_MS), () => {
      if (!this.#world.isFaulty) return;
      const { voters, learners } = this.#world.checks.reference.now.conf;
      const slot = this.#world.slots.get(id);
      if (slot === undefined || slot.isGone || voters.includes(id) || learners.includes(id)) return;
      slot.isGone = true;
      if (slot.life !== undefined) this.#world.end(slot.life, undefined, 'is switched off');
    });
  }
}
