/**
 * Counts the time of leases, for one term of office: it begins when a leader has applied an entry of its own term, with
 * what its predecessors wrote down, and ends with its leadership. Time exists nowhere else.
 *
 * A lease never ends early. On taking office every lease gets its full time, or what an earlier leader has noted as
 * left, from that moment on: whatever the predecessor promised, it promised before. A renewal writes nothing to the
 * log: it is answered once a quorum has confirmed, after it came, that this member leads. Whoever leads next takes
 * office after that. Where less than the full time is noted in the log, or about to be, the note goes first.
 *
 * A lease does end. Expiry is proposed by this leader only, under its term and never forwarded: an entry of it that
 * outlives the office comes before everything the successor does. A lease whose end is proposed answers no renewal
 * before the outcome is known.
 */
import { assert } from '../lib/assert.js';
import type { Clock } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { ProposeResult } from '../raft/raft.js';
import type { LogIndex, Term } from '../raft/types.js';
import type { Command, LeaseCheckpointCommand, LeaseGranted } from '../state/command.js';
import type { LeaseView } from '../state/lease/lease-table.js';
import type { Applied, LeaseInfo } from '../state/result.js';
import { LeaseDeadlines, type TimedLease } from './lease-deadlines.js';
import { LIMITS } from './limits.js';
import type { ReadWaiter } from './reads.js';

/** What there is to say about a lease: `ttlMs` 0 when there is none. */
export interface LeaseTime {
  /** As granted. */
  readonly ttlMs: number;
  readonly leftMs: number;
}

export interface LeaseQuestion {
  readonly id: bigint;
  /** Else it only wants to know. */
  readonly renew: boolean;
  answered(time: LeaseTime): void;
  /** This member does not lead, or no longer: ask again, whoever leads. Nothing was promised. */
  refused(): void;
}

export interface KeeperParts {
  readonly term: Term;
  readonly leases: LeaseView;
  readonly clock: Clock;
  /** Into this member's own log, or nowhere. */
  readonly propose: (command: Command) => ProposeResult;
  /** Throws TOO_MANY_REQUESTS or STOPPED. */
  readonly read: (waiter: ReadWaiter) => void;
  readonly requestTimeoutMs: number;
  readonly checkpointMs: number;
  /** A read point that took longer than this says nothing about now: this process may have been paused meanwhile. */
  readonly staleMs: number;
}

const NO_LEASE: LeaseTime = { ttlMs: 0, leftMs: 0 };

export class LeaseKeeper {
  readonly term: Term;
  readonly #parts: KeeperParts;
  readonly #since: number;
  readonly #deadlines = new LeaseDeadlines();
  /** Leases from before this office that have no deadline yet; undefined once all have. */
  #untimed: Iterator<LeaseInfo> | undefined;
  /** All that nobody has answered. */
  readonly #open = new Set<LeaseQuestion>();
  /** Came since the last turn: no read point covers them yet. */
  #arrived: LeaseQuestion[] = [];
  /** The expiry in flight: where it stands in the log, and who waits for the end of its leases. */
  #expiry:
    | {
        readonly index: LogIndex;
        readonly taken: readonly TimedLease[];
        readonly waiting: Map<bigint, LeaseQuestion[]>;
      }
    | undefined;
  /** Renewals that wait until no less than the full time is noted in the log; the place of what says so, if any. */
  readonly #clearing = new Map<bigint, LeaseQuestion[]>();
  #clear: { readonly index: LogIndex; readonly ids: readonly bigint[] } | undefined;
  /** A checkpoint in flight. */
  #note: { readonly index: LogIndex; readonly ids: ReadonlySet<bigint> } | undefined;
  #noteWalk: Iterator<TimedLease> | undefined;
  /** Those that the walk has passed, and that the log had no room for: they come first in the next turn. */
  #unnoted: readonly TimedLease[] = [];
  #nextNotesAt: number;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.term = parts.term;
    this.#since = parts.clock.now();
    this.#untimed = parts.leases.all();
    this.#nextNotesAt = this.#since + parts.checkpointMs;
  }

  /** Undefined when there is no such lease. */
  deadlineOf(id: bigint): number | undefined {
    const lease = this.#parts.leases.get(id);
    return lease === undefined ? undefined : this.#timed(lease).deadline;
  }

  ask(question: LeaseQuestion): void {
    if (this.#open.size >= LIMITS.leaseQuestionsMax) {
      question.refused();
      return;
    }
    this.#open.add(question);
    this.#arrived.push(question);
  }

  /** The office ends: nothing that was not answered will be. */
  close(): void {
    const open = [...this.#open];
    this.#open.clear();
    for (const question of open) question.refused();
  }

  /** Whether turn() would get anywhere. */
  hasWork(now: number): boolean {
    return (
      this.#arrived.length > 0 ||
      this.#untimed !== undefined ||
      (this.#expiry === undefined && this.#deadlines.mayBeDue(now)) ||
      (this.#clear === undefined && this.#clearing.size > 0) ||
      (this.#note === undefined &&
        (this.#noteWalk !== undefined || this.#unnoted.length > 0 || now >= this.#nextNotesAt))
    );
  }

  /** Deadlines of leases from before are still being made: a turn should follow at once. */
  get isTiming(): boolean {
    return this.#untimed !== undefined;
  }

  /** A slice of everything that is due. */
  turn(now: number): void {
    this.#timeSlice();
    this.#askForReadPoint(now);
    this.#proposeExpiry(now);
    this.#proposeClear();
    this.#proposeNotes(now);
  }

  /** A command was applied, whoever proposed it. */
  applied(index: LogIndex, command: Command, { outcome }: Applied): void {
    if (!outcome.ok) return;
    if (command.kind === 'leaseGrant') this.#deadlines.add(command.id, this.#parts.clock.now() + command.ttlMs);
    else if (command.kind === 'leaseRevoke') this.#ended(command.id);
    else if (command.kind === 'leaseExpire' && index === this.#expiry?.index) this.#expiryApplied();
    else if (command.kind === 'leaseCheckpoint' && index === this.#clear?.index) this.#clearApplied(this.#clear.ids);
    else if (command.kind === 'leaseCheckpoint' && index === this.#note?.index) this.#note = undefined;
  }

  // Questions

  /** One read point for all that came since the last turn: it must be asked for after they came. */
  #askForReadPoint(now: number): void {
    const questions = this.#arrived;
    if (questions.length === 0) return;
    this.#arrived = [];
    const refuseAll = (): void => {
      for (const question of questions) this.#refuse(question);
    };
    try {
      this.#parts.read({
        deadline: now + this.#parts.requestTimeoutMs,
        ready: () => {
          // Clients count from when they hear of it: what was true before a pause must not be told after it.
          if (this.#parts.clock.now() - now > this.#parts.staleMs) refuseAll();
          else for (const question of questions) this.#answer(question);
        },
        failed: refuseAll,
      });
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      refuseAll();
    }
  }

  /** A quorum has confirmed this leadership since the question came, and all that was committed then is applied. */
  #answer(question: LeaseQuestion): void {
    if (!this.#open.has(question)) return;
    const { id, renew } = question;
    const lease = this.#parts.leases.get(id);
    if (lease === undefined) {
      this.#tell(question, NO_LEASE);
      return;
    }
    const ending = this.#expiry?.waiting.get(id);
    if (!renew) this.#tell(question, { ttlMs: lease.ttlMs, leftMs: ending === undefined ? this.#left(lease) : 0 });
    else if (ending !== undefined) ending.push(question);
    else if (lease.remainingMs > 0 || this.#note?.ids.has(id) === true || this.#clearing.has(id)) {
      this.#waitForClear(question);
    } else this.#renew(lease, question);
  }

  #waitForClear(question: LeaseQuestion): void {
    const waiting = this.#clearing.get(question.id);
    if (waiting === undefined) this.#clearing.set(question.id, [question]);
    else waiting.push(question);
  }

  #renew(lease: LeaseInfo, question: LeaseQuestion): void {
    this.#timed(lease).deadline = this.#parts.clock.now() + lease.ttlMs;
    this.#tell(question, { ttlMs: lease.ttlMs, leftMs: lease.ttlMs });
  }

  #tell(question: LeaseQuestion, time: LeaseTime): void {
    if (this.#open.delete(question)) question.answered(time);
  }

  #refuse(question: LeaseQuestion): void {
    if (this.#open.delete(question)) question.refused();
  }

  #left(lease: LeaseInfo): number {
    return Math.max(0, this.#timed(lease).deadline - this.#parts.clock.now());
  }

  // Deadlines

  #timed(lease: LeaseInfo): TimedLease {
    const timed = this.#deadlines.get(lease.id);
    return timed ?? this.#deadlines.add(lease.id, this.#since + (lease.remainingMs || lease.ttlMs));
  }

  #timeSlice(): void {
    for (let count = 0; this.#untimed !== undefined && count < LIMITS.leaseSlice; count += 1) {
      const next = this.#untimed.next();
      if (next.done === true) this.#untimed = undefined;
      else this.#timed(next.value);
    }
  }

  #ended(id: bigint): void {
    this.#deadlines.remove(id);
    for (const waiting of [this.#expiry?.waiting, this.#clearing]) {
      const questions = waiting?.get(id) ?? [];
      waiting?.delete(id);
      for (const question of questions) this.#tell(question, NO_LEASE);
    }
  }

  // Expiry

  /** One command at a time, of a bounded number of leases: heartbeats and requests go on between two of them. */
  #proposeExpiry(now: number): void {
    if (this.#expiry !== undefined || !this.#deadlines.mayBeDue(now)) return;
    const due = this.#deadlines.takeDue(now, LIMITS.leasesPerExpiry, LIMITS.leaseSlice);
    // A renewal that waits for the log gets its chance: its lease is still there, and is looked at again.
    const { over, spared } = this.#apart(due);
    for (const timed of spared) this.#deadlines.giveBack(timed);
    if (over.length === 0) return;
    const leases = over.map(({ id }) => this.#granted(id));
    const proposed = this.#parts.propose({ kind: 'leaseExpire', term: this.term, leases });
    if (!proposed.ok) {
      for (const timed of over) this.#deadlines.giveBack(timed);
      return;
    }
    const waiting = new Map(over.map(({ id }): [bigint, LeaseQuestion[]] => [id, []]));
    this.#expiry = { index: proposed.id.index, taken: over, waiting };
  }

  /** As the log knows it: by the time that a word about it is applied, the id may name another lease. */
  #granted(id: bigint): LeaseGranted {
    const lease = this.#parts.leases.get(id);
    assert(lease !== undefined, 'a lease is timed and not there', { id });
    return { id, grantedIndex: lease.grantedIndex };
  }

  #apart(due: readonly TimedLease[]): { readonly over: TimedLease[]; readonly spared: TimedLease[] } {
    const clearing = new Set(this.#clear?.ids);
    const over = due.filter(({ id }) => !clearing.has(id));
    return { over, spared: due.filter(({ id }) => clearing.has(id)) };
  }

  #expiryApplied(): void {
    const { taken = [], waiting } = this.#expiry ?? {};
    for (const timed of taken) {
      if (this.#parts.leases.get(timed.id) === undefined) this.#ended(timed.id);
      // Too much for one entry. It is due still, unless a renewal was faster.
      else if (!timed.isGone) this.#deadlines.giveBack(timed);
    }
    this.#expiry = undefined;
    for (const questions of waiting?.values() ?? []) for (const question of questions) this.#answer(question);
  }

  // Notes of what is left

  #proposeClear(): void {
    if (this.#clear !== undefined || this.#clearing.size === 0) return;
    const ids = [...this.#clearing.keys()].slice(0, LIMITS.leasesPerCheckpoint);
    const index = this.#proposeCheckpoint(ids.map((id) => ({ ...this.#granted(id), remainingMs: 0 })));
    if (index !== undefined) this.#clear = { index, ids };
  }

  #clearApplied(ids: readonly bigint[]): void {
    this.#clear = undefined;
    for (const id of ids) {
      const questions = this.#clearing.get(id) ?? [];
      this.#clearing.delete(id);
      const lease = this.#parts.leases.get(id);
      for (const question of questions) {
        if (lease === undefined) this.#tell(question, NO_LEASE);
        else this.#answer(question);
      }
    }
  }

  /** So that the next leader does not start long leases anew: what is left of those that nobody renews. */
  #proposeNotes(now: number): void {
    if (this.#note !== undefined) return;
    if (this.#noteWalk === undefined && now >= this.#nextNotesAt) {
      this.#noteWalk = this.#deadlines.all();
      this.#unnoted = [];
      this.#nextNotesAt = now + this.#parts.checkpointMs;
    }
    const notes: LeaseCheckpointCommand['leases'][number][] = [];
    const noted: TimedLease[] = [];
    for (const timed of this.#noteSlice()) {
      const remainingMs = this.#worthNoting(timed, now);
      if (remainingMs === undefined) continue;
      notes.push({ ...this.#granted(timed.id), remainingMs });
      noted.push(timed);
    }
    this.#unnoted = [];
    if (notes.length === 0) return;
    const index = this.#proposeCheckpoint(notes);
    if (index === undefined) this.#unnoted = noted;
    else this.#note = { index, ids: new Set(notes.map(({ id }) => id)) };
  }

  /** The next ones to be looked at. */
  #noteSlice(): readonly TimedLease[] {
    const slice = [...this.#unnoted];
    while (this.#noteWalk !== undefined && slice.length < LIMITS.leasesPerCheckpoint) {
      const next = this.#noteWalk.next();
      if (next.done === true) this.#noteWalk = undefined;
      else slice.push(next.value);
    }
    return slice;
  }

  #worthNoting({ id, deadline, isGone }: TimedLease, now: number): number | undefined {
    const lease = this.#parts.leases.get(id);
    if (lease === undefined || isGone || this.#clearing.has(id) || this.#expiry?.waiting.has(id) === true)
      return undefined;
    const { checkpointMs } = this.#parts;
    const left = Math.ceil(deadline - now);
    const passed = (lease.remainingMs || lease.ttlMs) - left;
    return lease.ttlMs > checkpointMs && left > 0 && passed >= checkpointMs / 2 ? left : undefined;
  }

  #proposeCheckpoint(leases: LeaseCheckpointCommand['leases']): LogIndex | undefined {
    const proposed = this.#parts.propose({ kind: 'leaseCheckpoint', term: this.term, leases });
    return proposed.ok ? proposed.id.index : undefined;
  }
}
