/**
 * Leases: what the committed log makes of them, told to the specification entry by entry, and how long each lives on
 * under leaders that have their quorum. What clients were told is judged at the end (../checkers/lease-checker.ts).
 */
import type { ByteString } from '../../server/lib/bytes.js';
import type { RaftNode } from '../../server/node/raft-node.js';
import type { PeerMessage } from '../../server/node/ports.js';
import type { LogIndex, NodeId, Term } from '../../server/raft/types.js';
import type { StateMachine } from '../../server/state/state-machine.js';
import { getAll } from '../node/requests.js';
import { LeaseLateness, type OfficeProof } from '../checkers/lease-lateness.js';
import type { LeaseLife } from '../checkers/lease-life.js';
import { LeaseSpec } from '../checkers/lease-spec.js';
import type { Report } from './check-report.js';
import type { ReferenceEntry, ReferenceState } from './reference-state.js';
import type { SessionChecks } from './step-checks-sessions.js';
import type { LeaseRecords } from './workload-ports.js';

export interface LeaseChecksParts extends LeaseChecksOptions {
  readonly report: Report;
  readonly reference: ReferenceState;
  readonly sessions: Pick<SessionChecks, 'takesEffect'>;
  readonly nowMs: () => number;
}

export interface LeaseChecksOptions {
  /** Of a member's clock, in thousandths of true time. */
  readonly clockRateOf: (id: NodeId) => number;
  /** When the member's process last went on after a pause. */
  readonly resumedAtMs: (id: NodeId) => number;
  readonly electionMs: number;
  readonly checkpointMs: number;
}

/** What hangs on a lease by its own word. */
function leasesOfKeys(machine: StateMachine): Map<ByteString, bigint> {
  const opened = machine.openRange(getAll(), undefined, Number.MAX_SAFE_INTEGER);
  if (!opened.ok) throw new Error(`the current state cannot be read: ${opened.code}`);
  const kvs = opened.cursor.result().kvs.filter(({ lease }) => lease !== 0n);
  return new Map(kvs.map(({ key, lease }) => [key, lease]));
}

/** What a leader's log held when it was last looked at. */
interface Seat {
  readonly firstIndex: LogIndex;
  lastIndex: LogIndex;
  appliedIndex: LogIndex;
  /** It has applied an entry of its own term, and begins to count. */
  isInOffice: boolean;
}

export class LeaseChecks implements LeaseRecords {
  readonly #parts: LeaseChecksParts;
  readonly #spec = new LeaseSpec();
  readonly #lateness: LeaseLateness;
  readonly #seats = new Map<Term, Seat>();
  readonly #leaders = new Map<Term, NodeId>();
  readonly #ends = new Set<number>();
  /** By the index of the entry that granted them. */
  readonly #ofSessions = new Set<LogIndex>();

  constructor(parts: LeaseChecksParts) {
    const { report, reference, electionMs, checkpointMs } = parts;
    this.#parts = parts;
    this.#lateness = new LeaseLateness({
      electionMs,
      checkpointMs,
      report: (message) => report('lease-late', message),
    });
    reference.follow((entry) => this.#follow(entry));
  }

  get lives(): readonly LeaseLife[] {
    return this.#spec.lives;
  }

  firstListed(revision: number, ids: readonly string[]): number | undefined {
    return this.#spec.firstListed(revision, ids);
  }

  isOfSession({ granted }: LeaseLife): boolean {
    return this.#ofSessions.has(granted.index);
  }

  isEnd(revision: number): boolean {
    return this.#ends.has(revision);
  }

  rateOf(term: Term): number | undefined {
    const leader = this.#leaders.get(term);
    return leader === undefined ? undefined : this.#parts.clockRateOf(leader) / 1000;
  }

  /** What the entry proves of the leader that proposed it; undefined: nothing. */
  proofOf(term: Term, index: LogIndex): OfficeProof | undefined {
    return this.#lateness.proofOf(term, index);
  }

  /** A new life of a member. */
  starts(id: NodeId): void {
    this.#lateness.starts(String(id));
  }

  /** After every step of a member that leads: entries come to a log without anything else to be seen. */
  leads(node: RaftNode): void {
    const { id, core } = node;
    const { term, appliedIndex } = core;
    const { nowMs, resumedAtMs } = this.#parts;
    const atMs = nowMs();
    const seat = this.#seats.get(term) ?? this.#take(node);
    if (!seat.isInOffice && core.termAt(appliedIndex) === term) {
      seat.isInOffice = true;
      const rate = this.#parts.clockRateOf(id) / 1000;
      this.#lateness.begins({ term, member: String(id), rate, firstIndex: seat.firstIndex, atMs });
    }
    // Who hands over can propose no more than who stands still.
    this.#lateness.resumed(term, core.transferee === 0n ? resumedAtMs(id) : atMs);
    for (; core.termAt(seat.lastIndex + 1) !== undefined; seat.lastIndex += 1) {
      this.#lateness.proposed(term, seat.lastIndex + 1, atMs);
    }
    if (appliedIndex === seat.appliedIndex) return;
    seat.appliedIndex = appliedIndex;
    this.#lateness.applied(term, appliedIndex, atMs);
  }

  /** Something new is committed. */
  advanced(): void {
    this.#parts.reference.catchUp();
  }

  /** A member took a message. */
  received(id: NodeId, message: PeerMessage): void {
    if (message.kind !== 'leaseQuestions') return;
    const atMs = this.#parts.nowMs();
    for (const ask of message.asks) if (ask.renew) this.#lateness.asked(String(id), String(ask.id), atMs);
  }

  /** A client's wish to renew is with a member: until the returned function is called. */
  renewing(id: NodeId, lease: bigint): () => void {
    this.#lateness.opened(String(id), String(lease));
    return () => this.#lateness.closed(String(id), String(lease), this.#parts.nowMs());
  }

  /** Of a member: every key hangs on a lease that is there, and what hangs on a lease is there. */
  checkMember(id: NodeId, { machine }: RaftNode): void {
    const { report } = this.#parts;
    const leaseOf = leasesOfKeys(machine);
    for (const lease of machine.leases.all()) {
      for (const key of machine.leases.keysOf(lease.id)) {
        if (leaseOf.get(key) === lease.id) leaseOf.delete(key);
        else report('lease-of-the-log', `m${id}: ${key} hangs on lease ${lease.id}, and does not say so`);
      }
    }
    for (const [key, lease] of leaseOf)
      report('lease-of-the-log', `m${id}: ${key} has lease ${lease}, which does not know it`);
  }

  #follow(entry: ReferenceEntry): void {
    const { report } = this.#parts;
    const { index, term, command, stamp, applied, machine } = entry;
    if (command.kind === 'leaseGrant' && stamp !== undefined) this.#ofSessions.add(index);
    const spec = this.#spec;
    const { takesEffect } = this.#parts.sessions;
    for (const complaint of spec.take({ ...entry, takesEffect })) report('lease-of-the-log', complaint);
    if (command.kind.startsWith('lease') || applied.events.length > 0) {
      const { leases } = machine;
      for (const difference of spec.differencesFrom(leases.all(), (id) => leases.keysOf(id))) {
        report('lease-of-the-log', `after entry ${term}/${index}, ${command.kind}: ${difference}`);
      }
    }
    if (command.kind === 'leaseExpire' || command.kind === 'leaseRevoke') {
      for (const { revision } of applied.events) this.#ends.add(revision.main);
    }
    this.#lateness.committed(term, index, spec.live);
  }

  /** Entries may stand in its log already. */
  #take({ id, core }: RaftNode): Seat {
    let lastIndex = core.commitIndex;
    while (core.termAt(lastIndex + 1) !== undefined) lastIndex += 1;
    let firstIndex = lastIndex + 1;
    while (core.termAt(firstIndex - 1) === core.term) firstIndex -= 1;
    const seat = { firstIndex, lastIndex: firstIndex - 1, appliedIndex: -1, isInOffice: false };
    this.#seats.set(core.term, seat);
    this.#leaders.set(core.term, id);
    return seat;
  }
}
