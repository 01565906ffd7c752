/**
 * Lets the cluster's time pass while this member leads and there are sessions or grants: a command a period, and at once when
 * a grant that was lost waits for it, under its own term and
 * never forwarded, the next one only when the one before is applied. It counts by its own monotonic clock from where the
 * state stands, and only the time in which it is in office: so time in which nobody leads does not count.
 */
import type { Raft } from '../raft/raft.js';
import type { EntryId, LogIndex, Term } from '../raft/types.js';
import type { Command } from '../state/command.js';
import { CLUSTER_TIME_PERIOD_MS } from '../state/session/session-limits.js';
import type { StateMachine } from '../state/state-machine.js';

export interface SessionTimeParts {
  readonly raft: Pick<Raft, 'role' | 'term' | 'propose'>;
  /** The sessions and grants as they stand, and the last entry applied to them. */
  readonly state: () => { readonly machine: Pick<StateMachine, 'sessions' | 'grants'>; readonly applied: EntryId };
  /** As an entry that nobody waits for. */
  readonly encode: (command: Command) => Uint8Array;
}

interface Office {
  readonly term: Term;
  /** Up to here this office has told the time, by its own clock. */
  toldTo: number;
  /** Where the last command stands. */
  index: LogIndex;
}

export class SessionTime {
  readonly #parts: SessionTimeParts;
  #office: Office | undefined;

  constructor(parts: SessionTimeParts) {
    this.#parts = parts;
  }

  tick(now: number): void {
    const { raft, state } = this.#parts;
    const { machine, applied } = state();
    const { sessions, grants } = machine;
    // As with leases: whatever the predecessors said is applied by then.
    if (raft.role !== 'leader' || applied.term !== raft.term) {
      this.#office = undefined;
      return;
    }
    if (this.#office?.term !== raft.term) this.#office = { term: raft.term, toldTo: now, index: 0 };
    const office = this.#office;
    const isTimeNeeded = sessions.size > 0 || grants.size > 0;
    if (!isTimeNeeded) office.toldTo = now;
    if (!isTimeNeeded || applied.index < office.index) return;
    const passed = now - office.toldTo;
    const isWanted = sessions.hasOverdue || grants.isTimeWanted(sessions.timeMs + Math.floor(passed));
    if (passed >= CLUSTER_TIME_PERIOD_MS || isWanted) this.#tell(office, sessions.timeMs, passed, now);
  }

  #tell(office: Office, timeMs: number, passed: number, now: number): void {
    const { raft, encode } = this.#parts;
    const ms = timeMs + Math.min(Math.floor(passed), CLUSTER_TIME_PERIOD_MS);
    const proposed = raft.propose(encode({ kind: 'clusterTime', term: office.term, ms }));
    if (!proposed.ok) return;
    office.toldTo = now;
    office.index = proposed.id.index;
  }
}
