/**
 * Applies committed entries to the state machine, hands its writes to the save lane together with the applied point,
 * tells whoever waits for a result, and runs compactions a slice at a time. It decides nothing.
 */
import type { Raft } from '../raft/raft.js';
import type { Entry } from '../raft/types.js';
import type { Event } from '../state/result.js';
import type { StateMachine } from '../state/state-machine.js';
import type { AppliedPoint } from '../storage/member-store.js';
import { decodeCommand, type ProposalId } from './command-codec.js';
import { commandsIn } from './entry-batch.js';
import type { GrantListeners } from './grant-listeners.js';
import type { Leases } from './leases.js';
import { LIMITS } from './limits.js';
import type { Proposals } from './proposals.js';
import type { SaveLane } from './save-lane.js';

export interface ApplierParts {
  readonly raft: Raft;
  readonly lane: SaveLane;
  readonly proposals: Proposals;
  readonly memberId: bigint;
  readonly boot: number;
  /** Of every command that was applied, with its place in the log. */
  readonly leases: Pick<Leases, 'applied'>;
  /** Events of one revision, in order. */
  readonly publish: (events: readonly Event[]) => void;
  readonly grants: Pick<GrantListeners, 'tell'>;
}

export class Applier {
  readonly #parts: ApplierParts;
  #machine: StateMachine;
  #point: AppliedPoint;
  /** Up to which revision old history is gone from the disk. */
  #removedRevision: number;

  constructor(machine: StateMachine, point: AppliedPoint, parts: ApplierParts) {
    this.#machine = machine;
    this.#point = point;
    this.#parts = parts;
    this.#removedRevision = machine.removedRevision;
  }

  get machine(): StateMachine {
    return this.#machine;
  }
  /** What the machine stands for. */
  get point(): AppliedPoint {
    return this.#point;
  }
  /** Old revisions that compactions up to here made unreachable are gone, or their removal is on its way to the disk. */
  get removedRevision(): number {
    return this.#removedRevision;
  }

  /** Stops early when the disk is behind; the core hands out the rest again. */
  apply(entries: readonly Entry[]): void {
    const { raft, lane } = this.#parts;
    for (const entry of entries) {
      if (lane.isFull) break;
      if (entry.kind === 'normal') for (const data of commandsIn(entry.data)) this.#applyCommand(entry, data);
      else this.#parts.proposals.entryApplied(entry.term, undefined, undefined);
      this.#point = {
        index: entry.index,
        term: entry.term,
        // Taken over even where nothing changes: every kind of entry moves the applied point.
        conf: entry.kind === 'conf' ? entry.conf : this.#point.conf,
        revision: this.#machine.revision,
      };
    }
    lane.addApplied(this.#point);
    raft.applied(this.#point.index);
  }

  /** A snapshot became the state: `machine` was rebuilt from it. */
  replace(machine: StateMachine, point: Omit<AppliedPoint, 'revision'>): void {
    this.#machine = machine;
    this.#point = { ...point, revision: machine.revision };
    this.#removedRevision = machine.removedRevision;
  }

  get hasCompactionWork(): boolean {
    return this.#machine.hasCompactionWork;
  }

  /** One slice of the removal of old revisions. */
  compactSlice(): void {
    if (!this.#machine.hasCompactionWork) return;
    const { writes } = this.#machine.compactionStep(LIMITS.compactionSliceKeys);
    this.#parts.lane.addMaintenance(writes);
    this.#removedRevision = this.#machine.removedRevision;
  }

  #applyCommand(entry: Entry, data: Uint8Array): void {
    const { id, command, stamp } = decodeCommand(data);
    const applied = this.#machine.apply(command, entry.term, entry.index, stamp);
    this.#parts.lane.addWrites(applied.writes);
    for (const events of byRevision(applied.events)) this.#parts.publish(events);
    if (applied.grantNames !== undefined) this.#parts.grants.tell(applied.grantNames);
    if (applied.isReplay !== true) this.#parts.leases.applied(entry.index, command, applied);
    this.#parts.proposals.entryApplied(entry.term, this.#ownSeq(id), applied);
  }

  /** Of this life of this member only: nobody waits for what an earlier one proposed. */
  #ownSeq(id: ProposalId): number | undefined {
    return id.member === this.#parts.memberId && id.boot === this.#parts.boot ? id.seq : undefined;
  }
}

/** An entry that ends several leases makes a revision for each. */
function byRevision(events: readonly Event[]): readonly (readonly Event[])[] {
  const main = events[0]?.revision.main;
  if (main === undefined) return [];
  if (events.at(-1)?.revision.main === main) return [events];
  const revisions: Event[][] = [];
  let current: Event[] = [];
  for (const event of events) {
    if (event.revision.main !== current[0]?.revision.main) {
      current = [];
      revisions.push(current);
    }
    current.push(event);
  }
  return revisions;
}
